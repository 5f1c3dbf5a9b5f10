"""Services built on the real harmony-service-lib, run by harpd, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
from harmony_answers import FakeService, running_service
from harmony_corpus import corpus_json
from harmony_worker import (
    TOKEN,
    USERS_TOKEN,
    HarmonyWorker,
    arguments,
    example,
    running_services,
    script,
    service,
    two_granules,
)

from protocol.jsontext import decode
from protocol.outcome import Returned

SERVICE = """
    import argparse, os, signal, sys, tempfile
    import harmony_service_lib as library
    from harmony_service_lib import exceptions, util
    from pystac import Catalog

    CASE = os.environ["CASE"]
    ENDS = {
        "nodata": lambda: exceptions.NoDataException(),
        "noretry": lambda: exceptions.NoRetryException("never"),
        "value": lambda: ValueError("a bug"),
    }

    class Adapter(library.BaseHarmonyAdapter):
        seen = 0

        def invoke(self):
            print(self.message.accessToken, self.config.shared_secret_key)
            if CASE == "list":
                return self.message, [Catalog(f"c{n}", "output") for n in range(2)]
            return super().invoke()

        def process_item(self, item, source):
            Adapter.seen += 1
            if CASE == "download":
                [asset] = item.assets.values()
                token = self.message.accessToken
                with tempfile.TemporaryDirectory() as folder:
                    util.download(asset.href, folder, access_token=token)
            if CASE == "exit":
                sys.exit(3)
            if CASE.startswith("SIG"):
                os.kill(os.getpid(), getattr(signal, CASE))
            if CASE == "second" and self.seen == 2:
                raise exceptions.ServerException("at the second")
            if CASE in ENDS:
                raise ENDS[CASE]()
            return None if CASE == "none" else item.clone()

    parser = argparse.ArgumentParser()
    library.setup_cli(parser)
    options = parser.parse_args()
    if CASE == "not JSON":
        options.harmony_input, options.harmony_input_file = "{", None
    library.run_cli(parser, options, Adapter)
"""
WITH_KEY = {"secret_key_file": "{key_file}"}
MESSAGE = corpus_json("messages/example_message.json")
ITEMS = ("item1.json", "item2.json")
EULA_TEXT = "Request could not be completed because you need to agree to the EULA"


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HarmonyWorker]:
    """Run one worker for all tests here: each call is on its own anyway."""
    folder = tmp_path_factory.mktemp("harmony")
    program = script(folder / "service.py", SERVICE)
    config = service("example", [sys.executable, example()])
    config += service("cases", [sys.executable, str(program)], WITH_KEY)
    with running_services(folder, config) as running:
        yield running


def cased(case: str, data: Path, **changes: Any) -> dict[str, Any]:
    """Return the arguments of a call that goes one way."""
    message = {**MESSAGE, "accessToken": TOKEN}
    return arguments(
        message=message, sources=two_granules(data), env={"CASE": case}, **changes
    )


def downloading(data: FakeService, how: str, folder: Path) -> dict[str, Any]:
    """Return the arguments of a call that fetches granules from a server."""
    call = cased("download", folder)
    for name in ITEMS:
        asset = call["sources"]["files"][name]["assets"]["data"]
        asset["href"] = f"http://127.0.0.1:{data.port}/{how}"
    return call


async def side_by_side(
    worker: HarmonyWorker, calls: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the results of calls of `cases`, each with the lines of its stderr.

    To load the library takes a second of a processor, and there are several.
    """
    results: list[dict[str, Any]] = [{} for _ in calls]

    async def carry_out(number: int) -> None:
        packets, outcome = await worker.call("cases", **calls[number])
        assert isinstance(outcome, Returned), outcome
        said = [packet for packet in packets if packet.get("log") == "stderr"]
        lines = [packet.get("line") or str(packet["json"]) for packet in said]
        result: Any = decode(outcome.value)
        results[number] = {**result, "stderr": lines}

    async with trio.open_nursery() as nursery:
        for number in range(len(calls)):
            nursery.start_soon(carry_out, number)
    return results


async def test_the_example_of_the_library_is_run(
    worker: HarmonyWorker, tmp_path: Path
) -> None:
    """H-25: unmodified, from its wheel; its token is plain, so there is no key."""
    out = worker.root / "example"
    packets, outcome = await worker.call(
        "example",
        **arguments(
            message=MESSAGE,
            sources=two_granules(tmp_path),
            metadata_dir=str(out),
            env={"APP_NAME": "an-example"},
        ),
    )

    assert isinstance(outcome, Returned)
    result: Any = decode(outcome.value)
    assert (result["exit"], result["signal"], result["error"]) == (0, None, None)
    assert (result["catalogs"], result["items"]) == (["catalog.json"], 2)
    assert (out / "catalog.json").exists()
    documents = result["stac"]["files"].values()
    titles = [one["assets"]["data"]["title"] for one in documents if "assets" in one]
    assert titles == ["g_1.txt", "g_2.txt"]
    assert "dpi" not in result["message"]["format"]
    assert "accessToken" not in result["message"]
    said = [packet["json"] for packet in packets if "json" in packet]
    assert {line["application"] for line in said} == {"an-example"}
    assert any(packet.get("line", "").startswith("Processing") for packet in packets)


ENDS = [
    ("nodata", "NoData Warning: No data"),
    ("noretry", "NoRetry Error: never"),
    ("value", "Unknown Error: Service request failed with an unknown error"),
    ("second", "Server Error: at the second"),
]


@pytest.mark.parametrize(("case", "told"), ENDS)
async def test_an_error_of_a_service_is_told(
    worker: HarmonyWorker, tmp_path: Path, case: str, told: str
) -> None:
    """The exit status is 1 for all of them, for warnings too."""
    result = await worker.result("cases", **cased(case, tmp_path))

    assert (result["exit"], result["catalogs"], result["stac"]) == (1, [], None)
    error = result["error"]
    text = f"{error['category']} {error['level']}: {error['error']}"
    assert text.startswith(told)


async def test_a_service_that_leaves_or_is_killed(
    worker: HarmonyWorker, tmp_path: Path
) -> None:
    """The library writes an error for the first; nobody can for the second."""
    left = await worker.result("cases", **cased("exit", tmp_path))
    killed = await worker.result("cases", **cased("SIGKILL", tmp_path))

    assert (left["exit"], left["error"]["category"]) == (3, "Unknown")
    assert (killed["exit"], killed["signal"], killed["error"]) == (None, 9, None)


async def test_a_list_of_catalogs_is_told_in_order(
    worker: HarmonyWorker, tmp_path: Path
) -> None:
    """Each may become a unit of the next step."""
    result = await worker.result("cases", **cased("list", tmp_path))

    assert result["catalogs"] == ["catalog0.json", "catalog1.json"]
    assert [*result["stac"]["files"]] == result["catalogs"]
    assert result["items"] == 0


async def test_what_a_service_keeps_to_itself_is_no_error(
    worker: HarmonyWorker, tmp_path: Path
) -> None:
    """A catalog without items is a success without output."""
    result = await worker.result("cases", **cased("none", tmp_path))

    assert (result["exit"], result["catalogs"], result["items"]) == (
        0,
        ["catalog.json"],
        0,
    )


async def test_the_token_is_opened_by_the_service_and_told_by_nobody(
    worker: HarmonyWorker, tmp_path: Path
) -> None:
    """The service printed it and the key, as careless ones do."""
    packets, outcome = await worker.call("cases", **cased("copy", tmp_path))

    assert isinstance(outcome, Returned)
    result: Any = decode(outcome.value)
    assert (result["exit"], result["items"]) == (0, 2)
    said = [packet["line"] for packet in packets if packet["log"] == "stdout"]
    assert said == ["*** ***"]
    everything = f"{packets}{outcome}{worker.harpd.log}"
    assert TOKEN not in everything
    assert USERS_TOKEN not in everything


async def test_a_service_fetches_granules_with_the_token_of_the_user(
    worker: HarmonyWorker, tmp_path: Path
) -> None:
    """The key that it is told opens it, and only where the granule is it is shown."""
    with running_service() as data:
        result = await worker.result("cases", **downloading(data, "g.nc", tmp_path))

    assert (result["exit"], result["items"]) == (0, 2)
    told = [request["headers"]["Authorization"] for request in data.requests]
    assert told == [f"Bearer {USERS_TOKEN}"] * 2
    paths = {request["path"] for request in data.requests}
    assert paths == {f"/g.nc?A-api-request-uuid={MESSAGE['requestId']}"}


SERVERS_ENDS = {
    "forbidden": ("Forbidden", "Forbidden: Unable to download http://"),
    "eula": ("Forbidden", f"{EULA_TEXT} at https://h/eula"),
    "busy": ("Server", "Unable to download due to status code: 503"),
}


async def test_what_a_data_server_refuses_has_its_category(
    worker: HarmonyWorker, tmp_path: Path
) -> None:
    """By that the adapter tries again, or not; the link to the EULA is the user's."""
    with running_service() as data:
        calls = [downloading(data, how, tmp_path) for how in SERVERS_ENDS]
        results = await side_by_side(worker, calls)

    for result, (category, text) in zip(results, SERVERS_ENDS.values(), strict=True):
        assert (result["exit"], result["catalogs"]) == (1, [])
        assert result["error"]["category"] == category
        assert result["error"]["error"].startswith(text)


async def test_a_service_that_gets_a_signal_says_what_it_can(
    worker: HarmonyWorker, tmp_path: Path
) -> None:
    """Python makes an exception of SIGINT alone, which the library writes down."""
    calls = [cased(name, tmp_path) for name in ("SIGTERM", "SIGINT")]

    ended, interrupted = await side_by_side(worker, calls)

    assert (ended["exit"], ended["signal"], ended["error"]) == (None, 15, None)
    assert (interrupted["exit"], interrupted["signal"]) == (None, 2)
    assert interrupted["error"]["category"] == "Unknown"


async def test_what_the_library_dies_of_leaves_lines_alone(
    worker: HarmonyWorker, tmp_path: Path
) -> None:
    """A message that is no JSON, sources that are not there: no error.json."""
    wrong = cased("not JSON", tmp_path)
    missing = cased("copy", tmp_path) | {"sources": f"{worker.root}/none/catalog.json"}

    ends = await side_by_side(worker, [wrong, missing])

    nothing = {"exit": 1, "catalogs": [], "stac": None, "message": None, "error": None}
    for end in ends:
        assert end | nothing == end
    said = ["\n".join(end["stderr"]) for end in ends]
    assert "JSONDecodeError" in said[0]
    assert "FileNotFoundError" in said[1]


async def test_a_granule_has_to_be_at_an_absolute_place(
    worker: HarmonyWorker, tmp_path: Path
) -> None:
    """The library reads no other, and so what we hand on has none."""
    call = cased("download", tmp_path)
    for name in ITEMS:
        call["sources"]["files"][name]["assets"]["data"]["href"] = "./g.nc"

    [result] = await side_by_side(worker, [call])

    assert (result["exit"], result["error"]["category"]) == (1, "Unknown")
    text = "Unable to download a url of unknown type"
    assert any(text in line for line in result["stderr"])


async def test_a_token_that_was_not_closed_is_a_failure_without_words(
    worker: HarmonyWorker, tmp_path: Path
) -> None:
    """The library dies before it could write any; the lines say why."""
    call = cased("copy", tmp_path)
    call["message"]["accessToken"] = "plain"

    packets, outcome = await worker.call("cases", **call)

    assert isinstance(outcome, Returned)
    result: Any = decode(outcome.value)
    assert (result["exit"], result["error"], result["catalogs"]) == (1, None, [])
    assert any(packet["log"] == "stderr" for packet in packets)


async def test_a_message_without_token_and_with_a_shape_is_run(
    worker: HarmonyWorker, tmp_path: Path
) -> None:
    """Both crash the library as they are: it gets an empty one, and a file."""
    call = cased("copy", tmp_path)
    del call["message"]["accessToken"]
    call["message"]["subset"] = {"shape": '{"type":"Point","coordinates":[0,0]}'}

    result = await worker.result("cases", **call)

    assert (result["exit"], result["items"]) == (0, 2)
    assert result["message"]["subset"]["shape"]["type"] == "application/geo+json"
    assert worker.private == []
