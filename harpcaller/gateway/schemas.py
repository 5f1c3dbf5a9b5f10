"""The schemas of the OpenAPI document: what harpcaller-protocol(7) says, as data."""

from __future__ import annotations

from typing import Any, Final

from protocol.call_fields import (
    MAX_KEY_CHARACTERS,
    MAX_NAME_CHARACTERS,
    MAX_RETRIES,
    MAX_SEALED,
)
from protocol.errors import REQUEST_ERRORS

_ANY: Final[dict[str, Any]] = {}
_SECONDS: Final = {"type": ["number", "null"], "exclusiveMinimum": 0}
_AT: Final = {"type": ["integer", "null"], "description": "UTC seconds."}
_NAME: Final = {"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARACTERS}
_COMPLAINT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "message"],
    "properties": {
        "type": {"type": "string"},
        "message": {"type": "string"},
        "data": _ANY,
    },
}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties}


def _only(**properties: Any) -> dict[str, Any]:
    """Return the schema of an object with these properties and no others."""
    found = _object(list(properties), **properties)
    return {**found, "additionalProperties": False}


def _page(name: str, item: dict[str, Any]) -> dict[str, Any]:
    after = {"type": ["string", "null"], "description": "Null on the last page."}
    return _only(**{name: {"type": "array", "items": item}, "after": after})


_RESULT: Final = _only(result=_ANY)
_EXCEPTION: Final = _only(exception=_COMPLAINT)
_FAILED: Final = _only(error=_COMPLAINT)
_CANCELLED: Final = _only(cancelled={"const": True})
_PACKET: Final = _only(packet={"type": "integer", "minimum": 0}, data=_ANY)
_LIST_OF_PACKETS: Final = {"type": "array", "items": _PACKET}
_QUEUE: Final = {
    **_object(
        ["name"],
        name={"type": "object"},
        concurrency={"type": ["integer", "null"], "minimum": 1},
    ),
    "type": ["object", "null"],
    "additionalProperties": False,
}
_CALL: Final = {
    **_object(
        ["host", "procedure", "arguments"],
        harpcaller={"const": 1},
        host=_NAME,
        procedure=_NAME,
        arguments={"type": ["array", "object"]},
        timeout=_SECONDS,
        max_exec_time=_SECONDS,
        queue=_QUEUE,
        info=_ANY,
        key={
            "type": ["string", "null"],
            "minLength": 1,
            "maxLength": MAX_KEY_CHARACTERS,
        },
        retries={"type": ["integer", "null"], "minimum": 0, "maximum": MAX_RETRIES},
        sealed={
            "type": ["array", "null"],
            "items": {"type": "string"},
            "maxItems": MAX_SEALED,
        },
        session={"type": ["boolean", "null"]},
    ),
    "additionalProperties": False,
}
_STATUS: Final = {
    "call": _object(
        ["host", "procedure", "arguments"],
        host={"type": "string"},
        procedure={"type": "string"},
        arguments={"type": ["array", "object"]},
    ),
    "time": _object(["submit", "start", "end"], submit=_AT, start=_AT, end=_AT),
    "info": _ANY,
    "limits": _object(
        ["timeout", "max_exec_time"],
        timeout={"type": "number"},
        max_exec_time={"type": ["number", "null"]},
    ),
    "starts": {"type": "integer"},
}
_ALWAYS: Final = ["call", "time", "info", "limits"]
_JOB: Final = _object(
    ["job", "state", *_ALWAYS],
    job={"type": "string"},
    state={"enum": ["queued", "running", "ended"]},
    **_STATUS,
)
_HOST: Final = _object(
    ["hostname"],
    hostname={"type": "string"},
    address={"type": "string"},
    port={"type": "integer"},
    unix={"type": "string"},
)
_QUEUE_HEAD: Final = _only(
    queue={"type": "object"},
    concurrency={"type": "integer"},
    paused={"type": "boolean"},
    running={"type": "array", "items": {"type": "string"}},
    queued={"type": "integer"},
)
_ERROR: Final = _only(
    error={
        **_COMPLAINT,
        "properties": {
            **_COMPLAINT["properties"],
            "type": {"enum": sorted(word.value for word in REQUEST_ERRORS)},
        },
    }
)

SCHEMAS: Final[dict[str, Any]] = {
    "Call": _CALL,
    "Accepted": _object(
        ["harpcaller", "job_id"],
        harpcaller={"const": 1},
        job_id={"type": "string", "format": "uuid"},
        duplicate={"const": True},
    ),
    "Status": _object(_ALWAYS, **_STATUS),
    "Outcome": {"oneOf": [_RESULT, _EXCEPTION, _FAILED, _CANCELLED]},
    "NoResult": _only(no_result={"const": True}),
    "Cancelled": _only(cancelled={"type": "boolean"}),
    "Packets": {
        "oneOf": [
            _only(packets=_LIST_OF_PACKETS, **rest)
            for rest in (
                {"continue": {"const": True}},
                *(one["properties"] for one in (_RESULT, _EXCEPTION, _FAILED)),
                _CANCELLED["properties"],
            )
        ]
    },
    "Jobs": _page("jobs", _JOB),
    "Queues": _page("queues", _QUEUE_HEAD),
    "Hosts": _page("hosts", _HOST),
    "Readiness": _only(
        ready={"type": "boolean"},
        reasons={"type": "array", "items": {"type": "string"}},
    ),
    "Error": _ERROR,
}
