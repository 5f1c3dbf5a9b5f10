"""Service delivery: heartbeat, a job made, its status and its result.

DEP 6, "Service Delivery". A service's own paths and those of the default one at the
root are the same.
"""

from __future__ import annotations

from harpcaller.adapters.csapi.invocation import call_of, read_invocation
from harpcaller.adapters.csapi.jobs import (
    COMPLETED,
    ERROR,
    OUTPUTS,
    failure_of,
    find_job,
    outputs_of,
    progress_of,
)
from harpcaller.adapters.csapi.queries import (
    CONSUMERS,
    WAIT,
    check_query,
    consumer_in,
    wait_in,
)
from harpcaller.adapters.csapi.refusals import Refusal, told
from harpcaller.adapters.csapi.registry import Entry, Registry
from harpcaller.adapters.csapi.settings import Settings
from harpcaller.adapters.csapi.strictly import read_object
from harpcaller.adapters.route import Answer, Asked, Operations
from protocol.jsontext import JsonValue
from protocol.outcome import Outcome, Returned

RETIRED = "the service is retired"


async def heartbeat(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """Answer with nothing if a job would be taken now.

    Raises:
        Refusal: 404, 503.
    """
    entry = await _entry(asked, means, settings)
    if entry.is_retired:
        raise Refusal(503, RETIRED)
    hindrances = await means.hindrances()
    if hindrances:
        raise Refusal(503, f"no job is taken now: {', '.join(hindrances)}")
    return Answer(status=200, headers={"Cache-Control": "no-store"})


async def invoke(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """Answer with the id of a job.

    Raises:
        Refusal: 400, 404, 503; 8003.
        WireError: the call was refused.
    """
    entry = await _entry(asked, means, settings)
    if entry.is_retired:
        raise Refusal(503, RETIRED)
    service = entry.service
    invocation = read_invocation(read_object(asked.body), service, settings)
    consumer = settings.consumers.get(asked.identity or "")
    accepted = await means.submit(call_of(invocation, service, consumer))
    place = f"/services/{service.name}/jobs/status/{accepted.job_id}"
    return told({"jobid": accepted.job_id}, 201, {"Location": place})


async def status(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """Answer with one of four words, and what went wrong.

    Raises:
        Refusal: 400, 404.
        WireError: who asks may read no jobs.
    """
    check_query(asked.query, *CONSUMERS)
    entry = await _entry(asked, means, settings)
    consumer = consumer_in(asked.query)
    record = await find_job(asked.path["job_id"], entry.service.name, consumer, means)
    if record.outcome is None:
        return told({"status": progress_of(record)})
    failure = failure_of(record.outcome, settings.errorcodes)
    if failure is not None:
        return told({"status": ERROR, **failure})
    return told({"status": COMPLETED})


async def result(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """Answer with what a job returned, once it has; with 202 if it has not yet.

    Raises:
        Refusal: 400, 404.
        WireError: who asks may read no jobs, or the dispatcher stops.
    """
    check_query(asked.query, *CONSUMERS, WAIT)
    entry = await _entry(asked, means, settings)
    consumer, wait_s = consumer_in(asked.query), wait_in(asked.query)
    record = await find_job(asked.path["job_id"], entry.service.name, consumer, means)
    outcome = record.outcome
    if outcome is None and wait_s:
        outcome = await means.outcome_within(record.job_id, wait_s)
    if outcome is None:
        return told({"status": progress_of(record)}, 202, {"Retry-After": "1"})
    return told(_result(outcome, settings))


def _result(outcome: Outcome, settings: Settings) -> JsonValue:
    failure = failure_of(outcome, settings.errorcodes)
    if failure is not None:
        return {"status": ERROR, **failure}
    assert isinstance(outcome, Returned)  # noqa: S101 (nothing else is no failure)
    outputs = outputs_of(outcome.value)
    outputs.setdefault(OUTPUTS, [])
    return outputs


async def _entry(asked: Asked, means: Operations, settings: Settings) -> Entry:
    registry = Registry(settings, means)
    name = asked.path.get("service")
    return await (registry.find_default() if name is None else registry.find(name))
