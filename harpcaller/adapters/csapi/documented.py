"""The OpenAPI operations of the routes: data, in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import attrs

from harpcaller.adapters.csapi import shapes
from harpcaller.adapters.csapi.queries import MAX_WAIT_S
from harpcaller.adapters.csapi.refusals import JSON

Operation: TypeAlias = Mapping[str, Any]


def _json(description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {JSON: {"schema": schema}}}


def _operation(
    summary: str, responses: Mapping[str, Any], *parameters: Mapping[str, Any]
) -> dict[str, Any]:
    complaint = {
        "default": _json("Refused; the description says why.", shapes.COMPLAINT)
    }
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
        "schema": shapes.TEXT,
    }


def _consumer(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "description": "The consumer who invoked the job.",
        "schema": shapes.TEXT,
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
_NO_SERVICE: Final = {"404": _json("There is no such service.", shapes.COMPLAINT)}
_CLOSED: Final = {"503": _json("No job is taken now.", shapes.COMPLAINT)}
_MADE: Final = {
    "400": _json("Not as the definition says.", shapes.COMPLAINT),
    "402": _json("Not paid for: errorcode 8003.", shapes.COMPLAINT),
    **_NO_SERVICE,
    **_CLOSED,
}
_NO_JOB: Final = {
    "400": _json("There is no such job.", shapes.COMPLAINT),
    **_NO_SERVICE,
}
HEARTBEAT: Final = _operation(
    "Tell whether the service takes jobs.",
    {"200": {"description": "It does."}, **_NO_SERVICE, **_CLOSED},
)
INVOKE: Final = _taking(
    shapes.INVOCATION,
    _operation("Make a job.", {"201": _json("The job's id.", shapes.JOB_ID), **_MADE}),
)
STATUS: Final = _operation(
    "Tell how far a job is.",
    {"200": _json("A word for it.", shapes.STATUS), **_NO_JOB},
    _JOB,
    _consumer("consumerid"),
    _consumer("consumerId"),
)
RESULT: Final = _operation(
    "Tell what came of a job.",
    {
        "200": _json("What it returned, or why it did not.", shapes.OBJECT),
        "202": _json("It has not ended.", shapes.STATUS),
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
                "properties": {"services": {"type": "array", "items": shapes.SERVICE}},
            },
        )
    },
)
SHOW: Final = _operation(
    "Tell of a service.", {"200": _json("The service.", shapes.SERVICE), **_NO_SERVICE}
)
REGISTER: Final = _taking(
    shapes.REGISTRATION,
    _operation(
        "Register a service, or replace one.",
        {
            "200": _json("It is another one now.", shapes.SERVICE),
            "201": _json("It is there now.", shapes.SERVICE),
            "400": _json("Not as a service has to be.", shapes.COMPLAINT),
            "409": _json("It cannot be changed over HTTP.", shapes.COMPLAINT),
        },
    ),
)
RETIRE: Final = _operation(
    "Retire a service.",
    {
        "204": {"description": "It takes no more jobs."},
        **_NO_SERVICE,
        "409": _json("It cannot be changed over HTTP.", shapes.COMPLAINT),
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
                    "@context": shapes.TEXT,
                    "id": shapes.TEXT,
                    "service": {"type": "array", "items": shapes.OBJECT},
                    "services": {"type": "array", "items": shapes.OBJECT},
                },
            },
        )
    },
)
TOKEN: Final = _operation(
    "Return the token that the request bears.",
    {"200": _json("It alone.", {"type": "array", "items": shapes.TEXT, "minItems": 1})},
)
METADATA: Final = _operation(
    "Return the metadata of an operation.",
    {
        "200": _json("What the asset id is the SHA3-256 of.", shapes.OBJECT),
        "404": _json("There is no such asset.", shapes.COMPLAINT),
    },
    _ASSET,
)
BEGIN: Final = _taking(
    shapes.OBJECT,
    _operation(
        "Invoke an operation.",
        {"201": _json("The job's id.", shapes.LATER_JOB_ID), **_MADE},
        _ASSET,
    ),
)
RUN: Final = _taking(
    shapes.OBJECT,
    _operation(
        "Invoke an operation and wait for its end.",
        {
            "200": _json("How it ended.", shapes.LATER_STATUS),
            "504": _json("It has not ended; the job goes on.", shapes.LATER_JOB_ID),
            **_MADE,
        },
        _ASSET,
    ),
)
JOB: Final = _operation(
    "Tell how far an operation is.",
    {
        "200": _json("A word for it, and what came of it.", shapes.LATER_STATUS),
        "404": _json("There is no such job.", shapes.COMPLAINT),
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
