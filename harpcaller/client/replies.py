"""What a dispatcher answers: lines to values, or to the exception that they mean."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

from harpcaller.client.errors import (
    CallError,
    Cancelled,
    ClientError,
    NoDispatcher,
    NoSuchJob,
    NotFinished,
    RemoteException,
    RequestRefused,
)

Reply: TypeAlias = dict[str, Any]

# harpcaller-protocol(7), "Errors": what is not among these is the end of a job.
_REFUSALS = frozenset(
    {
        "invalid_jobid",
        "parse_error",
        "invalid_protocol",
        "invalid_request",
        "too_large",
        "overloaded",
        "shutting_down",
        "unauthorized",
        "forbidden",
        "storage_error",
        "storage_full",
        "internal_error",
    }
)


class Packet(NamedTuple):
    """One value that a job streamed, and its number: 0 is the first."""

    number: int
    data: Any


class Page(NamedTuple):
    """The packets a job had when it was asked; `next` is the number to go on from."""

    packets: tuple[Packet, ...]
    next: int
    last: Reply

    @property
    def is_last(self) -> bool:
        """Whether the job has ended, so that no packet will follow."""
        return "continue" not in self.last

    def result(self) -> Any:
        """Return the job's result; see `Job.result` for what it raises."""
        return read_result(self.last)


def read_reply(line: bytes) -> Reply:
    """Return the reply in one line.

    Raises:
        NoDispatcher: it is no reply; something else listens there.
    """
    try:
        reply = json.loads(line)
    except (ValueError, RecursionError):
        reply = None
    if not isinstance(reply, dict):
        raise _disbelief(line)
    return reply


def check_hello(reply: Reply) -> None:
    """Accept the answer to hello.

    Raises:
        RequestRefused: the token is nobody's.
    """
    if "capabilities" not in reply:
        raise _error_in(reply)


def read_job_id(reply: Reply) -> str:
    """Return the id of the job that a call became.

    Raises:
        RequestRefused: the call was not accepted.
    """
    if isinstance(reply.get("job_id"), str):
        return str(reply["job_id"])
    raise _error_in(reply)


def read_cancelled(reply: Reply) -> bool:
    """Return whether the job was stopped by this request.

    Raises:
        RequestRefused: the request was not done.
    """
    if isinstance(reply.get("cancelled"), bool):
        return bool(reply["cancelled"])
    raise _error_in(reply)


def read_status(reply: Reply) -> Reply:
    """Return the status: `call`, `time`, `info` and what the dispatcher adds.

    Raises:
        NoSuchJob: there is no such job.
        RequestRefused: the request was not done.
    """
    if "call" in reply and "time" in reply:
        return reply
    raise _error_in(reply)


def read_packet(reply: Reply) -> Packet | None:
    """Return the packet, or None where the reply ends the stream."""
    if type(reply.get("packet")) is int and "data" in reply:
        return Packet(reply["packet"], reply["data"])
    return None


def read_result(reply: Reply) -> Any:
    """Return what the procedure returned.

    Raises:
        RemoteException, CallError, Cancelled: it ended otherwise.
        NotFinished: it has not ended.
        NoSuchJob, RequestRefused: the request was not done.
    """
    if "result" in reply:
        return reply["result"]
    if reply.get("cancelled") is True:
        raise Cancelled
    if "no_result" in reply or "continue" in reply:
        raise NotFinished
    if isinstance(reply.get("exception"), dict):
        raise RemoteException(*_complaint(reply["exception"]))
    raise _error_in(reply)


def check_end_of_page(reply: Reply) -> None:
    """Accept how a job ended, whatever it was, and that it has not.

    Raises:
        NoSuchJob, RequestRefused: the request was not done.
    """
    with suppress(RemoteException, CallError, Cancelled, NotFinished):
        read_result(reply)


def is_shutting_down(reply: Reply) -> bool:
    """Return whether the dispatcher stops, and the job goes on without it."""
    error = reply.get("error")
    return isinstance(error, dict) and error.get("type") == "shutting_down"


def _error_in(reply: Reply) -> ClientError:
    if not isinstance(reply.get("error"), dict):
        return _disbelief(json.dumps(reply).encode())
    type_, message, data = _complaint(reply["error"])
    if type_ == "invalid_jobid":
        return NoSuchJob(type_, message, data)
    if type_ in _REFUSALS:
        return RequestRefused(type_, message, data)
    return CallError(type_, message, data)


def _complaint(body: Reply) -> tuple[str, str, Any]:
    return str(body.get("type")), str(body.get("message")), body.get("data")


def _disbelief(line: bytes) -> NoDispatcher:
    shown = line[:80].decode(errors="replace").strip()
    return NoDispatcher(f"what answers is no dispatcher: it said {shown!r}")
