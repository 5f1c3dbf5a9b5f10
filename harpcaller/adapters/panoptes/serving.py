"""What every route does first, and what all of them need."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from harpcaller.adapters.panoptes.bodies import RETRY, refusal
from harpcaller.adapters.panoptes.settings import Settings
from harpcaller.adapters.panoptes.workflow import Workflow
from harpcaller.adapters.route import Answer, Asked, Handler, Operations
from harpcaller.roles import Role
from protocol.errors import ErrorType, WireError
from protocol.job import JobId, JobRecord, read_job_id

NOT_SERVED: Final = "this server does not implement the specification"
NO_SUCH: Final = "no workflow with this id"
MANY: Final = "too many workflows run already; try again later"

Serve = Callable[[Asked, Operations, Settings], Coroutine[Any, Any, Answer]]


def served(handler: Serve) -> Handler[Settings]:
    """Return a handler that is there only if the settings say so."""

    async def answer(asked: Asked, means: Operations, settings: Settings) -> Answer:
        if not settings.serve:
            return refusal(404, NOT_SERVED)
        return await handler(asked, means, settings)

    return answer


def location_of(asked: Asked, job_id: JobId) -> dict[str, str]:
    """Return the header that tells where a workflow's page is."""
    return {"Location": f"{asked.base}/workflows/{job_id}/"}


async def find(
    asked: Asked, means: Operations, role: Role
) -> tuple[JobRecord, Workflow] | None:
    """Return the workflow that the path names, None if there is none."""
    return await look_up(asked.path["id"], means, role)


async def look_up(
    text: str, means: Operations, role: Role
) -> tuple[JobRecord, Workflow] | None:
    """Return the workflow of an id, None if there is none for who asks.

    Raises:
        WireError: he may not look, or the store does not answer.
    """
    job_id = read_job_id(text)
    if job_id is None:
        return None
    try:
        record, fed = await means.fed.look(job_id, role)
    except WireError as error:
        if error.type is ErrorType.INVALID_JOBID:
            return None
        raise
    assert isinstance(fed, Workflow)  # noqa: S101 (our host's jobs are)
    return record, fed


def is_full(means: Operations, settings: Settings) -> bool:
    """Tell whether there are as many workflows as there may be."""
    return means.fed.live_count >= settings.max_live


async def hindrance(means: Operations) -> Answer | None:
    """Return the answer that we are not running, if so."""
    reasons = await means.hindrances()
    return refusal(503, "; ".join(reasons), RETRY) if reasons else None
