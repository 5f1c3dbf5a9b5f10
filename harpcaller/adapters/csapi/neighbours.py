"""The later DEP 6: a token, metadata of operations, and operations invoked.

starfish-py 0.17 asks in this order: token, document, metadata, invoke, job.
"""

from __future__ import annotations

from typing import Final

from harpcaller.adapters.csapi.delivery import RETIRED
from harpcaller.adapters.csapi.invocation import call_of, read_flat
from harpcaller.adapters.csapi.jobs import failure_of, find_job, outputs_of
from harpcaller.adapters.csapi.refusals import JSON, Refusal, told
from harpcaller.adapters.csapi.registry import Registry
from harpcaller.adapters.csapi.settings import Settings
from harpcaller.adapters.csapi.strictly import read_object
from harpcaller.adapters.route import Answer, Asked, Operations
from protocol.errors import ErrorType, WireError
from protocol.job import JobId, State
from protocol.jsontext import JsonValue
from protocol.outcome import Cancelled, Outcome, Returned

NO_TOKEN: Final = "none"  # noqa: S105 (where nobody is asked)


async def token(asked: Asked, _means: Operations, _settings: Settings) -> Answer:
    """Answer with the token that a request bears: there is no other kind.

    Raises:
        WireError: `unauthorized`, it bears none.
    """
    if asked.identity is None:
        return told([NO_TOKEN])
    if asked.token is None:
        raise WireError(ErrorType.UNAUTHORIZED, "a token is the password of any user")
    return told([asked.token])


async def metadata(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """Answer with the bytes that an asset id is the digest of.

    Raises:
        Refusal: 404.
    """
    entry = await Registry(settings, means).find_asset(asked.path["asset_id"])
    return Answer(
        status=200, headers={"Content-Type": JSON}, body=entry.service.metadata
    )


async def begin(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """Answer with the id of a job.

    Raises:
        Refusal: 400, 404, 503; 8003.
        WireError: the call was refused.
    """
    job_id = await _submit(asked, means, settings)
    return told({"job-id": job_id}, 201)


async def run(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """Answer with how a job ended, or with its id if that takes too long.

    Raises:
        Refusal: 400, 404, 503; 8003.
        WireError: the call was refused, or the dispatcher stops meanwhile.
    """
    job_id = await _submit(asked, means, settings)
    outcome = await means.outcome_within(job_id, settings.sync_wait_s)
    if outcome is None:
        return told({"job-id": job_id}, 504)
    return told(_ended(outcome, settings))


async def job(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """Answer with how far a job is, and what came of it.

    Raises:
        Refusal: 404, there is none.
        WireError: who asks may read no jobs.
    """
    try:
        record = await find_job(asked.path["job_id"], None, None, means)
    except Refusal as refusal:
        raise Refusal(404, refusal.description) from None
    if record.outcome is not None:
        return told(_ended(record.outcome, settings))
    is_waiting = record.state is State.QUEUED
    return told({"status": "scheduled" if is_waiting else "running"})


async def _submit(asked: Asked, means: Operations, settings: Settings) -> JobId:
    entry = await Registry(settings, means).find_asset(asked.path["asset_id"])
    if entry.is_retired:
        raise Refusal(503, RETIRED)
    invocation = read_flat(read_object(asked.body), entry.service, settings)
    consumer = settings.consumers.get(asked.identity or "")
    call = call_of(invocation, entry.service, consumer)
    return (await means.submit(call)).job_id


def _ended(outcome: Outcome, settings: Settings) -> JsonValue:
    match outcome:
        case Returned(value=value):
            return {"status": "succeeded", "outputs": outputs_of(value)}
        case Cancelled():
            status = "cancelled"
        case _:
            status = "failed"
    failure = failure_of(outcome, settings.errorcodes)
    return {"status": status, **(failure or {})}
