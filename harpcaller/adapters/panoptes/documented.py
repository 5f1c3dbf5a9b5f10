"""The OpenAPI operations of the routes: data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

Operation: TypeAlias = Mapping[str, Any]

_PARAMETER: Final = re.compile(r"\{(\w+)\}")


def _content(media_type: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {media_type: {"schema": schema}}


def _json(description: str, schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
    content = _content("application/json", schema or {"type": "object"})
    return {"description": description, "content": content}


def _query(name: str, description: str, **schema: Any) -> dict[str, Any]:
    schema.setdefault("type", "string")
    return {"name": name, "in": "query", "description": description, "schema": schema}


_ERROR: Final = {
    "type": "object",
    "required": ["status", "version", "errors"],
    "properties": {
        "status": {"type": "string"},
        "version": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "detail": {},
                },
            },
        },
    },
}
_REFUSED: Final = _json("Refused; the message says why.", _ERROR)
_RESPONSES: Final = {
    "401": _json("No token, or nobody's.", _ERROR),
    "403": _json("The role is missing, or a page of another site asks.", _ERROR),
    "404": _json("There is no such workflow, or this is not served.", _ERROR),
    "default": _REFUSED,
}
_STATUS: Final = {
    "type": "object",
    "required": ["status", "version"],
    "properties": {"status": {"type": "string"}, "version": {"type": "string"}},
}
_ID: Final = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "string"}},
}
_EXISTING: Final = _query("id", "Go on with this workflow; a new one if it has ended.")
_ANYTHING: Final = {
    **_content("application/json", {"type": "object"}),
    **_content("application/x-www-form-urlencoded", {"type": "object"}),
}


def _operation(summary: str, responses: Mapping[str, Any], **more: Any) -> Operation:
    return {
        "tags": ["panoptes"],
        "summary": summary,
        **more,
        "responses": {**_RESPONSES, **responses},
    }


INFO: Final = _operation(
    "Tell that the monitor runs.",
    {"200": _json("It does.", _STATUS), "503": _json("It does not now.", _ERROR)},
)
CREATE: Final = _operation(
    "Make a workflow.",
    {
        "201": {
            **_json("It was made; Location is its page.", _ID),
            "headers": {"Location": {"schema": {"type": "string"}}},
        }
    },
    parameters=[_EXISTING],
    requestBody={"required": False, "content": _ANYTHING},
)
UPDATE: Final = _operation(
    "Add a message to a workflow.",
    {
        "202": _json("It is kept, or was before.", _STATUS),
        "409": _json("The workflow has ended.", _ERROR),
    },
    requestBody={
        "required": True,
        "content": _content(
            "application/json",
            {
                "type": "object",
                "required": ["message", "id"],
                "properties": {
                    "message": {
                        "type": "object",
                        "required": ["jobid"],
                        "properties": {
                            "jobid": {
                                "anyOf": [
                                    {"type": "integer"},
                                    {
                                        "type": "string",
                                        "minLength": 1,
                                        "maxLength": 256,
                                    },
                                ]
                            }
                        },
                    },
                    "timestamp": {
                        "anyOf": [
                            {"type": "string", "maxLength": 128},
                            {"type": "number"},
                            {"type": "null"},
                        ]
                    },
                    "id": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                },
            },
        ),
    },
)
OLD_CREATE: Final = _operation(
    "Make a workflow, as Snakemake asks for it.",
    {"200": _json("It was made, or is the one of this id.", _ID)},
    parameters=[
        _EXISTING,
        _query("name", "What it is called."),
        _query("workflow_id", "The same."),
    ],
)
OLD_UPDATE: Final = _operation(
    "Add a message to a workflow, as Snakemake sends it: JSON or a form.",
    {
        "200": {
            "description": "ok, duplicate or ended.",
            "content": _content("text/plain", {"type": "string"}),
        },
        "410": _json("There is no such workflow.", _ERROR),
    },
    requestBody={"required": True, "content": _ANYTHING},
)
TOLD: Final = _operation(
    "Tell of workflows, or change one.",
    {"200": _json("How it is."), "204": {"description": "It is forgotten."}},
)
LIST: Final = _operation(
    "Tell of workflows, the newest first.",
    {"200": _json("A page.")},
    parameters=[
        _query("limit", "How many at most.", type="integer", minimum=1, maximum=1000),
        _query("after", "The id that the page before ended with."),
    ],
)
PAGE: Final = _operation(
    "Show a workflow.",
    {
        "200": {
            "description": "The page.",
            "content": _content("text/html", {"type": "string"}),
        },
        "404": {
            "description": "There is no such workflow.",
            "content": _content("text/html", {"type": "string"}),
        },
    },
)
EVENTS: Final = _operation(
    "Follow a workflow, as server-sent events.",
    {
        "200": {
            "description": "The events.",
            "content": {"text/event-stream": {}},
        }
    },
    parameters=[
        _query("since", "The number of the first update.", type="integer", minimum=0),
        _query(
            "level",
            "Only what is as loud as this.",
            enum=["debug", "info", "warning", "error"],
        ),
    ],
)
ASSET: Final = _operation(
    "Give out a part of the pages.",
    {
        "200": {
            "description": "The file.",
            "content": {
                **_content("text/css", {"type": "string"}),
                **_content("text/javascript", {"type": "string"}),
            },
        }
    },
)


def deprecated(operation: Operation) -> Operation:
    """Return an operation that new programs ask for otherwise."""
    more = {key: one for key, one in operation.items() if key != "requestBody"}
    return {**more, "deprecated": True}


def placed(operation: Operation, path: str) -> Operation:
    """Return an operation with the parameters that its path names."""
    named = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(path)
    ]
    parameters = [*named, *operation.get("parameters", ())]
    return {**operation, "parameters": parameters} if parameters else operation
