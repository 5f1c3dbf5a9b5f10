"""`harp-harmony --harmony-action invoke`, where a dispatcher follows a script."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pystac
import pytest
from harmony_container import (
    CATALOG,
    TOKEN,
    Run,
    done,
    line,
    run_in_place,
)
from harmony_corpus import corpus_json
from line_server import ACCEPTED, JOB, LineServer

READ_BY_LIBRARY = """
import sys
from pystac import Catalog
from harmony_service_lib.s3_stac_io import S3StacIO
catalog = Catalog.from_file(sys.argv[1], stac_io=S3StacIO())
[link] = catalog.get_links("harmony_source")
print(link.target.split("/")[-1], len(list(catalog.get_items())))
"""


def ended(value: Any) -> tuple[list[bytes], list[bytes]]:
    """Return the script of a dispatcher whose job ends so."""
    return [ACCEPTED], [line(value)]


def failed(run: Run) -> tuple[int, str, str, str]:
    """Return exit, text, category and level of a container that failed."""
    error = run.left("error.json")
    assert run.names == {"error.json"}
    return run.code, error["error"], error["category"], error["level"]


def test_a_success_leaves_catalogs_and_what_is_left_of_the_message(
    tmp_path: Path,
) -> None:
    """H-24: the next container reads them; only its user reads the token."""
    folder = tmp_path / "made" / "here"
    with LineServer([ACCEPTED], [done()]) as server:
        run = run_in_place(server, folder)

    assert run.code == 0
    [item] = pystac.Catalog.from_file(str(folder / "catalog.json")).get_items()
    assert item.assets["data"].href.startswith("s3://")
    assert run.left("run.json").keys() == {"outputs"}
    message = run.left("message.json")
    assert message["accessToken"] == TOKEN
    assert message["stagingLocation"].startswith("s3://staging.example.org/")
    assert "sources" not in message
    assert stat.S_IMODE((folder / "message.json").stat().st_mode) == 0o600
    assert not any(path.name.startswith(".") for path in folder.rglob("*"))


def test_the_library_reads_what_is_left_behind(tmp_path: Path) -> None:
    """H-24: the container after ours is one of its own."""
    with LineServer([ACCEPTED], [done()]) as server:
        run_in_place(server, tmp_path)

    read = subprocess.run(
        [sys.executable, "-c", READ_BY_LIBRARY, str(tmp_path / "catalog.json")],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "STAGING_PATH": "p", "STAGING_BUCKET": "b"},
    )

    assert read.stdout == "C1233800302-EEDTEST 1\n", read.stderr


def test_the_call_is_that_of_a_container(tmp_path: Path) -> None:
    """No posts, mild judgement, the catalog itself, and staging where it is told to."""
    with LineServer([ACCEPTED], [done()]) as server:
        run_in_place(
            server,
            tmp_path,
            sources=CATALOG,
            data_location="s3://there/",
            service="a/b",
        )

    call, follow = server.requests
    assert (call["host"], call["procedure"]) == ("@harmony", "a/b")
    assert call["key"]
    arguments = call["arguments"]
    assert arguments["options"] == {"dialect": "none", "validation": "compat"}
    assert arguments["operation"]["stagingLocation"] == "s3://there/"
    assert arguments["operation"]["accessToken"] == TOKEN
    assert arguments["sources"]["root"] == "catalog.json"
    assert set(arguments["sources"]["files"]) == {
        "catalog.json",
        "item1.json",
        "item2.json",
    }
    assert follow["follow_stream"] == JOB


def test_a_shared_catalog_goes_by_its_path(tmp_path: Path) -> None:
    """A large one would not fit into a line."""
    with LineServer([ACCEPTED], [done()]) as server:
        run_in_place(server, tmp_path, sources=CATALOG, is_shared=True)

    assert server.requests[0]["arguments"]["sources"] == str(CATALOG)


def test_documents_of_a_catalog_may_be_anywhere(tmp_path: Path) -> None:
    """By URL they are left to the dispatcher; relative assets get their place."""
    item = corpus_json("own/catalogs/two-granules/item1.json")
    item["assets"] = {"data": {"href": "./g.nc"}, "odd": 1}
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "item.json").write_text(json.dumps(item))
    (beside / "bare.json").write_text("[]")
    links = [
        {"rel": "item", "href": "../beside/item.json"},
        {"rel": "item", "href": f"file://{beside}/item.json"},
        {"rel": "child", "href": str(beside / "bare.json")},
        {"rel": "item", "href": "https://h/item.json"},
        {"rel": "next", "href": "catalog.json"},
        {"rel": "harmony_source", "href": "https://h/C1"},
        "odd",
    ]
    catalog = tmp_path / "in" / "catalog.json"
    catalog.parent.mkdir()
    catalog.write_text(json.dumps({"type": "Catalog", "links": links}))
    with LineServer([ACCEPTED], [done()]) as server:
        run_in_place(server, tmp_path / "out", sources=catalog)

    files = server.requests[0]["arguments"]["sources"]["files"]
    assert set(files) == {
        "catalog.json",
        "../beside/item.json",
        f"file://{beside}/item.json",
        str(beside / "bare.json"),
    }
    moved = files["../beside/item.json"]["assets"]
    assert Path(moved["data"]["href"].removeprefix("file://")) == beside / "g.nc"


def test_sources_may_be_fields(tmp_path: Path) -> None:
    """They go as they are; the next container gets their token."""
    fields = {"accessToken": "other"}
    sources = tmp_path / "sources.json"
    sources.write_text(json.dumps(fields))
    with LineServer([ACCEPTED], [done()]) as server:
        run = run_in_place(server, tmp_path / "out", sources=sources)

    assert server.requests[0]["arguments"]["sources"] == fields
    assert run.left("message.json")["accessToken"] == "other"


def test_a_large_result_is_read_where_it_lies(tmp_path: Path) -> None:
    """One that passes a line is told by its place."""
    there = f"file://{CATALOG}"
    with LineServer([ACCEPTED], [done(stac={"href": there, "count": 2})]) as server:
        run = run_in_place(server, tmp_path)

    assert run.code == 0
    assert len(run.names) == 5


def test_a_catalog_of_another_name_is_found_by_the_usual_one(tmp_path: Path) -> None:
    """Harmony looks for `catalog.json`."""
    stac = {"root": "out.json", "files": {"out.json": {"id": "x"}}}
    with LineServer([ACCEPTED], [done(stac=stac)]) as server:
        run = run_in_place(server, tmp_path)

    assert run.left("catalog.json") == {"id": "x"}


@pytest.mark.parametrize("name", ["../x.json", "/tmp/x.json", "", "a\0b"])  # noqa: S108
def test_no_document_leads_out_of_the_directory(tmp_path: Path, name: str) -> None:
    """Their names come from a service."""
    folder = tmp_path / "out"
    stac = {"root": name, "files": {name: {}}}
    with LineServer([ACCEPTED], [done(stac=stac)]) as server:
        run = run_in_place(server, folder)

    assert failed(run)[2] == "Service"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("result", [{"stac": None}, {"message": None}])
def test_a_result_without_outputs_is_a_failure(tmp_path: Path, result: Any) -> None:
    """A dispatcher of another version may give one."""
    with LineServer([ACCEPTED], [done(**result)]) as server:
        run = run_in_place(server, tmp_path)

    assert failed(run)[2] == "Service"


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (
            {"exception": {"type": "NoData", "message": "none", "data": {}}},
            (1, "none", "NoData", "Warning"),
        ),
        (
            {"exception": {"type": "Server", "message": "copy: 503", "data": {}}},
            (1, "copy: 503", "Server", "Error"),
        ),
        (
            {"exception": {"type": "KeyError", "message": "odd"}},
            (1, "odd", "Unknown", "Error"),
        ),
        (
            {"cancelled": True},
            (1, "Request was canceled by the service operator", "Canceled", "Error"),
        ),
        (
            {"error": {"type": "timeout", "message": "m"}},
            (1, "Request timed out", "Canceled", "Error"),
        ),
        (
            {"error": {"type": "missing_result", "message": "m"}},
            (1, "Service request failed with an unknown error", "Server", "Error"),
        ),
        (
            {"error": {"type": "os_error", "message": "m"}},
            (1, "Service request failed with an unknown error", "Unknown", "Error"),
        ),
    ],
)
def test_a_failure_is_told_in_the_words_of_the_library(
    tmp_path: Path, end: Any, told: tuple[int, str, str, str]
) -> None:
    """H-24: Harmony reads error.json, and nothing else."""
    with LineServer(*ended(end)) as server:
        run = run_in_place(server, tmp_path)

    assert failed(run) == told
    assert (run.log[-1]["level"], run.log[-1]["error"]) == ("ERROR", told[1])


@pytest.mark.parametrize(
    ("error", "category"),
    [
        ({"type": "invalid_request", "message": "E"}, "NoRetry"),
        ({"type": "too_large", "message": "E"}, "NoRetry"),
        ({"type": "forbidden", "message": "E"}, "Forbidden"),
        ({"type": "storage_full", "message": "E"}, "Server"),
    ],
)
def test_a_refusal_is_a_failure(tmp_path: Path, error: Any, category: str) -> None:
    """H-13: what the dispatcher says of a request is what the user reads."""
    with LineServer([line({"error": error})]) as server:
        run = run_in_place(server, tmp_path)

    code, text, told, _ = failed(run)
    assert (code, told) == (1, category)
    assert text == "E" or "--shared" in text


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        (b'{"a": NaN}', "Message is not valid JSON: line 1 column 7"),
        (b"[]", "Message must be a JSON object"),
    ],
)
def test_a_message_that_is_none_is_not_sent(
    tmp_path: Path, operation: bytes, text: str
) -> None:
    """H-13: E1 and E2, without a dispatcher."""
    (tmp_path / "error.json").write_text("of an earlier container")

    run = run_in_place("127.0.0.1:1", tmp_path, operation=operation)

    assert failed(run) == (1, text, "NoRetry", "Error")


def test_a_catalog_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """H-13: E15; the library leaves nothing behind then."""
    run = run_in_place("127.0.0.1:1", tmp_path, sources=tmp_path / "gone.json")

    text = "Cannot read input catalog: gone.json: No such file or directory"
    assert failed(run) == (1, text, "NoRetry", "Error")


def test_without_a_dispatcher_it_fails_after_a_while(tmp_path: Path) -> None:
    """E21: Harmony may try again."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        run = run_in_place(
            f"127.0.0.1:{taken.getsockname()[1]}", tmp_path, patience_s=0.6
        )

    assert failed(run)[2:] == ("Server", "Error")


def test_a_dispatcher_that_stops_is_waited_for(tmp_path: Path) -> None:
    """E21: it comes back, and knows nothing of us yet."""
    busy = line({"error": {"type": "overloaded", "message": "m"}})
    with LineServer([busy], [ACCEPTED], [done()]) as server:
        run = run_in_place(server, tmp_path, patience_s=20)

    assert run.code == 0
    first, second, _ = server.requests
    assert first == second


def test_something_else_at_the_address_is_not_waited_for(tmp_path: Path) -> None:
    """It would stay."""
    with LineServer([b"HTTP/1.1 400\r\n"]) as server:
        run = run_in_place(server, tmp_path, patience_s=20)

    assert failed(run)[2] == "Server"
