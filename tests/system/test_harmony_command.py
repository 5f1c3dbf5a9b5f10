"""`harp-harmony plan`, on files: the acceptance cases of messages and plans."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harmony_corpus import CORPUS, UAT, corpus_json, operation

from harpcaller.tools.harmony import main

CONFIG = CORPUS / "own/adapter.toml"
Plan = Callable[..., tuple[int, list[Any]]]


@pytest.fixture
def plan(capsys: pytest.CaptureFixture[str]) -> Plan:
    """Return what plans a message: exit code, and the lines that were printed."""

    def run(service: str, message: Any, *more: str, config: Path = CONFIG) -> Any:
        given = (
            ["--harmony-input-file", str(message)]
            if isinstance(message, Path)
            else [
                "--harmony-input",
                message if isinstance(message, str) else json.dumps(message),
            ]
        )
        code = main(
            ["plan", "--config", str(config), "--service", service, *given, *more]
        )
        return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def refusal(planned: tuple[int, list[Any]]) -> tuple[str, int, str, list[str]]:
    """Return code, status, text and pointers of a refusal, the only line."""
    code, ((line),) = planned
    assert code == 1
    refused = line["refused"]
    pointers = [detail["pointer"] for detail in refused["details"]]
    return refused["code"], refused["status"], refused["message"], pointers


@pytest.mark.parametrize("version", ["4", "10", "22"])
def test_valid_messages_make_one_call_each(plan: Plan, version: str) -> None:
    """H-1."""
    path = CORPUS / f"messages/valid-operation-v0.{version}.0.json"

    code, lines = plan("test/copy", path, "--intake", "http")

    assert code == 0
    assert [line["key"] for line in lines if "key" in line] == ["s1.b0/a0"]
    assert lines[0]["plan"]["mode"] == "sync"


@pytest.mark.parametrize(
    ("name", "version", "pointers"),
    [
        ("valid-operation-v0.10.0.json", "0.9.0", {"/format/srs"}),
        (
            "valid-operation-v0.22.0.json",
            "0.21.0",
            {"/sources/0/visualizations", "/sources/0/variables/0/visualizations"},
        ),
        ("invalid-operation-input.json", "0.22.0", {"/subset/bbox", "/accessToken"}),
    ],
)
def test_fields_of_another_version_are_named(
    plan: Plan, name: str, version: str, pointers: set[str]
) -> None:
    """H-1, H-2."""
    relabelled = operation(name, version=version)

    code, status, text, places = refusal(
        plan("test/copy", relabelled, "--intake", "http")
    )

    assert (code, status, set(places)) == ("E4", 400, pointers)
    assert text.startswith("Invalid message at ")


def test_versions_are_looked_at_first(plan: Plan) -> None:
    """H-2, H-3."""
    unversioned = CORPUS / "messages/invalid-operation-input.json"
    newer = operation("async-2.json", version="0.23.0", shiny=1)

    assert refusal(plan("test/copy", unversioned))[0] == "E3"
    assert plan("test/copy", newer)[1][0]["plan"]["warnings"] == [
        "message: /shiny is not known in this version"
    ]
    for version in ("0.3.0", "1.0.0", "0.22", 22):
        assert (
            refusal(plan("test/copy", operation("async-2.json", version=version)))[0]
            == "E3"
        )
    null = operation("async-2.json") | {"subset": None}
    assert refusal(plan("test/copy", null))[0] == "E4"


@pytest.mark.parametrize(
    ("text", "place"),
    [('{"a": 1,\n"a": 2}', "line 2 column 1"), ('{"a": NaN}', "line 1 column 7")],
)
def test_text_that_is_no_json_is_refused(plan: Plan, text: str, place: str) -> None:
    """H-3."""
    assert refusal(plan("test/copy", text)) == (
        "E1",
        400,
        f"Message is not valid JSON: {place}",
        [],
    )


def test_a_catalog_of_then_is_read(plan: Plan) -> None:
    """H-10: and passed on by its documents, where no directory is shared."""
    code, lines = plan(
        "test/copy",
        CORPUS / "messages/example_message.json",
        "--harmony-sources",
        str(CORPUS / "catalogs/beta2/catalog0.json"),
    )

    assert code == 0
    assert lines[0]["plan"]["granules"] == 1
    files = lines[1]["call"]["arguments"]["sources"]["files"]
    assert len(files["item0.json"]["assets"]) == 2
    assert files["catalog.json"]["links"][0]["href"].endswith("C1233800302-EEDTEST")


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"requestId": "../../x"}, ("E5", 400)),
        ({"callback": "http://169.254.169.254/"}, ("E7", 403)),
        ({"sources": []}, ("E8", 400)),
    ],
)
def test_bad_input_is_refused_with_its_code(
    plan: Plan, changes: dict[str, Any], answer: tuple[str, int]
) -> None:
    """H-13: no call is planned."""
    refused = refusal(plan("test/copy", operation("async-2.json") | changes))

    assert refused[:2] == answer


def test_sources_may_override_the_message(plan: Plan, tmp_path: Path) -> None:
    """H-13: `file:///etc/hostname` as a granule is refused there too."""
    override = tmp_path / "sources.json"
    fields = operation("async-2.json")["sources"]
    fields[0]["granules"][0]["url"] = "file:///etc/hostname"
    override.write_text(json.dumps({"sources": fields}))

    code, _, text, _ = refusal(
        plan("test/copy", operation("async-2.json"), "--harmony-sources", str(override))
    )

    assert (code, text) == ("E9", "Granule URL is not allowed: file:")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "c.json: No such file or directory"),
        ("{", "c.json is no JSON"),
        ("[]", "it is neither a STAC catalog nor an object"),
        ('"c.json"', "it is neither a STAC catalog nor an object"),
        (" " * (4 * 2**20 + 1), "c.json is larger than 4194304 bytes"),
    ],
)
def test_sources_that_cannot_be_read_are_refused(
    plan: Plan, tmp_path: Path, text: str | None, reason: str
) -> None:
    """E15: the file is named, its folder is not."""
    if text is not None:
        (tmp_path / "c.json").write_text(text)

    answer = refusal(
        plan(
            "test/copy",
            operation("async-2.json"),
            "--harmony-sources",
            str(tmp_path / "c.json"),
        )
    )

    assert answer == ("E15", 400, f"Cannot read input catalog: {reason}", [])


def test_only_files_of_this_machine_are_read(plan: Plan, tmp_path: Path) -> None:
    """A plan sends nothing."""
    catalog = corpus_json("own/catalogs/two-granules/catalog.json")
    catalog["links"][1]["href"] = "https://h/item.json"
    (tmp_path / "c.json").write_text(json.dumps(catalog))
    sources = ("--harmony-sources", str(tmp_path / "c.json"))

    answer = refusal(plan("test/copy", operation("async-2.json"), *sources))

    assert answer[0] == "E15"
    assert answer[2].endswith("only files of this machine are read here")


def test_a_bundle_may_be_a_file(plan: Plan, tmp_path: Path) -> None:
    """It is passed on as it is."""
    bundle = corpus_json("own/outcomes/async-2.s1.b0.json")["result"]["stac"]
    (tmp_path / "b.json").write_text(json.dumps(bundle))
    sources = ("--harmony-sources", str(tmp_path / "b.json"))

    _, lines = plan("test/copy", operation("async-2.json"), *sources)

    assert lines[-1]["call"]["arguments"]["sources"] == bundle


def config(folder: Path, table: str, top: str = "") -> Path:
    """Return a configuration beside copies of the corpus's files."""
    for name in ("services.yml", "bindings.yml", "services.env"):
        shutil.copy(CORPUS / "own" / name, folder / name)
    text = CONFIG.read_text().partition("[adapters.harmony]")[2]
    path = folder / "harpcaller.toml"
    path.write_text(f"{top}\n[adapters.harmony]{text}\n{table}\n")
    return path


def test_documents_of_a_shared_directory_are_printed(
    plan: Plan, tmp_path: Path
) -> None:
    """They would be written before their call goes out."""
    path = config(tmp_path, 'work_dir = "/shared"\ncancel_grace_s = 30')

    _, lines = plan("test/copy", operation("sync-1.json"), config=path)

    job = "00000000-0000-0000-0000-000000000000"
    place = f"/shared/{job}/s1.b0/in/catalog.json"
    assert lines[1]["save"]["uri"] == place
    assert lines[-1]["call"]["arguments"]["sources"] == place
    assert lines[-1]["call"]["arguments"]["message"]["accessToken"] == "***"
    assert lines[-1]["after"] == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "No such file or directory"),
        ("x", "Expected"),
        ("[adapters]", "there is no table [adapters.harmony]"),
        ("adapters = 7", "there is no table [adapters.harmony]"),
        ("[adapters.harmony]", "adapters.harmony.services: expected a text"),
    ],
)
def test_a_wrong_configuration_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, complaint: str
) -> None:
    """All of it is told, where it stands; nothing is planned."""
    path = tmp_path / "c.toml"
    if text is not None:
        path.write_text(text)

    code = main(
        ["plan", "--config", str(path), "--service", "x", "--harmony-input", "{}"]
    )

    assert code == 2
    assert complaint in capsys.readouterr().err


def test_all_problems_of_services_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """H-7, H-8: E22 names file, service and step."""
    path = config(tmp_path, "", top="max_exec_time = 900")
    services = tmp_path / "services.yml"
    services.write_text(services.read_text().replace("batch_size: 5", "batch_size: -1"))

    code = main(
        ["plan", "--config", str(path), "--service", "x", "--harmony-input", "{}"]
    )

    assert code == 2
    assert capsys.readouterr().err.splitlines() == [
        "services.yml: test/any-collection: batch_size:"
        " expected a whole number of at least 0",
        "bindings.yml: test/subset: max_exec_time: the core allows 900 seconds at most",
    ]


def test_a_message_that_is_not_there_is_a_usage_error(
    plan: Plan, tmp_path: Path
) -> None:
    """It is no message that could be refused."""
    assert plan("test/copy", tmp_path / "gone.json") == (2, [])


READ_BY_LIBRARY = """
import json, sys
from harmony_service_lib.adapter import BaseHarmonyAdapter
from harmony_service_lib.message import Message
from harmony_service_lib.util import config
from pystac import Catalog

class Reader(BaseHarmonyAdapter):
    def process_item(self, item, source):
        shape = item.geometry["type"]
        print(json.dumps([item.id, source.collection, shape, item.bbox]))
        return item

catalog = Catalog.from_file(sys.argv[1])
message = Message(json.load(open(sys.argv[2])))
Reader(message, catalog, config(False)).invoke()
"""


def test_the_library_reads_our_catalogs(plan: Plan, tmp_path: Path) -> None:
    """H-12: each item with the source of its collection, boxes kept."""
    path = config(tmp_path, f'work_dir = "{tmp_path}/work"')
    message = operation("two-sources-13.json")
    message["sources"][0]["granules"][0]["bbox"] = [170, -10, -170, 10]
    services = tmp_path / "services.yml"
    services.write_text(services.read_text().replace("batch_size: 5", "batch_size: 0"))

    _, lines = plan("test/any-collection", message, config=path)
    for line in lines:
        if "save" in line:
            file = Path(line["save"]["uri"])
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(line["save"]["body"]))
    arguments = lines[-1]["call"]["arguments"]
    (tmp_path / "m.json").write_text(json.dumps(arguments["message"]))
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            READ_BY_LIBRARY,
            arguments["sources"],
            tmp_path / "m.json",
        ],
        env={**os.environ, "ENV": "dev", "STAGING_PATH": "p", "STAGING_BUCKET": "b"},
        capture_output=True,
        check=True,
    )

    read = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(read) == 13
    sources = {
        granule["id"]: source["collection"]
        for source in message["sources"]
        for granule in source["granules"]
    }
    assert {item: source for item, source, _, _ in read} == sources
    assert read[0][2:] == ["MultiPolygon", [170, -10, -170, 10]]


def test_the_extra_is_loaded_when_it_is_needed() -> None:
    """H-29: a daemon without Harmony, or before its first request, does without."""
    code = (
        "import sys; import harpcaller.adapters.harmony.admission,"
        " harpcaller.adapters.harmony.loading, harpcaller.adapters.harmony.plan;"
        " print([name for name in ('pystac', 'jsonschema', 'yaml')"
        " if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )

    assert done.stdout == "[]\n"


def test_ten_thousand_granules_are_planned_in_seconds(
    plan: Plan, tmp_path: Path
) -> None:
    """H-28: a hundred batches of a hundred; the target is 5 s, the limit has slack."""
    path = config(tmp_path, "")
    services = tmp_path / "services.yml"
    text = services.read_text().replace("batch_size: 5", "batch_size: 100")
    services.write_text(text.replace("maximum_async_granules: 13", ""))
    message = operation("two-sources-13.json")
    first = message["sources"][0]["granules"][0]
    message["sources"] = message["sources"][:1]
    message["sources"][0]["granules"] = [
        {**first, "id": f"G{number}"} for number in range(10_000)
    ]
    (tmp_path / "m.json").write_text(json.dumps(message))

    code, lines = plan("test/any-collection", tmp_path / "m.json", config=path)

    assert code == 0
    assert len(lines) == 101
    assert UAT in json.dumps(lines[1])
