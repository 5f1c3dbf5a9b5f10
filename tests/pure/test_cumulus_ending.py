"""How a run ends: what is stored, and which secrets are left of it."""

from __future__ import annotations

from typing import Any

import pytest
from cumulus_runs import (
    JOB,
    a_case,
    a_flow,
    a_list,
    a_message,
    a_task,
    carried_out,
    failure_of,
    result_of,
)
from cumulus_workflow_cases import World, machine_of

from harpcaller.adapters.machine import (
    Save,
    Submit,
    child_id,
)
from protocol.job import JobId
from protocol.outcome import Raised

PASSWORD = "C4n4ry-p4ss"  # noqa: S105 (a canary)
SECRET = a_message(meta={"cmr": {"password": PASSWORD}})


def test_a_large_payload_of_a_result_is_spilled() -> None:
    """In the seed's way: a reference in its place."""
    case = a_case(
        a_list("A"),
        {"A": [{"result": "x" * 100}]},
        objects={"out": {}},
        config={
            "spill_over_bytes": 50,
            "spill_bucket": "out",
            "bucket_allow": ["out"],
        },
    )

    world, _ = carried_out(case)
    payload = result_of(case)["payload"]

    key = f"events/{child_id(JobId(JOB), 'end/spill')}"
    assert payload == {"Bucket": "out", "Key": key}
    assert world.stored == {f"out/{key}": "x" * 100}
    saves = [one for one in world.asked if isinstance(one, Save)]
    assert [(one.key, one.metadata) for one in saves] == [
        ("end/spill", {"execution": "ex-1", "task": "A"})
    ]


@pytest.mark.parametrize("value", ["x" * 40, None])
def test_a_small_payload_is_not(value: Any) -> None:
    """Bytes of its text count, quotes and all."""
    case = a_case(
        a_list("A"),
        {"A": [{"result": value}]},
        config={"spill_over_bytes": 50, "spill_bucket": "b", "bucket_allow": ["b"]},
    )

    assert result_of(case)["payload"] == value


def test_a_spill_that_fails_ends_the_run() -> None:
    """No task is repeated for it."""
    case = a_case(
        a_list("A"),
        {"A": [{"result": "x" * 100}]},
        config={"spill_over_bytes": 50, "spill_bucket": "b", "bucket_allow": ["b"]},
    )

    type_, data = failure_of(case)

    assert (type_, data["code"]) == ("RemoteResourceError", "NoSuchBucket")


def test_a_result_that_is_too_large_is_stored_whole() -> None:
    """As by FullMessage: the next workflow begins with it."""
    case = a_case(
        a_list("A"),
        {"A": [{"result": "x" * 500}]},
        objects={"in": {}},
        config={"max_result_bytes": 300, "bucket_allow": ["in"]},
    )

    world, _ = carried_out(case)
    result = result_of(case)

    key = f"events/{child_id(JobId(JOB), 'end/store')}"
    assert result["replace"] == {"Bucket": "in", "Key": key, "TargetPath": "$"}
    assert world.stored[f"in/{key}"] == a_message(payload="x" * 500)


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        (a_list("A"), a_message()),
        (a_list("A"), {"cumulus_meta": {}}),
        (a_flow(A=a_task(Parameters={})), a_message()),
        (a_flow(A=a_task(Parameters={}, ResultPath="$.cumulus_meta")), a_message()),
    ],
)
def test_without_a_place_a_large_result_is_a_limit(
    definition: Any, message: Any
) -> None:
    """Its bucket is not allowed, or there is none; the message is not told either."""
    case = a_case(
        definition,
        {"A": [{"result": ["x" * 500]}]},
        message,
        config={"max_result_bytes": 300, "bucket_allow": []},
    )

    type_, data = failure_of(case)

    assert type_ == "States.DataLimitExceeded"
    assert data["task"] == "A"


def test_a_failure_is_no_larger_than_a_result() -> None:
    """A message beyond that is not told again: who submitted it has it."""
    raised = {"exception": {"type": "E", "message": "m"}}
    case = a_case(
        a_list("A"),
        {"A": [raised]},
        a_message(payload="x" * 500),
        config={"max_result_bytes": 300},
    )

    _, data = failure_of(case)

    assert "message" not in data


def test_a_secret_is_sealed_wherever_a_later_call_has_it() -> None:
    """What a task put into a text is found by its value, also two tasks later."""
    tasks = a_list("A", "B")
    more = {"workflow_config": {"B": {"v": "{payload.url}"}}, "token": PASSWORD}
    message = SECRET | more
    procedures = {"A": [{"result": {"url": f"https://u:{PASSWORD}@h/"}}]}

    world, _ = carried_out(
        a_case(tasks, procedures, message, also_check=["sealed", "info"])
    )

    assert world.calls[1]["sealed"] == ["/config/v", "/input/url"]
    submits = [one for one in world.asked if isinstance(one, Submit)]
    assert submits[1].call.arguments.find(PASSWORD.encode()) < 0


def test_an_info_holds_no_secrets() -> None:
    """8.3: it is shown to whoever may see the job."""
    meta = {"cmr": {"password": PASSWORD}, "provider": {"id": PASSWORD}}

    world, _ = carried_out(
        a_case(a_list("A"), message=a_message(meta=meta), also_check=["info"])
    )

    assert world.calls[0]["info"]["cumulus"]["provider"] == "***"


def test_what_the_client_sealed_stays_so_in_the_calls() -> None:
    """Its pointers name values that no name gives away."""
    payload = {"x": "qwertz-1", "y": ["asdfgh-2", None], "z": 1}
    case = a_case(a_list("A"), message=a_message(payload=payload))

    world = World(case | {"also_check": ["sealed"]})
    world.run(machine_of(case, seals=["/message/payload/x", "/message/payload/y"]))

    assert world.calls[0]["sealed"] == ["/input/x", "/input/y/0"]


def test_a_quoted_secret_is_in_no_error_text() -> None:
    """8.3: the cause is told without it; the message is what the client gave."""
    raised = {"exception": {"type": "E", "message": f"login as {PASSWORD} failed"}}

    case = a_case(a_list("A"), {"A": [raised]}, SECRET)
    _, outcome = carried_out(case)
    _, data = failure_of(case)

    assert isinstance(outcome, Raised)
    assert outcome.message == "login as *** failed"
    assert data["message"]["exception"]["Cause"] == "login as *** failed"
    assert data["message"]["meta"] == SECRET["meta"]


def test_a_result_is_what_the_client_gave_or_masked() -> None:
    """`mask_result`: nothing of a secret is left after the end."""
    procedures = {"A": [{"result": [PASSWORD, f"in {PASSWORD}"]}]}
    raised = {"A": [{"exception": {"type": "E", "message": "m"}}]}
    masking = {"mask_result": True}

    plain = result_of(a_case(a_list("A"), procedures, SECRET))
    masked = result_of(a_case(a_list("A"), procedures, SECRET, config=masking))
    _, data = failure_of(a_case(a_list("A"), raised, SECRET, config=masking))

    assert plain["meta"] == SECRET["meta"]
    assert masked["meta"] == {"cmr": {"password": "***"}}
    assert PASSWORD not in str(masked)
    assert data["message"]["meta"] == {"cmr": {"password": "***"}}


def test_a_secret_that_is_a_number_is_hidden_too() -> None:
    """Quoted, it is a text like any other; short ones stand in too much."""
    message = a_message(meta={"token": 12345678, "pin_secret": 99})
    raised = {"exception": {"type": "E", "message": "99 times 12345678"}}

    _, outcome = carried_out(a_case(a_list("A"), {"A": [raised]}, message))

    assert isinstance(outcome, Raised)
    assert outcome.message == "99 times ***"


@pytest.mark.parametrize(
    ("edit", "is_refused"),
    [
        ({"at": "/meta/cmr/password", "value": "other"}, True),
        ({"at": "/meta/list/0/token", "value": "other"}, True),
        ({"at": "/meta/list", "value": []}, True),
        ({"at": "/meta/list/0", "value": 1}, True),
        ({"at": "/meta/other", "value": 1}, False),
        ({"at": "/payload", "value": {"password": "new"}}, False),
    ],
)
def test_a_task_may_not_change_a_secret_of_a_whole_message(
    edit: Any, *, is_refused: bool
) -> None:
    """8.3: it would be stored unsealed."""
    meta = {"cmr": {"password": PASSWORD}, "list": [{"token": "t0ken-1"}]}
    task = {"name": "A", "host": "h", "call": "message"}
    procedures = {"A": [{"procedure": {"edits": [edit]}}]}

    _, outcome = carried_out(a_case(a_list(task), procedures, a_message(meta=meta)))

    assert isinstance(outcome, Raised) == is_refused
    if isinstance(outcome, Raised):
        assert outcome.type == "Cumulus.InvalidAnswer"
