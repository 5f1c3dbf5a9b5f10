"""The older paths, which every Snakemake speaks: lenient, for an answer can end a run.

Snakemake 6 to 8 gives up on 401, 403, 404 and 500 at any update, and complains of
everything but 200. So an update is told 200, 400, 410, 413 or 503.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from harpcaller.adapters.panoptes.admission import (
    Origin,
    bounded,
    said_in,
    workflow_call,
)
from harpcaller.adapters.panoptes.bodies import (
    FRESH,
    RETRY,
    answer,
    complaint,
    refusal,
    workflow_object,
)
from harpcaller.adapters.panoptes.reading import fields, lenient
from harpcaller.adapters.panoptes.serving import (
    MANY,
    NO_SUCH,
    hindrance,
    is_full,
    location_of,
    look_up,
)
from harpcaller.adapters.panoptes.settings import Settings
from harpcaller.adapters.panoptes.updates import Update, make_update
from harpcaller.adapters.panoptes.workflow import DUPLICATE, suffix_of
from harpcaller.adapters.route import Answer, Asked, Operations
from harpcaller.roles import Role
from protocol.errors import ErrorType, WireError
from protocol.job import read_job_id
from protocol.jsontext import JsonValue
from protocol.outcome import Cancelled

DIALECT: Final = "legacy"
OK: Final = "ok"
ENDED: Final = "ended"


async def service_info(asked: Asked, means: Operations, _: Settings) -> Answer:
    """Tell that we run; any other answer keeps Snakemake from starting."""
    return await hindrance(means) or answer({"status": "running"})


async def create(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """Make a workflow, or go on with one that is named by its id."""
    said = bounded(said_in(_create_fields(asked), asked.query))
    previous = asked.query.get("id") or None
    if previous is not None:
        found = await look_up(previous, means, Role.SUBMIT)
        if found is None:
            return _refused(404, NO_SUCH)
        if found[0].outcome is None:
            return answer(workflow_object(*found, settings, asked.at))
    if is_full(means, settings):
        return _refused(503, MANY)
    name = said.get("name")
    if isinstance(name, str) and previous is None:
        said["name"], previous = await _own_name(name, means)
    origin = Origin(
        dialect=DIALECT,
        reporter=asked.identity or asked.peer,
        agent=asked.headers.get("user-agent", ""),
    )
    call = workflow_call(said, origin, previous)
    job_id = (await means.submit(call)).job_id
    made = await means.fed.look(job_id, Role.SUBMIT)
    told = workflow_object(made[0], made[1], settings, asked.at)  # type: ignore[arg-type]
    return answer(told, headers=location_of(asked, job_id))


def _refused(status: int, message: str) -> Answer:
    headers = RETRY if status == 503 else {}
    return answer({**complaint(status, message), "id": None}, status, headers)


def _create_fields(asked: Asked) -> Mapping[str, Any]:
    try:
        return fields(asked.body)
    except WireError:
        return {}


async def _own_name(name: str, means: Operations) -> tuple[str, str | None]:
    """Return a name that no live workflow has, and the last ended one that had it."""
    own = name
    while True:
        last = await look_up(await means.fed.labelled(own) or "", means, Role.SUBMIT)
        if last is None:
            return own, None
        if last[0].outcome is not None:
            return own, last[0].job_id
        own = suffix_of(name, last[0].job_id)


async def update(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """Add a message to a workflow."""
    value = fields(asked.body)
    offered = _update(value, asked.at)
    job_id = read_job_id(str(value.get("id", "")))
    if offered is None:
        return refusal(400, "expected msg, timestamp and id; msg is a JSON object")
    if job_id is None:
        return refusal(410, NO_SUCH)
    try:
        word = await means.fed.offer(job_id, offered)
    except WireError as error:
        if error.type is ErrorType.INVALID_JOBID:
            return refusal(410, NO_SUCH)
        raise
    if word is None and settings.cancel_kills:
        found = await look_up(job_id, means, Role.SUBMIT)
        if found is not None and isinstance(found[0].outcome, Cancelled):
            return refusal(403, "the workflow was cancelled")
    told = {None: ENDED, DUPLICATE: DUPLICATE}.get(word, OK)
    return Answer(
        status=200,
        headers={"Content-Type": "text/plain", **FRESH},
        body=told.encode(),
    )


def _update(value: Mapping[str, Any], at: float) -> Update | None:
    message = value.get("msg")
    if isinstance(message, str):
        message = lenient(message)
    if not isinstance(message, dict):
        return None
    stamp: dict[str, JsonValue] = {}
    if "timestamp" in value:
        stamp["timestamp"] = value["timestamp"]
    return make_update(message, stamp, at)
