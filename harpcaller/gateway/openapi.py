"""One OpenAPI 3.1 document of all that is served, made of the endpoints themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

from harpcaller import __version__
from harpcaller.gateway.documented import DOCUMENT
from harpcaller.gateway.endpoint import Endpoint, Inquiry
from harpcaller.gateway.errors import plain
from harpcaller.gateway.schemas import SCHEMAS

PATH = "/openapi.json"
_CONVERTOR = re.compile(r"\{(\w+):\w+\}")  # Starlette's, which OpenAPI does not know
_PARAMETER = re.compile(r"\{(\w+)")
_NO_WORD = re.compile(r"\W+")
_ERROR = {"$ref": "#/components/schemas/Error"}


def with_document(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """Return `endpoints` and one more, which serves the document of them all."""
    endpoints = list(endpoints)

    async def answer(_: Inquiry) -> Response:
        return Response(body, media_type="application/json")

    own = Endpoint(method="GET", path=PATH, handler=answer, operation=DOCUMENT)
    body = orjson.dumps(document([*endpoints, own]))
    return [*endpoints, own]


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Return the document of `endpoints`."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        methods = paths.setdefault(_CONVERTOR.sub(r"{\1}", endpoint.path), {})
        methods[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "HarpCaller",
            "version": __version__,
            "summary": "A call dispatcher.",
            "description": "See harpcaller-http(7) and harpcaller-protocol(7).",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    """Return the operation object with what holds for every endpoint."""
    responses: dict[str, Any] = {}
    if endpoint.error_shape is plain:
        responses["default"] = _complaint("Refused; the type says why.")
    if endpoint.asks is not None:
        responses["401"] = _complaint(_phrase(401))
        responses["403"] = _complaint(_phrase(403))
    responses.update(endpoint.operation.get("responses", {}))
    if not responses:  # there has to be one
        responses["default"] = {"description": "As its manual says."}
    if endpoint.method == "HEAD":
        responses = {
            code: {"description": one["description"]} for code, one in responses.items()
        }
    security: list[Any] = [{"bearer": []}, {"basic": []}, {}]
    return {
        "operationId": _NO_WORD.sub("_", f"{endpoint.method.lower()}{endpoint.path}"),
        **endpoint.operation,
        "parameters": _parameters(endpoint),
        "responses": responses,
        **({"security": security} if endpoint.asks is not None else {}),
    }


def _parameters(endpoint: Endpoint) -> list[Any]:
    """Return the parameters, those of the path that it does not tell of added."""
    told = list(endpoint.operation.get("parameters", ()))
    names = [one["name"] for one in told if one["in"] == "path"]
    return told + [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(endpoint.path)
        if name not in names
    ]


def _complaint(description: str) -> dict[str, Any]:
    content = {"application/json": {"schema": _ERROR}}
    return {"description": description, "content": content}


def _phrase(status: int) -> str:
    return f"{HTTPStatus(status).phrase}."
