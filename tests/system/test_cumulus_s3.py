"""Cumulus workflows whose messages lie in S3, through daemon, worker and server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ingest import MESSAGE, Ingest, running_ingest
from object_store import ObjectStore, credentials, needs_weed, running_weed
from scripted_http import GOOD, scripted_http

pytestmark = needs_weed

MIB = 2**20
PROCEDURES = """
@procedure(info=True)
def count(input, config, cumulus_config=None, *, info):
    tell("begun", "count", info)
    return {"length": len(input["many"])}

@procedure(info=True)
def refer(input, config, cumulus_config=None, *, info):
    tell("begun", "refer", info)
    return input
"""
TASKS: Mapping[str, Any] = {
    "Count": [{"name": "count", "host": "w"}],
    "Refer": [{"name": "refer", "host": "w", "fetch": False}],
    "Store": [
        {"name": "first", "host": "w", "procedure": "refer", "fetch": False},
        {"name": "refer", "host": "w", "fetch": False},
    ],
}
DEFINITIONS = {name: {"name": name, "tasks": tasks} for name, tasks in TASKS.items()}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """Run a server; the daemon is a user of the bucket `private` alone."""
    with running_weed(tmp_path_factory.mktemp("weed")) as running, credentials():
        yield running


@pytest.fixture(scope="module")
def ingest(
    tmp_path_factory: pytest.TempPathFactory, store: ObjectStore
) -> Iterator[Ingest]:
    """Run a dispatcher that may use both buckets, as far as the server lets it."""
    folder = tmp_path_factory.mktemp("ingest")
    with using(folder, store.endpoint_url) as running:
        yield running


def using(
    folder: Path, url: str, buckets: str = '["private", "public"]', more: str = ""
) -> Any:
    """Return a dispatcher whose documents are at `url`, to be entered."""
    table = (
        f"bucket_allow = {buckets}\n{more}"
        f'[adapters.cumulus.s3]\nendpoint_url = "{url}"\nread_timeout_s = 5\n'
    )
    return running_ingest(folder, DEFINITIONS, PROCEDURES, table=table)


def with_payload(bucket: str, key: str) -> dict[str, Any]:
    """Return a message whose payload lies elsewhere."""
    return {**MESSAGE, "payload": {"Bucket": bucket, "Key": key}}


def put(store: ObjectStore, key: str, body: bytes) -> None:
    """Put an object where the daemon may read it."""
    store.client().put_object(Bucket="private", Key=key, Body=body)


def failure(ingest: Ingest, workflow: str, message: Any) -> dict[str, Any]:
    """Return the exception that a workflow ends with."""
    exception: dict[str, Any] = ingest.outcome(ingest.submit(workflow, message))[
        "exception"
    ]
    return exception


def many(size: int) -> bytes:
    """Return a document of about so many bytes."""
    return json.dumps({"many": ["x" * 96] * (size // 100)}).encode()


def test_a_payload_of_a_mebibyte_is_fetched(ingest: Ingest, store: ObjectStore) -> None:
    """C-12: the procedure gets the document, the stream only its length."""
    body = many(MIB)
    put(store, "mebibyte", body)

    job_id = ingest.submit("Count", with_payload("private", "mebibyte"))

    assert ingest.outcome(job_id)["result"]["payload"] == {"length": MIB // 100}
    [fetched] = [n for n in ingest.notes(job_id) if n["cumulus"] == "fetched"]
    assert fetched["bytes"] == len(body)
    assert "xxx" not in json.dumps(ingest.packets(job_id))


@pytest.mark.parametrize(
    ("bucket", "key", "code"),
    [("public", "k", "AccessDenied"), ("private", "no", "NoSuchKey")],
)
def test_what_cannot_be_read_ends_the_workflow(
    ingest: Ingest, bucket: str, key: str, code: str
) -> None:
    """C-13: before the procedure is called."""
    began = len(ingest.told())

    exception = failure(ingest, "Count", with_payload(bucket, key))

    assert exception["type"] == "RemoteResourceError"
    assert exception["data"]["code"] == code
    assert exception["data"]["bucket"] == bucket
    assert len(ingest.told()) == began


def test_a_bucket_that_is_not_allowed_is_not_asked(tmp_path: Path) -> None:
    """C-13: nobody who sends messages finds out what our credentials open."""
    with (
        scripted_http(GOOD) as server,
        using(tmp_path, server.url, buckets="[]") as ingest,
    ):
        exception = failure(ingest, "Count", with_payload("private", "k"))

    assert exception["data"]["code"] == "NotAllowed"
    assert server.connections == 0


@pytest.mark.parametrize("body", [b"{bad", b"", b"\xff\xfe", b"[NaN]"])
def test_what_is_no_json_ends_the_workflow(
    ingest: Ingest, store: ObjectStore, body: bytes
) -> None:
    """E10: and its bytes are in no text."""
    put(store, "bad", body)

    exception = failure(ingest, "Count", with_payload("private", "bad"))

    assert exception["data"]["code"] == "InvalidJSON"
    assert "bad" not in exception["message"]


def test_what_is_too_large_goes_only_by_reference(
    ingest: Ingest, store: ObjectStore
) -> None:
    """C-22: 65 MiB: refused with both numbers, or handed on as it is."""
    put(store, "large", bytes(65 * MIB))
    message = with_payload("private", "large")

    exception = failure(ingest, "Count", message)
    passed = ingest.outcome(ingest.submit("Refer", message))

    assert exception["type"] == "States.DataLimitExceeded"
    assert str(65 * MIB) in exception["message"]
    assert passed["result"]["payload"] == message["payload"]


def test_others_go_on_while_a_large_payload_is_read(
    ingest: Ingest, store: ObjectStore
) -> None:
    """C-22: the loop is never held for long."""
    put(store, "four", many(4 * MIB - 200_000))
    job_id = ingest.submit("Count", with_payload("private", "four"))
    slowest_s = 0.0
    for _ in range(30):
        began_at = time.monotonic()
        assert "call" in ingest.daemon.ask({"get_status": job_id})
        slowest_s = max(slowest_s, time.monotonic() - began_at)
        time.sleep(0.02)

    outcome = ingest.outcome(job_id)

    assert "result" in outcome, outcome
    print(f"the slowest answer took {1e3 * slowest_s:.0f} ms")  # noqa: T201
    assert slowest_s < 3  # 0.2 where nothing else runs


def stored(**more: Any) -> dict[str, Any]:
    """Return a message whose first task has it stored."""
    meta = {
        **MESSAGE["cumulus_meta"],
        "execution_name": "é 1",
        "system_bucket": "private",
    }
    replace = {"FullMessage": True}
    return {
        **MESSAGE,
        "cumulus_meta": meta,
        "payload": {"a": 1},
        "ReplaceConfig": replace,
        **more,
    }


def test_a_message_is_stored_between_tasks(ingest: Ingest, store: ObjectStore) -> None:
    """C-20: the object is the message, and the next task gets it."""
    job_id = ingest.submit("Store", stored())

    result = ingest.outcome(job_id)["result"]

    [note] = [n for n in ingest.notes(job_id) if n["cumulus"] == "stored"]
    found = store.client().get_object(Bucket="private", Key=note["key"])
    message = stored()
    message.pop("ReplaceConfig")
    assert json.loads(found["Body"].read()) == message
    assert found["Metadata"] == {"execution": "%C3%A9%201", "task": "first"}
    assert result == message


def test_a_message_that_cannot_be_stored_repeats_no_task(tmp_path: Path) -> None:
    """C-20: the answer is in the log."""
    with scripted_http(GOOD) as server:
        url = server.url
    with credentials(), using(tmp_path, url) as ingest:
        exception = failure(ingest, "Store", stored())

        assert exception["data"]["code"] == "Unreachable"
        assert [line[2] for line in ingest.told()] == ["refer"]


def test_a_large_result_is_spilled(tmp_path: Path, store: ObjectStore) -> None:
    """A client gets the reference, in the form of the specification."""
    more = 'spill_over_bytes = 1000\nspill_bucket = "private"\n'
    payload = {"many": ["x" * 96] * 20}
    with using(tmp_path, store.endpoint_url, more=more) as ingest:
        job_id = ingest.submit("Refer", {**MESSAGE, "payload": payload})
        result = ingest.outcome(job_id)["result"]

    reference = result["payload"]
    assert reference.keys() == {"Bucket", "Key"}
    found = store.client().get_object(**reference)
    assert json.loads(found["Body"].read()) == payload
