"""The OpenAPI operations of the routes: data, in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import attrs

from harpcaller.adapters.csapi.queries import MAX_WAIT_S
from harpcaller.adapters.csapi.refusals import JSON

Operation: TypeAlias = Mapping[str, Any]

_TEXT: Final = {"type": "string"}
_OBJECT: Final = {"type": "object"}
_STATUS: Final = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "status": {"enum": ["started", "inprogress", "completed", "error"]},
        "errorcode": {"type": "integer"},
        "description": _TEXT,
    },
}
_JOB_ID: Final = {
    "type": "object",
    "required": ["jobid"],
    "properties": {"jobid": _TEXT},
}
_LATER_JOB_ID: Final = {
    "type": "object",
    "required": ["job-id"],
    "properties": {"job-id": _TEXT},
}
_LATER_STATUS: Final = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "status": {
            "enum": ["scheduled", "running", "succeeded", "failed", "cancelled"]
        },
        "outputs": _OBJECT,
        "errorcode": {"type": "integer"},
        "description": _TEXT,
    },
}
_SERVICE: Final = {
    "type": "object",
    "required": ["name", "endpoint", "asset_id", "definition"],
    "properties": {
        "name": _TEXT,
        "endpoint": _TEXT,
        "asset_id": _TEXT,
        "definition": _OBJECT,
        "requires_agreement": {"type": "boolean"},
        "configuration_schema": {"type": ["object", "null"]},
        "default": {"type": "boolean"},
    },
}
_INPUT: Final = {
    "type": "object",
    "required": ["argname"],
    "properties": {
        "argname": _TEXT,
        "type": _TEXT,
        "mandatory": {"type": ["string", "boolean"]},
        "assetid": _TEXT,
        "asseturl": _TEXT,
        "serviceagreementid": _TEXT,
        "assetmetadataurl": _TEXT,
        "exec": _TEXT,
        "payload": True,
    },
    "additionalProperties": False,
}
_INVOCATION: Final = {
    "type": "object",
    "properties": {
        "inputs": {"type": "array", "items": _INPUT},
        "configuration": _OBJECT,
        "slainfo": _OBJECT,
        "serviceinfo": _OBJECT,
    },
}
_NAMED: Final = {
    "type": "object",
    "required": ["argname"],
    "properties": {"argname": {"type": "string", "minLength": 1}, "type": _TEXT},
}
_DEFINITION: Final = {
    "type": "object",
    "required": ["servicedescription", "inputs", "outputs"],
    "properties": {
        "servicedescription": {
            "type": "object",
            "required": ["name", "endpoint"],
            "properties": {"name": _TEXT, "endpoint": _TEXT, "description": _TEXT},
        },
        "inputs": {"type": "array", "minItems": 1, "items": _NAMED},
        "outputs": {"type": "array", "minItems": 1, "items": _NAMED},
    },
}
_TEXTS: Final = {"type": "array", "items": {"type": "string", "minLength": 1}}
_SECONDS: Final = {"type": "number", "exclusiveMinimum": 0, "maximum": 10**9}
_REGISTRATION: Final = {
    "type": "object",
    "required": ["definition", "host", "procedure"],
    "properties": {
        "definition": _DEFINITION,
        "host": {"type": "string", "minLength": 1},
        "procedure": {"type": "string", "minLength": 1},
        "queue": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": _OBJECT,
                "concurrency": {"type": "integer", "minimum": 1},
            },
        },
        "timeout": _SECONDS,
        "max_exec_time": _SECONDS,
        "requires_agreement": {"type": "boolean"},
        "agreements": _TEXTS,
        "exec_allow": _TEXTS,
        "configuration_schema": _OBJECT,
        "sealed": {"type": "array", "items": {"type": "string", "pattern": "^/"}},
        "default": {"type": "boolean"},
    },
    "additionalProperties": False,
}
_COMPLAINT: Final = {
    "type": "object",
    "required": ["errorcode", "description"],
    "properties": {"errorcode": {"type": "integer"}, "description": _TEXT},
    "additionalProperties": False,
}


def _json(description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {JSON: {"schema": schema}}}


def _operation(
    summary: str, responses: Mapping[str, Any], *parameters: Mapping[str, Any]
) -> dict[str, Any]:
    complaint = {"default": _json("Refused; the description says why.", _COMPLAINT)}
    return {
        "summary": summary,
        "parameters": list(parameters),
        "responses": {**responses, **complaint},
    }


def _taking(schema: Mapping[str, Any], operation: Mapping[str, Any]) -> dict[str, Any]:
    body = {"required": True, "content": {JSON: {"schema": schema}}}
    return {**operation, "requestBody": body}


def _in_path(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": _TEXT,
    }


def _consumer(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "description": "The consumer who invoked the job.",
        "schema": _TEXT,
    }


_SERVICE_NAME: Final = _in_path("service", "The name it was registered by.")
_JOB: Final = _in_path("job_id", "The id that an invocation was answered with.")
_ASSET: Final = _in_path("asset_id", "The asset id of a service.")
_WAIT: Final = {
    "name": "wait",
    "in": "query",
    "description": "Seconds to wait for the end.",
    "schema": {"type": "number", "minimum": 0, "maximum": MAX_WAIT_S},
}
_NO_SERVICE: Final = {"404": _json("There is no such service.", _COMPLAINT)}
_CLOSED: Final = {"503": _json("No job is taken now.", _COMPLAINT)}
_MADE: Final = {
    "400": _json("Not as the definition says.", _COMPLAINT),
    "402": _json("Not paid for: errorcode 8003.", _COMPLAINT),
    **_NO_SERVICE,
    **_CLOSED,
}
_NO_JOB: Final = {"400": _json("There is no such job.", _COMPLAINT), **_NO_SERVICE}
HEARTBEAT: Final = _operation(
    "Tell whether the service takes jobs.",
    {"200": {"description": "It does."}, **_NO_SERVICE, **_CLOSED},
)
INVOKE: Final = _taking(
    _INVOCATION,
    _operation("Make a job.", {"201": _json("The job's id.", _JOB_ID), **_MADE}),
)
STATUS: Final = _operation(
    "Tell how far a job is.",
    {"200": _json("A word for it.", _STATUS), **_NO_JOB},
    _JOB,
    _consumer("consumerid"),
    _consumer("consumerId"),
)
RESULT: Final = _operation(
    "Tell what came of a job.",
    {
        "200": _json("What it returned, or why it did not.", _OBJECT),
        "202": _json("It has not ended.", _STATUS),
        **_NO_JOB,
    },
    _JOB,
    _consumer("consumerid"),
    _consumer("consumerId"),
    _WAIT,
)
LIST: Final = _operation(
    "List the services.",
    {
        "200": _json(
            "All that are not retired.",
            {
                "type": "object",
                "required": ["services"],
                "properties": {"services": {"type": "array", "items": _SERVICE}},
            },
        )
    },
)
SHOW: Final = _operation(
    "Tell of a service.", {"200": _json("The service.", _SERVICE), **_NO_SERVICE}
)
REGISTER: Final = _taking(
    _REGISTRATION,
    _operation(
        "Register a service, or replace one.",
        {
            "200": _json("It is another one now.", _SERVICE),
            "201": _json("It is there now.", _SERVICE),
            "400": _json("Not as a service has to be.", _COMPLAINT),
            "409": _json("It cannot be changed over HTTP.", _COMPLAINT),
        },
    ),
)
RETIRE: Final = _operation(
    "Retire a service.",
    {
        "204": {"description": "It takes no more jobs."},
        **_NO_SERVICE,
        "409": _json("It cannot be changed over HTTP.", _COMPLAINT),
    },
)
DDO: Final = _operation(
    "Describe the provider and its services.",
    {
        "200": _json(
            "The document.",
            {
                "type": "object",
                "required": ["@context", "id", "service", "services"],
                "properties": {
                    "@context": _TEXT,
                    "id": _TEXT,
                    "service": {"type": "array", "items": _OBJECT},
                    "services": {"type": "array", "items": _OBJECT},
                },
            },
        )
    },
)
TOKEN: Final = _operation(
    "Return the token that the request bears.",
    {"200": _json("It alone.", {"type": "array", "items": _TEXT, "minItems": 1})},
)
METADATA: Final = _operation(
    "Return the metadata of an operation.",
    {
        "200": _json("What the asset id is the SHA3-256 of.", _OBJECT),
        "404": _json("There is no such asset.", _COMPLAINT),
    },
    _ASSET,
)
BEGIN: Final = _taking(
    _OBJECT,
    _operation(
        "Invoke an operation.",
        {"201": _json("The job's id.", _LATER_JOB_ID), **_MADE},
        _ASSET,
    ),
)
RUN: Final = _taking(
    _OBJECT,
    _operation(
        "Invoke an operation and wait for its end.",
        {
            "200": _json("How it ended.", _LATER_STATUS),
            "504": _json("It has not ended; the job goes on.", _LATER_JOB_ID),
            **_MADE,
        },
        _ASSET,
    ),
)
JOB: Final = _operation(
    "Tell how far an operation is.",
    {
        "200": _json("A word for it, and what came of it.", _LATER_STATUS),
        "404": _json("There is no such job.", _COMPLAINT),
    },
    _JOB,
)


@attrs.frozen(kw_only=True)
class Delivery:
    """The operations by which a service is used."""

    heartbeat: Operation = attrs.field(default=HEARTBEAT)
    invoke: Operation = attrs.field(default=INVOKE)
    status: Operation = attrs.field(default=STATUS)
    result: Operation = attrs.field(default=RESULT)

    def map(self, change: Callable[[Operation], Operation]) -> Delivery:
        """Return what `change` makes of each."""
        return Delivery(
            heartbeat=change(self.heartbeat),
            invoke=change(self.invoke),
            status=change(self.status),
            result=change(self.result),
        )


def of_service(operation: Mapping[str, Any]) -> dict[str, Any]:
    """Return an operation as it is below the path of a service."""
    return {**operation, "parameters": [_SERVICE_NAME, *operation["parameters"]]}


def linked(operation: Mapping[str, Any], status: str, result: str) -> dict[str, Any]:
    """Return the operation that makes a job, with links to those two of its own."""
    service = {"service": "$request.path.service"}
    own = service if _SERVICE_NAME in operation["parameters"] else {}
    links = {
        name: {
            "operationId": name,
            "parameters": {**own, "job_id": "$response.body#/jobid"},
        }
        for name in (status, result)
    }
    responses = dict(operation["responses"])
    responses["201"] = {**responses["201"], "links": links}
    return {**operation, "responses": responses}
