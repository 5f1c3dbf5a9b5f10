"""Jobs as consumers see them: whose they are, how far, and how they ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, assert_never

from harpcaller.adapters.csapi.refusals import Refusal, complaint
from harpcaller.adapters.route import Operations
from protocol.errors import ErrorType, WireError
from protocol.job import JobId, JobRecord, State, read_job_id
from protocol.jsontext import JsonText, JsonValue, decode
from protocol.outcome import Cancelled, Failed, Outcome, Raised, Returned

STARTED: Final = "started"
IN_PROGRESS: Final = "inprogress"
COMPLETED: Final = "completed"
ERROR: Final = "error"
OUTPUTS: Final = "oceanoutputs"
_CANCELLED: Final = "cancelled"
_FAILED: Final = 500
_MAX_DEPTH: Final = 2**31  # of what a worker was allowed to return


async def find_job(
    text: str, service: str | None, consumer: str | None, means: Operations
) -> JobRecord:
    """Return a job that was made for a service; None is any.

    Raises:
        Refusal: 400, there is none, it was made for another one, or by a consumer who
            is not `consumer`.
        WireError: who asks may read no jobs, or the store does not answer.
    """
    job_id = read_job_id(text)
    record = None if job_id is None else await _record(job_id, means)
    about = {} if record is None else _about(record)
    if record is None or not isinstance(about.get("service"), str):
        raise _no_such_job()
    known = about.get("consumer")
    is_others = consumer is not None and known is not None and consumer != known
    if service not in {None, about["service"]} or is_others:
        raise _no_such_job()
    return record


def progress_of(record: JobRecord) -> str:
    """Return the word for a job that has not ended."""
    return STARTED if record.state is State.QUEUED else IN_PROGRESS


def failure_of(
    outcome: Outcome, errorcodes: Mapping[str, int]
) -> dict[str, JsonValue] | None:
    """Return what is told of a bad end, None of a good one."""
    match outcome:
        case Returned():
            return None
        case Raised(type=type_, message=message):
            code = errorcodes.get(type_, _FAILED)
            return complaint(code, f"{type_}: {message}")
        case Failed(type=type_, message=message):
            return complaint(_FAILED, f"{type_}: {message}")
        case Cancelled():
            return complaint(_FAILED, _CANCELLED)
    assert_never(outcome)


def outputs_of(value: JsonText) -> dict[str, JsonValue]:
    """Return what a service returned, as an object."""
    returned = decode(value, max_depth=_MAX_DEPTH)
    return returned if isinstance(returned, dict) else {"result": returned}


def _no_such_job() -> Refusal:
    """Return what is told of others' jobs too: nobody finds out which there are."""
    return Refusal(400, "there is no such job")


async def _record(job_id: JobId, means: Operations) -> JobRecord | None:
    try:
        return await means.job(job_id)
    except WireError as error:
        if error.type is ErrorType.INVALID_JOBID:
            return None
        raise


def _about(record: JobRecord) -> Mapping[str, Any]:
    match decode(record.info, max_depth=_MAX_DEPTH):
        case {"csapi": dict(about)}:
            return about
        case _:
            return {}
