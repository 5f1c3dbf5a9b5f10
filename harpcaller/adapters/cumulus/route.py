"""`POST /cumulus`: a message as the body, a job in return."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from harpcaller.adapters.cumulus.admission import HOST
from harpcaller.adapters.cumulus.config import Settings
from harpcaller.adapters.cumulus.errors import INVALID_MESSAGE
from harpcaller.adapters.cumulus.info import execution_arn
from harpcaller.adapters.cumulus.submission import (
    UNKNOWN_WORKFLOW,
    named_workflow,
    unwrapped,
)
from harpcaller.adapters.route import Answer, Asked, Operations, Route
from harpcaller.roles import Role
from protocol.call import Call, QueueSpec
from protocol.errors import ErrorType, WireError
from protocol.fields import refuse_unknown
from protocol.jsontext import JsonValue, canonical, decode, encode

MAX_BODY_BYTES: Final = 4 * 2**20
_NAMES: Final = ("start_at", "stop_after")
_QUERY: Final = ("workflow", *_NAMES)


async def submit(asked: Asked, operations: Operations, settings: Settings) -> Answer:
    """Answer with the id of the job that carries the message through its workflow.

    Raises:
        WireError: it was refused.
    """
    accepted = await operations.submit(call_for(asked.query, asked.body, settings))
    job_id = accepted.job_id
    headers = {
        "Content-Type": "application/json",
        "Location": f"/v1/jobs/{job_id}/result",
    }
    return Answer(status=202, headers=headers, body=encode({"job_id": job_id}))


def call_for(query: Mapping[str, str], body: bytes, settings: Settings) -> Call:
    """Return the call that a request stands for.

    Raises:
        WireError: `parse_error`, `invalid_request`.
    """
    refuse_unknown(dict.fromkeys(query), _QUERY)
    message = decode(body)
    workflow = query.get("workflow") or named_workflow(message)
    if workflow is None:
        raise _refusal(
            UNKNOWN_WORKFLOW, "workflow: neither the query nor the message names one"
        )
    names = {name: query[name] for name in _NAMES if query.get(name)}
    arguments: dict[str, JsonValue] = {"message": message, **names}
    inner = unwrapped(message)
    return Call(
        host=HOST,
        procedure=workflow,
        arguments=encode(arguments),
        queue=_throttle(inner),
        key=_key(inner) if settings.dedupe else None,
    )


def _key(message: JsonValue) -> str | None:
    """Return what is the same for every start of an execution, if it has an ARN."""
    arn = execution_arn(message)
    return None if arn is None else hashlib.sha256(arn.encode()).hexdigest()


def _throttle(message: JsonValue) -> QueueSpec | None:
    """Return the queue of executions that a message waits in, None if in none.

    Raises:
        WireError: `invalid_request`, its limit is no number of executions.
    """
    name, limit = _limit(message)
    if name is None or limit is None:
        return None
    if type(limit) is not int or limit < 1:
        raise _refusal(
            INVALID_MESSAGE, "queueExecutionLimits: expected whole numbers from 1 on"
        )
    queue: JsonValue = {"cumulus": "execution", "queue": name}
    return QueueSpec(name=canonical(queue), concurrency=limit)


def _limit(message: JsonValue) -> tuple[str | None, Any]:
    match message:
        case {
            "cumulus_meta": {"queueName": str(name)},
            "meta": {"queueExecutionLimits": dict(limits)},
        }:
            return name, limits.get(name)
        case {"cumulus_meta": {"queueUrl": str(url), "queueExecutionLimits": dict(by)}}:
            return url, by.get(url)
        case _:
            return None, None


def _refusal(code: str, message: str) -> WireError:
    return WireError(ErrorType.INVALID_REQUEST, message, {"code": code})


ROUTE: Final = Route(
    method="POST",
    path="/cumulus",
    role=Role.SUBMIT,
    handler=submit,
    max_body_bytes=MAX_BODY_BYTES,
    openapi={
        "summary": "Carry a Cumulus message through its workflow",
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string"}}
            for name in _QUERY
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
        "responses": {
            "202": {
                "description": "The job; Location leads to its result",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "properties": {"job_id": {"type": "string"}},
                        }
                    }
                },
            },
            "400": {"description": "Refused; there is no job"},
        },
    },
)
"""What the gateway mounts."""
