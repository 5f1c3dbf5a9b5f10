"""Reading, renaming, cancelling and deleting workflows by the older paths."""

from __future__ import annotations

import re
from typing import Any, Final

from harpcaller.adapters.panoptes.bodies import (
    answer,
    details,
    job_object,
    refusal,
    workflow_object,
)
from harpcaller.adapters.panoptes.reading import lenient, refuse
from harpcaller.adapters.panoptes.serving import NO_SUCH, find, look_up
from harpcaller.adapters.panoptes.settings import Settings
from harpcaller.adapters.panoptes.updates import MAX_NAME_CHARACTERS, Rename
from harpcaller.adapters.panoptes.workflow import names_of
from harpcaller.adapters.route import Answer, Asked, Operations
from harpcaller.roles import Role
from protocol.job import JobId
from protocol.jsontext import JsonValue

PAGE_LENGTH: Final = 100
MAX_PAGE_LENGTH: Final = 1000
_COUNT: Final = re.compile(r"[0-9]{1,9}")  # Python reads no integer of any length


async def every(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """Tell of workflows, the newest first."""
    limit = _limit(asked.query.get("limit", str(PAGE_LENGTH)))
    before: JobId | None = None
    if "after" in asked.query:
        last = await look_up(asked.query["after"], means, Role.READ)
        if last is None:
            return refusal(404, NO_SUCH)
        before = last[0].job_id
    told: list[JsonValue] = []
    for job_id in await means.fed.recent(before, limit):
        found = await look_up(job_id, means, Role.READ)
        if found is not None:  # else it was pruned meanwhile
            told.append(workflow_object(*found, settings, asked.at))
    return answer({"workflows": told, "count": len(told)})


def _limit(text: str) -> int:
    if not (_COUNT.fullmatch(text) and 1 <= int(text) <= MAX_PAGE_LENGTH):
        refuse(f"limit: expected a whole number from 1 to {MAX_PAGE_LENGTH}")
    return int(text)


async def one(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """Tell of a workflow."""
    found = await find(asked, means, Role.READ)
    if found is None:
        return refusal(404, NO_SUCH)
    told = {**workflow_object(*found, settings, asked.at), **details(*found)}
    return answer({"workflow": told})


async def rename(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """Take a name, and arguments; Snakemake 8 sends them behind every create."""
    value: Any = lenient(asked.body) if asked.body.strip() else None
    if not isinstance(value, dict):
        refuse("expected an object")
    found = await find(asked, means, Role.SUBMIT)
    if found is None:
        return refusal(404, NO_SUCH)
    job_id = found[0].job_id
    changes = {key: one for key, one in names_of(value).items() if key != "id"}
    if changes.get("name") is not None:
        changes["name"] = str(changes["name"])[:MAX_NAME_CHARACTERS]
    await means.fed.offer(job_id, Rename(changes=changes, received=asked.at))
    record, workflow = await look_up(job_id, means, Role.SUBMIT) or found
    return answer({"workflow": workflow_object(record, workflow, settings, asked.at)})


async def jobs(asked: Asked, means: Operations, _: Settings) -> Answer:
    """Tell of the jobs of a workflow."""
    found = await find(asked, means, Role.READ)
    if found is None:
        return refusal(404, NO_SUCH)
    record, workflow = found
    told = [job_object(record, job) for job in workflow.table.jobs.values()]
    return answer({"jobs": told, "count": len(told)})


async def job(asked: Asked, means: Operations, _: Settings) -> Answer:
    """Tell of one job of a workflow."""
    found = await find(asked, means, Role.READ)
    if found is None:
        return refusal(404, NO_SUCH)
    record, workflow = found
    known = workflow.table.jobs.get(asked.path["job"])
    if known is None:
        return refusal(404, "no job with this id in the workflow")
    return answer({"jobs": job_object(record, known)})


async def cancel(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """End a workflow as cancelled; whoever runs it may not notice."""
    found = await find(asked, means, Role.CANCEL)
    if found is None:
        return refusal(404, NO_SUCH)
    await means.fed.cancel(found[0].job_id)
    found = await find(asked, means, Role.CANCEL) or found
    return answer({"workflow": workflow_object(*found, settings, asked.at)})


async def delete(asked: Asked, means: Operations, _: Settings) -> Answer:
    """Forget a workflow that has ended."""
    found = await find(asked, means, Role.ADMIN)
    if found is None:
        return refusal(404, NO_SUCH)
    if found[0].outcome is None:
        return refusal(403, "the workflow runs: cancel it first")
    await means.fed.remove(found[0].job_id)
    return Answer(status=204)


async def delete_all(_: Asked, __: Operations, ___: Settings) -> Answer:
    """Refuse: workflows are forgotten one by one, or by their age."""
    return refusal(403, "delete workflows one by one, or let max_age prune them")
