"""The machine of a run: what it says, and how it is brought to an end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from cumulus_runs import (
    JOB,
    a_case,
    a_flow,
    a_list,
    a_message,
    a_task,
    carried_out,
    notes_in,
)
from cumulus_workflow_cases import machine_of

from harpcaller.adapters.machine import (
    Action,
    Cancel,
    Cancelled,
    End,
    Ended,
    Note,
    Reason,
    Sleep,
    Slept,
    Submit,
    child_id,
)
from protocol import outcome as ends
from protocol.job import JobId
from protocol.jsontext import decode, encode
from protocol.outcome import Raised, Returned

CLIENT = Cancelled(at=5, reason=Reason.CLIENT)
TOO_LONG = Cancelled(at=5, reason=Reason.MAX_EXEC_TIME)


def asked_for(actions: Sequence[Action]) -> list[Action]:
    """Return the actions but for Notes."""
    return [one for one in actions if not isinstance(one, Note)]


def ended(key: str, value: Any = None) -> Ended:
    """Return the end of a child that returned a value."""
    return Ended(
        key=key,
        at=2,
        job_id=child_id(JobId(JOB), key),
        outcome=Returned(encode(value)),
        started_at=1,
        ended_at=2,
    )


def test_a_living_child_is_told_of_now_and_then() -> None:
    """A follower sees that the workflow is not stuck; the last sleep is given up."""
    machine = machine_of(a_case(a_list("A", "B"), config={"heartbeat_s": 30}))

    first = machine.start(0)
    beat = machine.on(Slept(key="0.A/wait0", at=31))
    again = machine.on(Slept(key="0.A/wait1", at=62))
    last = machine.on(ended("0.A/a0", 1))

    assert [type(one) for one in asked_for(first)] == [Submit, Sleep]
    assert asked_for(beat) == [Sleep(key="0.A/wait1", seconds=30)]
    [waiting] = notes_in(again, "waiting")
    assert waiting["job_id"] == child_id(JobId(JOB), "0.A/a0")
    assert asked_for(last)[0] == Cancel(key="0.A/wait2")
    assert asked_for(last)[2] == Sleep(key="1.B/wait0", seconds=30)
    assert machine.on(CLIENT)[:2] == [Cancel(key="1.B/a0"), Cancel(key="1.B/wait0")]


def test_the_stream_tells_what_happens_without_values() -> None:
    """Started, called, answered: names, ids and sizes, no payload."""
    config: Any = {"A": {"cumulus_message": {"outputs": []}}}
    message = a_message(payload="PAYLOAD", workflow_config=config)

    world, _ = carried_out(
        a_case(a_list("A", "B"), {"A": [{"result": {"secret": 1}}]}, message)
    )

    told = notes_in(world.asked)
    assert [one["cumulus"] for one in told] == [
        "started",
        "call",
        "answered",
        "call",
        "answered",
    ]
    assert told[0] == {
        "cumulus": "started",
        "workflow": "Flow",
        "execution_name": "ex-1",
        "tasks": ["A", "B"],
    }
    assert told[1] == {
        "cumulus": "call",
        "task": "A",
        "index": 0,
        "attempt": 0,
        "job_id": child_id(JobId(JOB), "0.A/a0"),
        "host": "h",
        "procedure": "A",
    }
    assert told[2]["payload_bytes"] == 2
    assert told[2]["meta_added"] == []
    assert not any("event" in one or "PAYLOAD" in str(one) for one in told)


def test_what_a_task_adds_to_meta_is_told_by_its_path() -> None:
    """Who debugs a later task sees where its values come from."""
    outputs = [
        {"source": "{$.x}", "destination": "{$.meta.a.b}"},
        {"source": "{$.x}", "destination": "{$.meta.new}"},
        {"source": "{$.x}", "destination": "{$.meta.old}"},
    ]
    message = a_message(
        meta={"a": {"c": 1}, "old": 1},
        workflow_config={"A": {"cumulus_message": {"outputs": outputs}}},
    )

    world, _ = carried_out(a_case(a_list("A"), {"A": [{"result": {"x": {}}}]}, message))

    [answered] = notes_in(world.asked, "answered")
    assert answered["meta_added"] == ["meta.a.b", "meta.new"]


@pytest.mark.parametrize(
    ("exception", "name"),
    [
        ("Why", "Why"),
        ({"Error": "E", "Cause": "secret"}, "E"),
        ({"type": "T"}, "T"),
        ({"name": "N", "type": 1}, "N"),
        ({"x": 1}, "exception"),
        ([1], "exception"),
        ("x" * 100, "x" * 80),
    ],
)
def test_an_abort_is_told_by_its_name(exception: Any, name: str) -> None:
    """What else an exception says may be anything."""
    outputs = [{"source": "{$}", "destination": "{$.exception}"}]
    message = a_message(
        workflow_config={"A": {"cumulus_message": {"outputs": outputs}}}
    )

    world, _ = carried_out(
        a_case(a_list("A", "B"), {"A": [{"result": exception}]}, message)
    )

    [told] = notes_in(world.asked, "aborted")
    assert told == {"cumulus": "aborted", "task": "A", "exception": name}
    assert len(world.calls) == 1


def test_an_odd_source_is_warned_of_once() -> None:
    """C-7: the message is accepted all the same."""
    meta = {"message_source": "kinesis"}

    world, _ = carried_out(a_case(a_list("A", "B"), message={"cumulus_meta": meta}))

    [told] = notes_in(world.asked, "warning")
    assert told["path"] == "cumulus_meta.message_source"
    assert len(world.calls) == 2


def test_what_is_fetched_is_told() -> None:
    """Where it came from, and its size; never what it says."""
    message = a_message(payload={"Bucket": "b", "Key": "k"})

    world, _ = carried_out(
        a_case(a_list("A"), message=message, objects={"b": {"k": {"json": [1]}}})
    )

    [told] = notes_in(world.asked, "fetched")
    assert told == {
        "cumulus": "fetched",
        "task": "A",
        "bucket": "b",
        "key": "k",
        "bytes": 3,
    }


def test_a_cancel_ends_the_child_first() -> None:
    """C-15: nothing is submitted any more; the end comes when the child's does."""
    machine = machine_of(a_case(a_list("A", "B"), config={"heartbeat_s": 9}))
    machine.start(0)

    actions = machine.on(CLIENT)
    late = machine.on(Slept(key="0.A/wait0", at=6))
    last = machine.on(ended("0.A/a0"))

    assert actions == [Cancel(key="0.A/a0"), Cancel(key="0.A/wait0")]
    assert late == []
    assert last == [End(ends.Cancelled())]


@pytest.mark.parametrize(
    ("definition", "message", "key"),
    [
        (
            a_flow(A={"Type": "Wait", "Seconds": 9, "End": True}),
            a_message(),
            "0.A/wait0",
        ),
        (
            a_list("A"),
            a_message(payload={"Bucket": "b", "Key": "k"}),
            "0.A/payload",
        ),
    ],
)
def test_a_cancel_gives_up_all_else_at_once(
    definition: Any, message: Any, key: str
) -> None:
    """A sleep or a transfer has nothing to end."""
    machine = machine_of(a_case(definition, message=message))
    machine.start(0)

    assert machine.on(CLIENT) == [Cancel(key=key), End(ends.Cancelled())]


def test_a_run_that_takes_too_long_is_a_failure() -> None:
    """States.Timeout, never retried or caught, with the message to submit again."""
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Done"}]
    states = {"A": a_task(Catch=catch), "Done": {"Type": "Succeed"}}
    machine = machine_of(a_case(a_flow(**states)))
    machine.start(0)

    assert machine.on(TOO_LONG) == [Cancel(key="0.A/a0")]
    [end] = machine.on(ended("0.A/a0"))

    assert isinstance(end, End)
    assert isinstance(end.outcome, Raised)
    assert end.outcome.type == "States.Timeout"
    data: Any = decode(end.outcome.data or b"")
    assert data["task"] == "A"
    assert data["message"]["exception"]["Error"] == "States.Timeout"


def test_a_client_has_the_last_word() -> None:
    """A cancel that comes while a limit ends the run makes it cancelled."""
    machine = machine_of(a_case(a_list("A")))
    machine.start(0)
    machine.on(TOO_LONG)

    assert machine.on(CLIENT) == []
    assert machine.on(TOO_LONG) == []
    assert machine.on(ended("0.A/a0")) == [End(ends.Cancelled())]


def test_an_event_says_when_it_was_asked_for_again() -> None:
    """After a restart the stream tells which task goes on."""
    machine = machine_of(a_case(a_list("A", "B")))
    machine.start(0)

    actions = machine.on(attrs.evolve(ended("0.A/a0"), again=True))

    assert notes_in(actions)[0] == {"cumulus": "resumed", "task": "A"}
