"""The specification's own endpoints: strict, and with its status codes."""

from __future__ import annotations

import math
from typing import Any, Final

from harpcaller.adapters.panoptes.admission import (
    Origin,
    checked,
    said_in,
    workflow_call,
)
from harpcaller.adapters.panoptes.bodies import VERSION, answer, refusal
from harpcaller.adapters.panoptes.reading import form, refuse, strict
from harpcaller.adapters.panoptes.serving import (
    MANY,
    NO_SUCH,
    hindrance,
    is_full,
    location_of,
    look_up,
)
from harpcaller.adapters.panoptes.settings import Settings
from harpcaller.adapters.panoptes.updates import job_id_text, make_update
from harpcaller.adapters.panoptes.workflow import ACCEPTED, DUPLICATE, FULL
from harpcaller.adapters.route import Answer, Asked, Operations
from harpcaller.roles import Role
from protocol.errors import ErrorType, WireError
from protocol.job import read_job_id
from protocol.jsontext import JsonValue

DIALECT: Final = "m1"
MAX_TIMESTAMP_CHARACTERS: Final = 128
_FORM: Final = "application/x-www-form-urlencoded"
_KEY: Final = "idempotency-key"


async def service_info(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """Tell that we run, that we do not, or where to ask instead."""
    redirect = settings.redirect
    if redirect is not None:
        told = {"status": "multiple choices", "version": VERSION}
        return answer(told, redirect.code, {"Location": redirect.location})
    told = {"status": "running", "version": VERSION, "server": "harpcaller"}
    return await hindrance(means) or answer(told)


async def create(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """Make a workflow, or go on with one that is named by its id."""
    said = checked(said_in(_create_fields(asked), asked.query))
    previous = asked.query.get("id")
    if previous:
        found = await look_up(previous, means, Role.SUBMIT)
        if found is None:
            return refusal(404, NO_SUCH)
        if found[0].outcome is None:
            return _created(asked, found[0].job_id)
    if is_full(means, settings):
        return refusal(503, MANY, {"Retry-After": "5"})
    origin = Origin(
        dialect=DIALECT,
        reporter=asked.identity or asked.peer,
        agent=asked.headers.get("user-agent", ""),
    )
    key = asked.headers.get(_KEY)
    if key is not None and not 1 <= len(key) <= 200:
        refuse("Idempotency-Key: expected 1 to 200 characters")
    call = workflow_call(said, origin, previous or None, key)
    return _created(asked, (await means.submit(call)).job_id)


def _created(asked: Asked, job_id: Any) -> Answer:
    return answer({"id": job_id}, 201, location_of(asked, job_id))


def _create_fields(asked: Asked) -> dict[str, Any]:
    body = asked.body.strip()
    if not body:
        return {}
    if asked.headers.get("content-type", "").lower().startswith(_FORM):
        return dict(form(body))
    if not body.startswith(b"{"):
        refuse("expected nothing, a JSON object or a form")
    value = strict(body)
    assert isinstance(value, dict)  # noqa: S101 (it begins like one)
    return value


async def update(asked: Asked, means: Operations, _: Settings) -> Answer:
    """Add a message to a workflow."""
    value = strict(asked.body)
    if not isinstance(value, dict):
        refuse("expected an object with message, timestamp and id")
    message, stamp = _message(value.get("message")), _stamp(value)
    job_id = read_job_id(_id_text(value.get("id")))
    if job_id is None:
        return refusal(404, NO_SUCH)
    try:
        word = await means.fed.offer(job_id, make_update(message, stamp, asked.at))
    except WireError as error:
        if error.type is ErrorType.INVALID_JOBID:
            return refusal(404, NO_SUCH)
        raise
    if word is None:
        return refusal(409, "the workflow has ended")
    if word == FULL:
        return refusal(413, "the workflow has as many updates as it may have")
    word = DUPLICATE if word == DUPLICATE else ACCEPTED
    told = {"status": word, "version": VERSION}
    return answer(told, 202, location_of(asked, job_id))


def _message(value: JsonValue) -> dict[str, JsonValue]:
    if not isinstance(value, dict):
        refuse("message: expected an object")
    if job_id_text(value.get("jobid")) is None:
        refuse("message.jobid: expected a text of 1 to 256 characters, or an integer")
    return value


def _stamp(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if value.get("timestamp") is None:
        return {}
    at = value["timestamp"]
    is_text = isinstance(at, str) and len(at) <= MAX_TIMESTAMP_CHARACTERS
    is_number = type(at) in {int, float} and math.isfinite(_as_float(at))
    if not (is_text or is_number):
        refuse("timestamp: expected a number, or a text of at most 128 characters")
    return {"timestamp": at}


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return 0.0  # an integer, however long, is finite


def _id_text(value: JsonValue) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        refuse("id: expected the id of a workflow")
    return str(value)
