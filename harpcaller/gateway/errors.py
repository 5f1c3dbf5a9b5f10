"""How an HTTP client is told that something is wrong: one shape for all of it."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from protocol.errors import ErrorType

_TYPES = {
    403: ErrorType.FORBIDDEN,
    413: ErrorType.TOO_LARGE,
    414: ErrorType.TOO_LARGE,
    431: ErrorType.TOO_LARGE,
    500: ErrorType.INTERNAL_ERROR,
    503: ErrorType.OVERLOADED,
    505: ErrorType.INVALID_PROTOCOL,
}


def refusal(
    status: int, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the answer that says what is wrong."""
    type_ = _TYPES.get(status, ErrorType.INVALID_REQUEST)
    body = orjson.dumps({"error": {"type": type_, "message": message}})
    return Response(body, status, headers, media_type="application/json")


async def refuse(_request: Request, error: Exception) -> Response:
    """Return the answer to a request that was refused, by us or by the router."""
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for it alone)
    detail = error.detail
    if detail == HTTPStatus(error.status_code).phrase:  # the router's own
        detail = f"{detail.lower()}; see harpcallerd(8)"
    return refusal(error.status_code, detail, error.headers)


async def apologize(_request: Request, _error: Exception) -> Response:
    """Return the answer to a request that met a bug."""
    return refusal(500, "a bug of ours; see our log")
