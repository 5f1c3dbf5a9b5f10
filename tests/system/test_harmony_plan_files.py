"""`harp-harmony plan` with configurations of its own, and peers that read its files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from harmony_command import CONFIG, Planning
from harmony_corpus import CORPUS, UAT, operation

from harpcaller.tools.harmony import main


@pytest.fixture
def plan(capsys: pytest.CaptureFixture[str]) -> Planning:
    """Return what plans."""
    return Planning(capsys)


def config(folder: Path, table: str, top: str = "") -> Path:
    """Return a configuration beside copies of the corpus's files."""
    for name in ("services.yml", "bindings.yml", "services.env"):
        shutil.copy(CORPUS / "own" / name, folder / name)
    text = CONFIG.read_text().partition("[adapters.harmony]")[2]
    path = folder / "harpcaller.toml"
    path.write_text(f"{top}\n[adapters.harmony]{text}\n{table}\n")
    return path


def test_documents_of_a_shared_directory_are_printed(
    plan: Planning, tmp_path: Path
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


def test_what_is_the_cores_is_let_be(plan: Planning, tmp_path: Path) -> None:
    """How servers are reached makes no difference to a plan."""
    tables = (
        "[adapters.harmony.http]\ntimeout_s = 5\n[adapters.harmony.s3]\nattempts = 1"
    )

    code, lines = plan(
        "test/copy", operation("sync-1.json"), config=config(tmp_path, tables)
    )

    assert code == 0
    assert lines[-1]["call"]["procedure"] == "copy"


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


def test_the_library_reads_our_catalogs(plan: Planning, tmp_path: Path) -> None:
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
    plan: Planning, tmp_path: Path
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
