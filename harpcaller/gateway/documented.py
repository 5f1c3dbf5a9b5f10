"""The OpenAPI operations of what the gateway itself serves: data, in their order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

Operation: TypeAlias = Mapping[str, Any]

_TAG_NATIVE: Final = "calls"
_TAG_LISTS: Final = "lists"
_TAG_OPERATIONS: Final = "operations"


def _reference(schema: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{schema}"}


def _json(description: str, schema: str, **more: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": _reference(schema)}}
    return {"description": description, "content": content, **more}


def _text(description: str, media_type: str) -> dict[str, Any]:
    content = {media_type: {"schema": {"type": "string"}}}
    return {"description": description, "content": content}


def _query(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _header(name: str, description: str, **schema: Any) -> dict[str, Any]:
    found = _query(name, description, **schema)
    return {**found, "in": "header"}


_JOB_ID: Final = {
    "name": "job_id",
    "in": "path",
    "required": True,
    "description": "The id that the answer to a call bears.",
    "schema": {"type": "string"},
}
_SINCE: Final = _query(
    "since", "The number of the first packet.", type="integer", minimum=0
)
_RECENT: Final = _query(
    "recent",
    "So many packets from the end, instead of `since`.",
    type="integer",
    minimum=0,
)
_AFTER: Final = _query("after", "Where the page before ended.", type="string")
_LIMIT: Final = _query(
    "limit", "How many at most.", type="integer", minimum=1, maximum=1000
)
_NO_SUCH_JOB: Final = _json("There is no such job.", "Error")
_RETRY_AFTER: Final = {
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}
}
_LOCATION: Final = {
    "Location": {
        "description": "Where the job's status is.",
        "schema": {"type": "string", "format": "uri-reference"},
    }
}

_JOB_LINKS: Final = {
    name: {"operationId": name, "parameters": {"job_id": "$response.body#/job_id"}}
    for name in ("getStatus", "getResult", "readPackets", "followStream", "cancel")
}

SUBMIT: Final[Operation] = {
    "operationId": "submit",
    "tags": [_TAG_NATIVE],
    "summary": "Accept a call.",
    "parameters": [
        _header(
            "Idempotency-Key",
            'The call\'s "key": a second call with it is the first one.',
            type="string",
            minLength=1,
            maxLength=200,
        )
    ],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": _reference("Call")}},
    },
    "responses": {
        "201": _json(
            "It is kept, and will run.", "Accepted", headers=_LOCATION, links=_JOB_LINKS
        ),
        "200": _json(
            "It was kept before, by its key.",
            "Accepted",
            headers=_LOCATION,
            links=_JOB_LINKS,
        ),
        "413": _json("The body is too large.", "Error"),
        "415": _json("The body is not called JSON.", "Error"),
        "429": _json("Too many jobs wait already.", "Error", headers=_RETRY_AFTER),
        "503": _json("Stopping, drained, or no space.", "Error", headers=_RETRY_AFTER),
    },
}
STATUS: Final[Operation] = {
    "operationId": "getStatus",
    "tags": [_TAG_NATIVE],
    "summary": "Tell what was called, and when.",
    "parameters": [_JOB_ID],
    "responses": {"200": _json("The status.", "Status"), "404": _NO_SUCH_JOB},
}
CANCEL: Final[Operation] = {
    "operationId": "cancel",
    "tags": [_TAG_NATIVE],
    "summary": "End a job now.",
    "description": "False where it has ended before, or there is none.",
    "parameters": [_JOB_ID],
    "responses": {"200": _json("Whether it was this that ended it.", "Cancelled")},
}
RESULT: Final[Operation] = {
    "operationId": "getResult",
    "tags": [_TAG_NATIVE],
    "summary": "Tell how a job ended.",
    "description": "The status says how the request went, never how the job ended.",
    "parameters": [
        _JOB_ID,
        _query(
            "wait",
            "Seconds to wait for the end.",
            type="number",
            minimum=0,
            maximum=60,
            default=0,
        ),
    ],
    "responses": {
        "200": _json("The outcome, whatever it is.", "Outcome"),
        "202": _json("It has not ended.", "NoResult", headers=_RETRY_AFTER),
        "404": _NO_SUCH_JOB,
    },
}
PACKETS: Final[Operation] = {
    "operationId": "readPackets",
    "tags": [_TAG_NATIVE],
    "summary": "Tell what a job has streamed so far, a page of it.",
    "parameters": [_JOB_ID, _SINCE, _RECENT, _LIMIT],
    "responses": {
        "200": _json("Packets, and how it goes on.", "Packets"),
        "404": _NO_SUCH_JOB,
    },
}
STREAM: Final[Operation] = {
    "operationId": "followStream",
    "tags": [_TAG_NATIVE],
    "summary": "Follow what a job streams, as server-sent events.",
    "description": (
        "Each packet is an event with its number as `id`; the last event is `end`, its "
        "data the outcome. `shutdown` says that the dispatcher stops: ask again. "
        "Without `since` and `recent` it begins with what comes next."
    ),
    "parameters": [
        _JOB_ID,
        _SINCE,
        _RECENT,
        _header(
            "Last-Event-ID",
            "The number of the last packet that came; it wins over the query.",
            type="integer",
            minimum=0,
        ),
    ],
    "responses": {
        # No schema: what is one of events is none of their text.
        "200": {"description": "The events.", "content": {"text/event-stream": {}}},
        "404": _NO_SUCH_JOB,
        "503": _json("You follow too many already.", "Error", headers=_RETRY_AFTER),
    },
}
JOBS: Final[Operation] = {
    "operationId": "listJobs",
    "tags": [_TAG_LISTS],
    "summary": "List jobs, oldest first, as far as they may be read.",
    "parameters": [
        _query("state", "In this state only.", enum=["queued", "running", "ended"]),
        _query("host", "On this host only.", type="string"),
        _query("label", "With this label only.", type="string"),
        _AFTER,
        _LIMIT,
    ],
    "responses": {"200": _json("A page.", "Jobs")},
}
QUEUES: Final[Operation] = {
    "operationId": "listQueues",
    "tags": [_TAG_LISTS],
    "summary": "List the queues.",
    "parameters": [_AFTER, _LIMIT],
    "responses": {"200": _json("A page.", "Queues")},
}
HOSTS: Final[Operation] = {
    "operationId": "listHosts",
    "tags": [_TAG_LISTS],
    "summary": "List the hosts that calls may name.",
    "parameters": [_AFTER, _LIMIT],
    "responses": {"200": _json("A page.", "Hosts")},
}
HEALTH: Final[Operation] = {
    "operationId": "health",
    "tags": [_TAG_OPERATIONS],
    "summary": "Tell that the event loop turns.",
    "responses": {"200": _text("It does.", "text/plain")},
}
READINESS: Final[Operation] = {
    "operationId": "readiness",
    "tags": [_TAG_OPERATIONS],
    "summary": "Tell whether calls would be taken and kept now.",
    "responses": {
        "200": _json("They would.", "Readiness"),
        "503": _json("They would not.", "Readiness", headers=_RETRY_AFTER),
    },
}
METRICS: Final[Operation] = {
    "operationId": "metrics",
    "tags": [_TAG_OPERATIONS],
    "summary": "Tell all metrics, as OpenMetrics text.",
    "responses": {"200": _text("The metrics.", "application/openmetrics-text")},
}
DOCUMENT: Final[Operation] = {
    "operationId": "document",
    "tags": [_TAG_OPERATIONS],
    "summary": "Tell what is served here: this document.",
    "responses": {
        "200": {
            "description": "The document.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
}
