"""What clients of the later DEP 6 ask for, in the order in which starfish-py does."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from csapi_cases import (
    DEFINITION,
    TABLE,
    a_job,
    answer,
    complaint_of,
    settings,
    value_of,
)
from scripted_means import JOB, ScriptedMeans

from protocol.errors import ErrorType, WireError
from protocol.job import JobRecord, State
from protocol.jsontext import JsonText, decode
from protocol.outcome import Cancelled, Failed, Outcome, Raised, Returned

INVOKE = "/api/v1/invoke"
FLAT = {
    **TABLE,
    "exec_allow": ["ls"],
    "definition": {
        **DEFINITION,
        "inputs": [
            {"argname": "n", "type": "payload", "mandatory": True},
            {"argname": "data", "type": "oceanasset"},
            {"argname": "run", "type": "runcommand"},
            {"argname": "any"},
        ],
    },
}
USING = settings({"sync_wait_s": 7}, flat=FLAT)
ASSET_ID = USING.services["flat"].asset_id


def test_the_token_is_the_one_that_was_shown() -> None:
    """6.4: there is no other kind of token here."""
    path = "GET /api/v1/auth/token"

    assert value_of(answer(path, identity="me", token="secret")) == ["secret"]  # noqa: S106
    assert value_of(answer(path)) == ["none"]
    with pytest.raises(WireError) as refused:
        answer(path, identity="")
    assert refused.value.type is ErrorType.UNAUTHORIZED


def test_metadata_are_the_bytes_of_the_asset_id() -> None:
    """A client that gets others says that the asset is not valid."""
    told = answer(f"GET /api/v1/meta/data/{ASSET_ID}", using=USING)
    prefixed = answer(f"GET /api/v1/meta/data/0x{ASSET_ID.upper()}", using=USING)

    assert isinstance(told.body, bytes)
    assert told == prefixed
    assert hashlib.sha3_256(told.body).hexdigest() == ASSET_ID
    assert value_of(told) == {
        "name": "flat",
        "type": "operation",
        "description": "Trains a model",
        "operation": {
            "modes": ["sync", "async"],
            "inputs": {
                "n": {"type": "payload", "required": True},
                "data": {"type": "oceanasset", "required": False},
                "run": {"type": "runcommand", "required": False},
                "any": {"type": "payload", "required": False},
            },
            "outputs": {
                "model": {"type": "oceanasset"},
                "more": {"type": "payload"},
            },
        },
    }


@pytest.mark.parametrize(
    "request_",
    [
        "GET /api/v1/meta/data/beef",
        f"POST {INVOKE}/sync/beef",
        f"POST {INVOKE}/async/beef",
        f"GET {INVOKE}/jobs/beef",
    ],
)
def test_what_is_not_there_is_404(request_: str) -> None:
    """Assets and jobs alike: it is the later draft's."""
    assert complaint_of(answer(request_, body={}, using=USING))[:2] == (404, 404)


def test_inputs_by_name_make_the_same_call() -> None:
    """6.4: payloads as they are, assets and commands as objects."""
    means = ScriptedMeans()
    asset = {"assetid": "0x1", "asseturl": "https://x/y"}
    body = {"n": [5], "any": None, "data": asset, "run": {"exec": "ls"}}

    told = answer(f"POST {INVOKE}/async/{ASSET_ID}", means, body, USING)

    assert told.status == 201
    assert value_of(told) == {"job-id": JOB}
    [call] = means.calls
    arguments: Any = decode(call.arguments)
    assert arguments["inputs"] == {
        "n": {"type": "payload", "payload": [5]},
        "any": {"type": "payload", "payload": None},
        "data": {"type": "oceanasset", **asset},
        "run": {"type": "runcommand", "exec": "ls"},
    }
    assert decode(call.info) == {"csapi": {"service": "flat"}}


@pytest.mark.parametrize(
    ("body", "mention"),
    [
        ({}, 'input "n": it is mandatory'),
        ({"n": 1, "x": 1}, "argname: expected one of"),
        ({"n": 1, "data": "0x1"}, 'input "data": expected an object'),
        ({"n": 1, "run": {"exec": "rm"}}, "this command is not allowed"),
    ],
)
def test_inputs_by_name_are_judged_as_others_are(body: Any, mention: str) -> None:
    """400, and no job."""
    means = ScriptedMeans()

    told = answer(f"POST {INVOKE}/sync/{ASSET_ID}", means, body, USING)

    assert complaint_of(told)[0] == 400
    assert mention in complaint_of(told)[2]
    assert means.calls == []


ENDS = [
    (
        Returned(JsonText(b'{"x":1}')),
        {"status": "succeeded", "outputs": {"x": 1}},
    ),
    (
        Returned(JsonText(b"1")),
        {"status": "succeeded", "outputs": {"result": 1}},
    ),
    (
        Raised(type="InputUnavailable", message="x"),
        {
            "status": "failed",
            "errorcode": 8001,
            "description": "InputUnavailable: x",
        },
    ),
    (
        Failed(type="timeout", message="x"),
        {"status": "failed", "errorcode": 500, "description": "timeout: x"},
    ),
    (
        Cancelled(),
        {"status": "cancelled", "errorcode": 500, "description": "cancelled"},
    ),
]


@pytest.mark.parametrize(("outcome", "told"), ENDS)
def test_an_end_is_told_at_once_and_later_alike(outcome: Outcome, told: Any) -> None:
    """`errorcode` and `description`: the key that starfish-py looks for is misspelt."""
    means = ScriptedMeans(jobs={JOB: a_job(JOB, outcome)})

    run = answer(f"POST {INVOKE}/sync/{ASSET_ID}", means, {"n": 1}, USING)
    job = answer(f"GET {INVOKE}/jobs/{JOB}", means, using=USING)

    assert (run.status, job.status) == (200, 200)
    assert value_of(run) == value_of(job) == told
    assert means.waited_s == [7]


@pytest.mark.parametrize(
    ("record", "word"),
    [(a_job(JOB, state=State.QUEUED), "scheduled"), (a_job(JOB), "running")],
)
def test_a_job_that_goes_on_is_told_of(record: JobRecord, word: str) -> None:
    """MW-6: the later draft's words."""
    means = ScriptedMeans(jobs={JOB: record})

    job = answer(f"GET {INVOKE}/jobs/{JOB}", means, using=USING)

    assert value_of(job) == {"status": word}


def test_who_waits_for_too_long_gets_the_id() -> None:
    """6.4: 504, and the job goes on."""
    means = ScriptedMeans(jobs={JOB: a_job(JOB)})

    told = answer(f"POST {INVOKE}/sync/{ASSET_ID}", means, {"n": 1}, USING)

    assert told.status == 504
    assert value_of(told) == {"job-id": JOB}
