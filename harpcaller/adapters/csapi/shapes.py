"""The JSON Schemas of what is asked and answered: data for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from harpcaller.adapters.csapi.definition import TYPES
from protocol.fields import MAX_SECONDS


def _optional(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return what allows null too, which is as if nothing were there."""
    return {"anyOf": [schema, {"type": "null"}]}


TEXT: Final = {"type": "string"}
OBJECT: Final = {"type": "object"}
STATUS: Final = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "status": {"enum": ["started", "inprogress", "completed", "error"]},
        "errorcode": {"type": "integer"},
        "description": TEXT,
    },
}
JOB_ID: Final = {
    "type": "object",
    "required": ["jobid"],
    "properties": {"jobid": TEXT},
}
LATER_JOB_ID: Final = {
    "type": "object",
    "required": ["job-id"],
    "properties": {"job-id": TEXT},
}
LATER_STATUS: Final = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "status": {
            "enum": ["scheduled", "running", "succeeded", "failed", "cancelled"]
        },
        "outputs": OBJECT,
        "errorcode": {"type": "integer"},
        "description": TEXT,
    },
}
SERVICE: Final = {
    "type": "object",
    "required": ["name", "endpoint", "asset_id", "definition"],
    "properties": {
        "name": TEXT,
        "endpoint": TEXT,
        "asset_id": TEXT,
        "definition": OBJECT,
        "requires_agreement": {"type": "boolean"},
        "configuration_schema": {"type": ["object", "null"]},
        "default": {"type": "boolean"},
    },
}
_INPUT: Final = {
    "type": "object",
    "required": ["argname"],
    "properties": {
        "argname": TEXT,
        "type": TEXT,
        "mandatory": {"type": ["string", "boolean"]},
        "assetid": TEXT,
        "asseturl": TEXT,
        "serviceagreementid": TEXT,
        "assetmetadataurl": TEXT,
        "exec": TEXT,
        "payload": True,
    },
    "additionalProperties": False,
}
INVOCATION: Final = {
    "type": "object",
    "properties": {
        "inputs": {"type": "array", "items": _INPUT},
        "configuration": OBJECT,
        "slainfo": OBJECT,
        "serviceinfo": OBJECT,
    },
}
_WORD: Final = {"type": "string", "minLength": 1}
_OUTPUT: Final = {
    "type": "object",
    "required": ["argname"],
    "properties": {"argname": _WORD, "type": _optional(_WORD)},
}
_WANTED: Final = {
    "type": "object",
    "required": ["argname"],
    "properties": {
        "argname": _WORD,
        "type": {"enum": [*TYPES, "runCommand", None]},
        "mandatory": {"enum": ["true", "false", True, False, None]},
    },
}
_DEFINITION: Final = {
    "type": "object",
    "required": ["servicedescription", "inputs", "outputs"],
    "properties": {
        "servicedescription": {
            "type": "object",
            "required": ["name", "endpoint"],
            "properties": {
                "name": _WORD,
                "endpoint": _WORD,
                "description": _optional(_WORD),
            },
        },
        "inputs": {"type": "array", "minItems": 1, "items": _WANTED},
        "outputs": {"type": "array", "minItems": 1, "items": _OUTPUT},
    },
}
_TEXTS: Final = {"type": "array", "items": _WORD}
_SECONDS: Final = {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_SECONDS}
_QUEUE: Final = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": OBJECT,
        "concurrency": _optional({"type": "integer", "minimum": 1}),
    },
    "additionalProperties": False,
}
REGISTRATION: Final = {
    "type": "object",
    "required": ["definition", "host", "procedure"],
    "properties": {
        "definition": _DEFINITION,
        "host": _WORD,
        "procedure": _WORD,
        "queue": _optional(_QUEUE),
        "timeout": _optional(_SECONDS),
        "max_exec_time": _optional(_SECONDS),
        "requires_agreement": _optional({"type": "boolean"}),
        "agreements": _optional(_TEXTS),
        "exec_allow": _optional(_TEXTS),
        "configuration_schema": _optional(OBJECT),
        "sealed": _optional(
            {"type": "array", "items": {"type": "string", "pattern": "^/"}}
        ),
        "default": _optional({"type": "boolean"}),
    },
    "additionalProperties": False,
}
COMPLAINT: Final = {
    "type": "object",
    "required": ["errorcode", "description"],
    "properties": {"errorcode": {"type": "integer"}, "description": TEXT},
    "additionalProperties": False,
}
