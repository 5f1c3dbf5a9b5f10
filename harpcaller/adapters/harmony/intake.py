"""`POST /harmony/SERVICE`: a message as the body; its job, or what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from harpcaller.adapters.harmony.answers import answer_of, plain_answer, plain_error
from harpcaller.adapters.harmony.closings import failed
from harpcaller.adapters.harmony.intakes import HOST, Intake
from harpcaller.adapters.harmony.judging import judge
from harpcaller.adapters.harmony.parameters import query
from harpcaller.adapters.harmony.reading import read_object
from harpcaller.adapters.harmony.refusals import Refusal
from harpcaller.adapters.harmony.requests import Request, default_options
from harpcaller.adapters.harmony.settings import Dialect, Settings
from harpcaller.adapters.harmony.trees import Missing
from harpcaller.adapters.machine import Post
from harpcaller.adapters.places import origin_of
from harpcaller.adapters.route import (
    SECRET,
    Answer,
    Asked,
    IdentityFrom,
    Operations,
    Route,
)
from harpcaller.roles import Role
from protocol.call import Call
from protocol.jsontext import JsonValue, canonical, encode

MAX_BODY_BYTES: Final = 4 * 2**20
_SERVICE: Final = "service"
_JSON: Final = "application/json"
_LENGTHS: Final = ("content-length", "transfer-encoding")


async def receive(asked: Asked, operations: Operations, settings: Settings) -> Answer:
    """Answer an asynchronous message with its job, any other with what came of it.

    Raises:
        WireError: the dispatcher did not accept the call, or stops.
    """
    complaint = _complain(asked.headers)
    if complaint is not None:
        return complaint
    service = asked.path[_SERVICE]
    operation: Mapping[str, JsonValue] = {}
    try:
        operation = read_object(asked.body)
        is_sync = _is_sync(settings, service, operation)
    except Refusal as refusal:
        post = _post_of(refusal, operation, settings)
        if post is not None:
            await operations.post(post)
        return plain_answer(refusal.status, refusal.message)
    accepted = await operations.submit(_call(service, operation, is_sync=is_sync))
    if is_sync:
        return answer_of(await operations.outcome(accepted.job_id), settings)
    return Answer(
        status=202,
        headers={"Content-Type": _JSON, "Location": f"/v1/jobs/{accepted.job_id}"},
        body=encode({"job_id": accepted.job_id}),
    )


def _complain(headers: Mapping[str, str]) -> Answer | None:
    """Return what is wrong with a request whose body nobody has looked at (E19)."""
    if not any(name in headers for name in _LENGTHS):
        return plain_answer(411, "expected Content-Length, or a chunked body")
    if headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
        return plain_answer(415, f"expected a body of type {_JSON}")
    return None


def _is_sync(
    settings: Settings, service: str, operation: Mapping[str, JsonValue]
) -> bool:
    """Tell whether somebody waits for the result.

    Raises:
        Refusal: the message cannot be carried out.
    """
    request = Request(
        service=service,
        operation=dict(operation),
        options=default_options(settings, Intake.HTTP),
        intake=Intake.HTTP,
    )
    judged = judge(settings, request, {})
    assert not isinstance(judged, Missing)  # noqa: S101 (a body names no catalog)
    return judged.is_sync


def _call(service: str, operation: Mapping[str, JsonValue], *, is_sync: bool) -> Call:
    """Return the call that a message stands for, the same one each time it comes.

    Who waits is told by the answer, and by nothing else.
    """
    options: dict[str, JsonValue] = {"dialect": Dialect.NONE} if is_sync else {}
    kept = {name: operation[name] for name in operation if name != "accessToken"}
    same: JsonValue = [service, kept, options]
    return Call(
        host=HOST,
        procedure=service,
        arguments=encode({"operation": dict(operation), "options": options}),
        key=hashlib.sha256(canonical(same)).hexdigest(),
    )


def _post_of(
    refusal: Refusal, operation: Mapping[str, JsonValue], settings: Settings
) -> Post | None:
    """Return what tells Harmony why: it does not read the answer to such a message."""
    callback = operation.get("callback")
    if (
        operation.get("isSynchronous") is True
        or settings.dialect is Dialect.NONE
        or not isinstance(callback, str)
        or not settings.may_post_to(callback)
    ):
        return None
    told = query(failed(settings.dialect, refusal.message))
    return Post(
        key="refused",
        method="POST",
        url=f"{callback}/response?{told}",
        allow=(origin_of(callback),),
    )


def _route(path: str, *parameters: str) -> Route[Settings]:
    return Route(
        method="POST",
        path=path,
        role=Role.SUBMIT,
        handler=receive,
        openapi=_operation(parameters),
        error_shape=plain_error,
        max_body_bytes=MAX_BODY_BYTES,
        may_wait=True,
        identity=IdentityFrom.ROUTE,
    )


def _operation(parameters: tuple[str, ...]) -> Mapping[str, Any]:
    text = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "summary": "Carry out a data-operation message of Harmony",
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in parameters
        ],
        "requestBody": {
            "required": True,
            "content": {_JSON: {"schema": {"type": "object"}}},
        },
        "responses": {
            "202": {"description": "Asynchronous: the job; Location leads to it"},
            "200": {"description": "Synchronous: the output's bytes"},
            "303": {"description": "Synchronous: Location is the output"},
            "default": {"description": "Refused or failed, and why", "content": text},
        },
    }


# The first one that fits a path is asked.
ROUTES: Final = (
    _route(f"/harmony/~{{{SECRET}}}/{{{_SERVICE}:path}}", SECRET, _SERVICE),
    _route(f"/harmony/{{{_SERVICE}:path}}", _SERVICE),
)
"""What the gateway mounts."""
