"""Harmony services as procedures: their files, their words, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harmony_worker import (
    KEY,
    PLAIN,
    TOKEN,
    HarmonyWorker,
    arguments,
    running_services,
    script,
    service,
)

from protocol.outcome import Raised

# What it is told goes into its message.json, where a result brings it from.
LOOK = """
    import json, os, pathlib, sys
    words = sys.argv[1:]
    given = dict(zip(words[::2], words[1::2]))
    out = pathlib.Path(given["--harmony-metadata-dir"])
    text = given.get("--harmony-input")
    file = given.get("--harmony-input-file")
    sources = pathlib.Path(given["--harmony-sources"])
    private = pathlib.Path(file or sources)
    message = json.loads(text or pathlib.Path(file).read_text())
    shape = message.get("subset", {}).get("shape")
    told = {
        "words": words,
        "message": message,
        "names": ["SHARED_SECRET_KEY" in os.environ, os.environ.get("APP_NAME")],
        "key": len(os.environ["SHARED_SECRET_KEY"]),
        "rest": [os.environ[name] for name in ("STAGING_BUCKET", "TEXT_LOGGER")],
        "caller": [os.environ["HARP_USER"], "HARP_PEER" in os.environ],
        "sources": json.loads(sources.read_text()),
        "modes": [oct(private.stat().st_mode), oct(private.parent.stat().st_mode)],
        "shape": shape and pathlib.Path(shape["href"][7:]).read_text(),
    }
    (out / "message.json").write_text(json.dumps(told))
    (out / "catalog.json").write_text("{}")
    if os.environ.get("CASE") == "huge":
        (out / "catalog.json").write_text('{"text":"%s"}' % ("x" * 3_000_000))
        (out / "catalog0.json").write_text('{"text":"%s"}' % ("x" * 3_000_000))
        (out / "batch-catalogs.json").write_text('["catalog.json","catalog0.json"]')
"""
DOCKER = """
    import json, os, pathlib, sys
    record = pathlib.Path(sys.argv[0]).parent / "docker.log"
    env_file = dict(zip(sys.argv, sys.argv[1:])).get("--env-file")
    told = [sys.argv[1:], env_file and pathlib.Path(env_file).read_text()]
    with record.open("a") as file:
        file.write(json.dumps(told) + "\\n")
    sys.exit(137 if sys.argv[1] == "run" else 1)
"""
WITH_KEY = {"secret_key_file": "{key_file}"}


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HarmonyWorker]:
    """Run one worker for all tests here: each call is on its own anyway."""
    folder = tmp_path_factory.mktemp("harmony")
    look = [*PLAIN, str(script(folder / "look.py", LOOK))]
    docker = str(script(folder / "docker", DOCKER))
    run = [docker, "run", "--name", "{name}", "--env-file", "{env_file}", "x"]
    tables = [
        service("look", look, {**WITH_KEY, "environment.STAGING_BUCKET": "b"}),
        service("inline", look, {**WITH_KEY, "input_mode": "inline"}),
        service("contained", run, WITH_KEY),
        service("none", ["/no/such/program"]),
    ]
    with running_services(folder, "".join(tables)) as running:
        yield running


async def seen(worker: HarmonyWorker, name: str, **changes: Any) -> Any:
    """Return what the service found."""
    result = await worker.result(name, **arguments(**changes))
    assert result["exit"] == 0
    return result["message"]


async def test_a_service_gets_its_files_words_and_variables(
    worker: HarmonyWorker,
) -> None:
    """All of it is the call's alone, and gone when the call is over."""
    message = {"a": 1, "accessToken": TOKEN, "callback": "http://h/"}

    told = await seen(worker, "look", message=message, env={"APP_NAME": "x"})

    private = Path(told["words"][3]).parent
    assert told["words"] == [
        *("--harmony-action", "invoke"),
        *("--harmony-input-file", f"{private}/input.json"),
        *("--harmony-sources", f"{private}/in/catalog.json"),
        *("--harmony-metadata-dir", f"{private}/out"),
    ]
    assert told["message"] == {"a": 1, "accessToken": "***"}
    assert told["modes"] == ["0o100600", "0o40700"]
    assert (told["names"], told["key"]) == ([True, "x"], len(KEY))
    assert (told["rest"], told["caller"]) == (["b", "false"], ["user", True])
    assert told["sources"] == {}
    assert worker.private == []


async def test_a_message_without_token_is_a_word_and_has_no_key(
    worker: HarmonyWorker,
) -> None:
    """It gets an empty token: the library knows no message without."""
    told = await seen(worker, "look")

    assert told["words"][2] == "--harmony-input"
    assert told["message"] == {"version": "0.22.0", "accessToken": ""}
    assert told["key"] == 0


async def test_an_operator_may_have_the_token_on_the_command_line(
    worker: HarmonyWorker,
) -> None:
    """Old libraries read no file."""
    told = await seen(worker, "inline", message={"accessToken": TOKEN})

    assert told["words"][2:4] == ["--harmony-input", '{"accessToken":"***"}']


async def test_a_shape_is_a_file(worker: HarmonyWorker) -> None:
    """The library reads no other."""
    shape = '{"type":"Point","coordinates":[0,0]}'

    told = await seen(worker, "look", message={"subset": {"shape": shape}})

    assert told["shape"] == shape


async def test_files_of_the_run_directory_are_used_where_they_are(
    worker: HarmonyWorker,
) -> None:
    """A large message stands there without the token, which comes beside it."""
    root = worker.root
    (root / "message.json").write_text('{"large":true}')
    (root / "in.json").write_text('{"here":1}')
    out = root / "out" / "a0"

    told = await seen(
        worker,
        "look",
        message=None,
        message_file=f"{root}/message.json",
        accessToken=TOKEN,
        sources=f"{root}/in.json",
        metadata_dir=str(out),
        data_location=f"{root}/data",
    )

    assert told["message"] == {"large": True, "accessToken": "***"}
    assert told["sources"] == {"here": 1}
    assert told["words"][4:] == [
        *("--harmony-sources", f"{root}/in.json"),
        *("--harmony-metadata-dir", str(out)),
        *("--harmony-data-location", f"{root}/data/"),
    ]
    assert (out / "catalog.json").exists()


async def test_more_documents_than_a_line_can_have_need_a_folder(
    worker: HarmonyWorker,
) -> None:
    """Another attempt would leave as many; where they are shared nothing is lost."""
    out = f"{worker.root}/huge"
    huge = arguments(env={"CASE": "huge"})

    _, alone = await worker.call("look", **huge)
    shared = await worker.result("look", **{**huge, "metadata_dir": out})

    assert isinstance(alone, Raised)
    assert alone.type == "NoRetry"
    assert "a folder that is shared" in alone.message
    assert (shared["stac"], len(shared["catalogs"])) == (None, 2)


async def test_what_leads_elsewhere_is_refused(worker: HarmonyWorker) -> None:
    """A caller could read and write what is the service's user's."""
    root = worker.root
    (root / "link").symlink_to("/etc")
    (root / "used").mkdir()
    (root / "used" / "error.json").touch()
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"metadata_dir": f"{root}/../x"}, 'without ".."'),
        ({"metadata_dir": f"{root}/link/x"}, "below none"),
        ({"metadata_dir": f"{root}/used"}, "nothing in it"),
        ({"sources": f"{root}/link/hostname"}, "below none"),
        ({"message": None, "message_file": "/etc/hostname"}, "below none"),
    ]

    for changes, said in wrong:
        kind, text = await worker.refusal("look", **arguments(**changes))

        assert kind == "invalid_argument_list", changes
        assert said in text, text
    assert worker.private == []


@pytest.mark.parametrize(
    ("text", "said"),
    [("[", "end of data"), ("[]", "expected an object")],
)
async def test_a_message_file_has_to_be_one(
    worker: HarmonyWorker, text: str, said: str
) -> None:
    """The service would die of it without a word."""
    file = worker.root / "wrong.json"
    file.write_text(text)

    kind, told = await worker.refusal(
        "look", **arguments(message=None, message_file=str(file))
    )

    assert kind == "invalid_argument_list"
    assert said in told


async def test_what_cannot_be_started_is_told(worker: HarmonyWorker) -> None:
    """Programs, and files that are not there."""
    program = await worker.refusal("none", **arguments())
    gone = f"{worker.root}/none.json"
    file = await worker.refusal("look", **arguments(message=None, message_file=gone))

    loading = "procedure_loading_error"
    assert program == (loading, "No such file or directory: /no/such/program")
    assert file == (loading, f"No such file or directory: {gone}")
    assert worker.private == []


async def test_a_container_is_killed_by_its_name(worker: HarmonyWorker) -> None:
    """To end the client would leave it running; its variables are in a file."""
    result = await worker.result(
        "contained", **arguments(message={"accessToken": TOKEN}, env={"APP_NAME": "x"})
    )

    log = worker.root.parent / "docker.log"
    [run, kill] = [json.loads(line) for line in log.read_text().splitlines()]
    name = run[0][2]
    assert name.startswith("harp-")
    assert kill == [["kill", name], None]
    variables = dict(line.split("=", 1) for line in run[1].splitlines())
    assert (variables["APP_NAME"], variables["HARP_USER"]) == ("x", "user")
    assert variables["SHARED_SECRET_KEY"] == KEY
    assert "PATH" not in variables
    assert (result["exit"], result["signal"]) == (None, 9)


def test_services_are_listed(worker: HarmonyWorker) -> None:
    """As all other procedures."""
    rows = [
        json.loads(line) for line in worker.harpd.verb("procedures").stdout.splitlines()
    ]

    [row] = [row for row in rows if row["name"] == "look"]
    assert row["streams"]
    assert row["signature"].startswith("(unit: string, attempt: integer = 0, ")
