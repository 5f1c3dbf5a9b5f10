"""Harmony's doors beside the line protocol, with a real dispatcher behind them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pystac
import pytest
from eventually import wait_until
from harmony_asking import JSON, ask, jobs
from harmony_bad import ASYNC, REFUSED, Bad
from harmony_container import Run, run_in_place, started
from harmony_daemon import TOKEN, HarmonyDaemon, running_harmony
from unix_http import UnixConnection

from harpcaller.identities.tokens import digest_of
from harpcaller.tools.harmony import main

NO_RETRY = {"error": "no such variable", "category": "NoRetry", "level": "Error"}
SECRET = "secret-7d1f0a-0123456789-0123456789"  # noqa: S105 (it is to be looked for)


@pytest.fixture(scope="module")
def harmony(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HarmonyDaemon]:
    """Run one dispatcher for all."""
    folder = tmp_path_factory.mktemp("doors")
    table = f"""
retry_limit = 1
[http]
listen = "unix:{folder}/http"
[identities.harmony]
token_sha256 = "{digest_of(SECRET).hex()}"
roles = ["submit"]
hosts = ["@harmony"]
"""
    with running_harmony(folder, table, shared=True) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_orders(harmony: HarmonyDaemon) -> None:
    harmony.order({})


# ── HTTP ──
def test_an_asynchronous_message_is_a_job(harmony: HarmonyDaemon) -> None:
    """H-23: the same one again is the same job, whatever token it has."""
    message = harmony.message("async-2.json")

    first = ask(harmony, "/harmony/test/copy", message)
    again = ask(harmony, "/harmony/test/copy?", {**message, "accessToken": "other"})
    outcome = harmony.outcome(first.job_id)

    assert first.headers["Location"] == f"/v1/jobs/{first.job_id}"
    assert again.job_id == first.job_id
    assert outcome["result"]["status"] == "successful"
    assert harmony.posts(message)[-1] == {"status": "successful"}
    status = ask(harmony, first.headers["Location"], b"", {}, "GET")
    assert status.status == 200


def test_who_waits_is_led_to_the_output(harmony: HarmonyDaemon) -> None:
    """H-23: 303; the answer is the result, and nothing is posted."""
    message = harmony.message("sync-1.json")

    told = ask(harmony, "/harmony/test/copy", message)

    assert told.status == 303, told
    assert told.headers["Location"].startswith("s3://staging.example.org/")
    assert harmony.posts(message) == []


def test_who_waits_is_sent_a_file(harmony: HarmonyDaemon) -> None:
    """H-23: bytes, type and name; not what lies elsewhere on the disk."""
    staged = harmony.work_dir / "staged"
    staged.mkdir()
    staging = f"file://{staged}/"
    message = harmony.message("sync-1.json", stagingLocation=staging)
    name = message["sources"][0]["granules"][0]["name"]
    (staged / f"s1.b0~{name}").write_bytes(b"netcdf")
    elsewhere = harmony.message("sync-1.json", stagingLocation="file:///etc/")

    told = ask(harmony, "/harmony/test/copy", message)
    other = ask(harmony, "/harmony/test/copy", elsewhere)

    assert (told.status, told.body) == (200, b"netcdf")
    assert told.headers["Content-Length"] == "6"
    assert f's1.b0~{name}"' in told.headers["Content-Disposition"]
    assert told.headers["Content-Type"].startswith("application/")
    assert (other.status, other.text) == (
        500,
        "the file of the answer cannot be read",
    )


def test_who_waits_reads_why_it_failed(harmony: HarmonyDaemon) -> None:
    """H-23: the user is shown the text."""
    harmony.order({"*": NO_RETRY})
    message = harmony.message("sync-1.json")

    told = ask(harmony, "/harmony/test/copy", message)

    assert (told.status, told.text) == (400, "copy: no such variable")


def test_a_secret_in_the_path_shows_who_asks(harmony: HarmonyDaemon) -> None:
    """It is in no log; nor is the token of a user that Harmony sends beside it."""
    headers = {**JSON, "Authorization": f"Bearer {TOKEN}-bearer"}

    told = ask(
        harmony,
        f"/harmony/~{SECRET}/test/copy",
        harmony.message("async-2.json"),
        headers,
    )

    wrong = ask(harmony, "/harmony/~nonsense/test/copy", {})

    assert harmony.outcome(told.job_id)["result"]["status"] == "successful"
    assert (wrong.status, wrong.text) == (401, "the token is not a known one")
    log = harmony.daemon.log.read_text()
    assert "/harmony/~{secret}/{service:path}" in log
    assert "identity=harmony" in log or '"identity":"harmony"' in log
    assert SECRET not in log
    assert TOKEN not in log


# ── bad input, by every door ──
@pytest.mark.parametrize("bad", REFUSED)
def test_a_refused_message_is_told_by_every_door(
    harmony: HarmonyDaemon, tmp_path: Path, bad: Bad
) -> None:
    """H-13: status and text by HTTP, one post before it; error.json by the command.

    The line protocol has the code too.
    """
    code, service, changes, status, text = bad
    message = {**harmony.message("async-2.json"), **changes}

    by_http = ask(harmony, f"/harmony/{service}", message)
    by_command = run(harmony, tmp_path, message, service=service)
    by_line = harmony.ask_for(service, message)["error"]

    assert by_http.status == status
    assert by_http.text.startswith(text)
    assert harmony.posts(message) == [{"error": by_http.text}]
    told = (by_line["type"], by_line["message"], by_line["data"]["code"])
    assert told == ("invalid_request", by_http.text, code)
    error = by_command.left("error.json")
    assert by_command.code == 1
    assert (error["error"], error["category"]) == (by_http.text, "NoRetry")
    assert (by_line["type"], by_line["message"]) == ("invalid_request", by_http.text)
    assert by_line["data"]["code"] == code


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (b'{"a": 1,\n"a": 2}', 400, "Message is not valid JSON: line 2 column 1"),
        (b"\xff", 400, "Message is not valid JSON: line 1 column 1"),
        ([], 400, "Message must be a JSON object"),
        ({**ASYNC, "callback": "http://169.254.169.254/"}, 403, "Callback URL is not"),
        ({**ASYNC, "isSynchronous": True}, 400, "Service test/copy accepts at most 1"),
    ],
)
def test_what_cannot_be_told_by_a_callback_is_not(
    harmony: HarmonyDaemon, body: Any, status: int, text: str
) -> None:
    """H-13: there is none, none that is allowed, or somebody waits."""
    before = len(harmony.recorder.posts)

    told = ask(harmony, "/harmony/test/copy", body)

    assert told.status == status
    assert told.text.startswith(text)
    assert len(harmony.recorder.posts) == before


@pytest.mark.parametrize(
    ("method", "headers", "body", "status"),
    [
        ("GET", {}, b"", 405),
        ("POST", {"Content-Type": "text/plain"}, b"{}", 415),
        ("POST", JSON, b" " * (4 * 2**20 + 1), 413),
    ],
)
def test_a_request_that_is_none_is_answered_in_plain_text(
    harmony: HarmonyDaemon, method: str, headers: Any, body: bytes, status: int
) -> None:
    """H-13: E19."""
    told = ask(harmony, "/harmony/test/copy", body, headers, method)

    assert told.status == status
    assert told.text


def test_a_body_without_a_length_is_refused(harmony: HarmonyDaemon) -> None:
    """H-13: E19; the library that asks adds one, so the bytes are written here."""
    connection = UnixConnection(harmony.daemon.directory.parent / "http")
    connection.connect()
    connection.sock.sendall(b"POST /harmony/a HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert connection.sock.recv(1000).startswith(b"HTTP/1.1 411 ")
    connection.close()


def test_nothing_refused_became_a_job(harmony: HarmonyDaemon) -> None:
    """H-13: no child exists afterwards, nor a parent."""
    before = jobs(harmony)
    for _, service, changes, _, _ in REFUSED:
        message = {**harmony.message("async-2.json"), **changes}
        ask(harmony, f"/harmony/{service}", message)

    assert jobs(harmony) == before


# ── the command ──
def run(harmony: HarmonyDaemon, folder: Path, message: Any, **more: Any) -> Run:
    """Have a request run by the command, in this process."""
    address = f"unix:{harmony.daemon.call_socket}"
    body = json.dumps(message).encode()
    return run_in_place(address, folder, 20, operation=body, **more)


def test_a_container_leaves_what_harmony_expects(
    harmony: HarmonyDaemon, tmp_path: Path
) -> None:
    """H-24: catalogs that pystac reads; the message less what was done, with token."""
    harmony.order({"*": "consume"})
    message = harmony.message("async-2.json")

    done = run(harmony, tmp_path, message)

    assert done.code == 0, done.log
    catalog = pystac.Catalog.from_file(str(tmp_path / "catalog.json"))
    items = list(catalog.get_items(recursive=True))
    names = {f"{item.id}/{item.id}.json" for item in items}
    assert len(items) == 2
    assert done.names == {"catalog.json", "message.json", "run.json", *names}
    origins = [output["provenance"] for output in done.left("run.json")["outputs"]]
    assert {origin["request"] for origin in origins} == {message["requestId"]}
    left = done.left("message.json")
    assert left["subset"] == {}
    assert left["accessToken"] == TOKEN
    assert TOKEN not in json.dumps(done.log)
    assert harmony.posts(message) == []


def test_a_container_without_a_catalog_is_told_so(
    harmony: HarmonyDaemon, tmp_path: Path
) -> None:
    """H-13: E15; what the documents are is the dispatcher's to judge."""
    catalog = tmp_path / "catalog.json"
    catalog.write_text('{"type": "Catalog"}')
    message = harmony.message("async-2.json")

    failed = run(harmony, tmp_path / "out", message, sources=catalog)

    error = failed.left("error.json")
    assert (failed.code, error["category"]) == (1, "NoRetry")
    assert (
        error["error"] == "Cannot read input catalog: catalog.json is no STAC catalog"
    )


def test_how_far_a_request_has_come_is_told(
    harmony: HarmonyDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    """`harp-harmony status`: counts by step and state, and the jobs of its calls."""
    job_id = harmony.submit("test/copy", harmony.message("async-2.json"))
    harmony.outcome(job_id)

    address = f"unix:{harmony.daemon.call_socket}"
    code = main(["status", "--dispatcher", address, job_id])

    status = json.loads(capsys.readouterr().out)
    assert (code, status["state"], status["granules"]) == (0, "successful", 2)
    [step] = status["by_step"]
    assert (step["units"], step["attempts"]) == ({"successful": 2}, 2)
    [first] = status["units"][0]["attempts"]
    assert first["job_id"] == harmony.child(job_id, first["key"])
    assert first["seconds"] >= 0


def test_a_container_that_fails_says_why(
    harmony: HarmonyDaemon, tmp_path: Path
) -> None:
    """H-24: by the category of the service."""
    harmony.order({"*": NO_RETRY})

    failed = run(harmony, tmp_path, harmony.message("sync-1.json"))

    assert failed.code == 1
    assert failed.left("error.json") == {**NO_RETRY, "error": "copy: no such variable"}


def test_a_container_that_is_stopped_takes_its_job_along(
    harmony: HarmonyDaemon, tmp_path: Path
) -> None:
    """H-24: nothing works on for nobody."""
    harmony.order({"*": "hang"})
    message = harmony.message("sync-1.json")
    (tmp_path / "message").write_text(json.dumps(message))
    container = started(
        *("--service", "test/copy", "--harmony-action", "invoke"),
        *("--dispatcher", f"unix:{harmony.daemon.call_socket}"),
        *("--harmony-input-file", str(tmp_path / "message")),
        *("--harmony-metadata-dir", str(tmp_path / "out")),
    )
    wait_until(lambda: any(message["requestId"] in line[1] for line in harmony.told()))
    container.terminate()
    told, _ = container.communicate(timeout=60)

    assert container.returncode == 143
    job_id = json.loads(told.splitlines()[0])["job_id"]
    assert harmony.outcome(job_id) == {"cancelled": True}
    error = json.loads((tmp_path / "out/error.json").read_bytes())
    assert error["category"] == "Canceled"
