"""What the dispatcher answers: exact bytes."""

from __future__ import annotations

import json

import attrs
from hypothesis import given
from hypothesis import strategies as st
from json_values import VALUES, is_same

from protocol import replies
from protocol.errors import ErrorType, WireError
from protocol.job import JobId, JobRecord, State
from protocol.jsontext import JsonText, decode, encode
from protocol.outcome import Cancelled, Returned
from protocol.replies import HelloLimits

JOB_ID = JobId("0192f0c1-0000-7000-8000-000000000001")
RECORD = JobRecord(
    job_id=JOB_ID,
    state=State.RUNNING,
    host="web1",
    procedure="restart",
    arguments=JsonText(b'["a"]'),
    timeout_s=600,
    max_exec_s=0.5,
    submitted_at=1700000000.9,
    started_at=1700000001.1,
)


def test_a_call_is_answered_with_its_id() -> None:
    """The specification's reply, to the byte."""
    assert replies.submitted(JOB_ID) == (
        b'{"harpcaller":1,"job_id":"0192f0c1-0000-7000-8000-000000000001"}\n'
    )


def test_a_repeated_call_is_answered_with_the_first_id_and_said_to_be_one() -> None:
    """The client learns that nothing runs twice."""
    assert replies.submitted(JOB_ID, is_duplicate=True) == (
        b'{"harpcaller":1,"job_id":"0192f0c1-0000-7000-8000-000000000001",'
        b'"duplicate":true}\n'
    )


def test_short_replies_are_those_of_the_specification() -> None:
    """Clients of the original compare them."""
    assert replies.cancelled(was_stopped=True) == b'{"cancelled":true}\n'
    assert replies.cancelled(was_stopped=False) == b'{"cancelled":false}\n'
    assert replies.NO_RESULT == b'{"no_result":true}\n'
    assert replies.CONTINUE == b'{"continue":true}\n'
    assert replies.ended(Cancelled()) == b'{"cancelled":true}\n'
    assert replies.ended(Returned(JsonText(b"[1]"))) == b'{"result":[1]}\n'


@given(st.integers(min_value=0), st.lists(VALUES, max_size=4))
def test_packets_are_numbered_from_the_first_on(first: int, values: list[str]) -> None:
    """Promise P4: logs are dense."""
    sent = replies.packets(first, [encode(value) for value in values])

    told = [decode(line, max_depth=1000) for line in sent.splitlines()]
    assert is_same(
        told,
        [
            {"packet": first + place, "data": value}
            for place, value in enumerate(values)
        ],
    )


def test_status_tells_what_when_and_within_which_limits() -> None:
    """Times are whole seconds, as the original's are; what is not yet is null."""
    assert replies.status(RECORD) == (
        b'{"call":{"host":"web1","procedure":"restart","arguments":["a"]},'
        b'"time":{"submit":1700000000,"start":1700000001,"end":null},"info":null,'
        b'"limits":{"timeout":600,"max_exec_time":0.5}}\n'
    )


def test_status_counts_the_starts_of_a_call_that_may_be_retried() -> None:
    """Absent otherwise: a reply of the specification has exactly its keys."""
    retried = attrs.evolve(RECORD, retries=3, starts=2)

    assert json.loads(replies.status(retried))["starts"] == 2


def test_an_error_carries_its_data_only_where_there_is_some() -> None:
    """A key that is null would say that something is known to be nothing."""
    bare = WireError(ErrorType.INVALID_JOBID, "no job with this ID")
    full = WireError(ErrorType.TOO_LARGE, "too much", {"max_line_bytes": 1})

    assert replies.error(bare) == (
        b'{"error":{"type":"invalid_jobid","message":"no job with this ID"}}\n'
    )
    assert json.loads(replies.error(full))["error"]["data"] == {"max_line_bytes": 1}


def test_hello_tells_the_version_the_limits_and_what_more_is_spoken() -> None:
    """A client can adapt itself without trying things out."""
    limits = HelloLimits(
        max_line_bytes=2**20,
        max_depth=128,
        max_pending=64,
        timeout_s=600.0,
        max_exec_s=0.5,
    )

    assert replies.hello("1.2", limits) == (
        b'{"harpcaller":1,"version":"1.2","limits":{"max_line_bytes":1048576,'
        b'"max_depth":128,"max_pending":64,"timeout":600,"max_exec_time":0.5},'
        b'"capabilities":["key","retries","sealed","session"]}\n'
    )


def test_help_puts_a_comment_before_each_request() -> None:
    """It is made to be read by people and pasted back."""
    assert (
        replies.help_text([("one", "{}"), ("two", "[]")]) == b"# one\n{}\n# two\n[]\n"
    )
