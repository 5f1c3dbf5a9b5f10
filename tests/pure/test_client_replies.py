"""Each reply of the dispatcher has one meaning for the client."""

from __future__ import annotations

from typing import Any

import pytest

from harpcaller.client import (
    CallError,
    Cancelled,
    ClientError,
    NoDispatcher,
    NoSuchJob,
    NotFinished,
    Packet,
    RemoteException,
    RequestRefused,
)
from harpcaller.client import replies as client_replies
from protocol import outcome, replies
from protocol.errors import OUTCOME_ERRORS, REQUEST_ERRORS, ErrorType, WireError
from protocol.job import JobId
from protocol.jsontext import JsonText

JOB = JobId("6f1ed002-ab5c-4a3e-8c1d-1a2b3c4d5e6f")


def result_of(line: bytes) -> Any:
    """Return the result that the client reads from a line of the dispatcher."""
    return client_replies.read_result(client_replies.read_reply(line))


def test_a_result_is_returned_exactly() -> None:
    """Integers beyond 64 bits are why the client needs no other JSON than Python's."""
    line = replies.ended(outcome.Returned(JsonText(b"[123456789012345678901,null]")))

    assert result_of(line) == [123456789012345678901, None]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (
            replies.ended(outcome.Raised(type="E", message="m", data=JsonText(b"[1]"))),
            RemoteException("E", "m", [1]),
        ),
        (
            replies.ended(outcome.Failed(type="no_such_procedure", message="m")),
            CallError("no_such_procedure", "m", None),
        ),
        (replies.ended(outcome.Cancelled()), Cancelled()),
        (replies.NO_RESULT, NotFinished()),
        (replies.CONTINUE, NotFinished()),
        (
            replies.error(WireError(ErrorType.INVALID_JOBID, "no job with this ID")),
            NoSuchJob("invalid_jobid", "no job with this ID", None),
        ),
    ],
)
def test_every_other_end_is_an_exception_of_its_own(
    line: bytes, error: ClientError
) -> None:
    """A caller must be able to tell them apart without looking into messages."""
    with pytest.raises(type(error)) as caught:
        result_of(line)

    assert caught.value.args == error.args


@pytest.mark.parametrize("type_", sorted(REQUEST_ERRORS))
def test_a_refused_request_is_no_end_of_a_job(type_: ErrorType) -> None:
    """The client's list of refusals must be the dispatcher's."""
    with pytest.raises(RequestRefused):
        result_of(replies.error(WireError(type_, "m")))


@pytest.mark.parametrize("type_", sorted(OUTCOME_ERRORS))
def test_a_failed_call_is_no_refused_request(type_: ErrorType) -> None:
    """What ended a job will be the same however often it is asked for."""
    with pytest.raises(CallError):
        result_of(replies.ended(outcome.Failed(type=type_, message="m")))


def test_packets_are_told_from_the_end_of_the_stream() -> None:
    """A result may look like a packet inside, the message around it does not."""
    packet = client_replies.read_reply(replies.packets(3, [JsonText(b'{"a":1}')]))
    end = client_replies.read_reply(
        replies.ended(outcome.Returned(JsonText(b'{"packet":0,"data":1}')))
    )

    assert client_replies.read_packet(packet) == Packet(3, {"a": 1})
    assert client_replies.read_packet(end) is None


def test_the_answer_to_a_call_is_the_id_of_the_job() -> None:
    """A duplicate is as good as new: both name the job that runs."""
    for is_duplicate in (False, True):
        line = replies.submitted(JOB, is_duplicate=is_duplicate)

        assert client_replies.read_job_id(client_replies.read_reply(line)) == JOB


@pytest.mark.parametrize(
    "line", [b"HTTP/1.1 400 Bad Request\r\n", b"220 mail ESMTP\r\n", b"[1]\n", b"{}\n"]
)
def test_an_answer_of_something_else_is_recognised(line: bytes) -> None:
    """A wrong port is the likeliest mistake; say so instead of a KeyError."""
    with pytest.raises(NoDispatcher, match="is no dispatcher"):
        result_of(line)


def test_deep_nesting_is_no_crash() -> None:
    """A reply may come from anything that listens there."""
    with pytest.raises(NoDispatcher):
        client_replies.read_reply(b"[" * 100_000)


def test_the_wrong_kind_of_answer_is_recognised() -> None:
    """An error that is none, and a reply to another question, must not pass."""
    for read in (
        client_replies.read_job_id,
        client_replies.read_cancelled,
        client_replies.read_status,
    ):
        with pytest.raises(NoDispatcher):
            read({"result": 1})
        with pytest.raises(NoDispatcher):
            read({"error": "nothing"})
