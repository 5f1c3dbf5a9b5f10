"""How an HTTP client is told that something is wrong: one shape, or its dialect's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final, TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from harpcaller.gateway.credentials import CHALLENGE
from protocol import replies
from protocol.errors import ErrorType, WireError

ErrorShape: TypeAlias = Callable[[int, WireError], tuple[bytes, str]]
"""Makes the body of an error, and its media type, from the status and the complaint."""

SHAPE: Final = "harpcaller.shape"  # where in a scope the shape of its route is
STATUS: Final = "harpcaller.status"  # and the statuses that differ from the usual
RETRY_S: Final = "5"

STATUSES: Final = {
    ErrorType.INVALID_JOBID: 404,
    ErrorType.PARSE_ERROR: 400,
    ErrorType.INVALID_PROTOCOL: 400,
    ErrorType.INVALID_REQUEST: 400,
    ErrorType.TOO_LARGE: 413,
    ErrorType.OVERLOADED: 429,
    ErrorType.SHUTTING_DOWN: 503,
    ErrorType.UNAUTHORIZED: 401,
    ErrorType.FORBIDDEN: 403,
    ErrorType.STORAGE_ERROR: 503,
    ErrorType.STORAGE_FULL: 503,
    ErrorType.INTERNAL_ERROR: 500,
}
_TYPES = {
    403: ErrorType.FORBIDDEN,
    413: ErrorType.TOO_LARGE,
    414: ErrorType.TOO_LARGE,
    431: ErrorType.TOO_LARGE,
    500: ErrorType.INTERNAL_ERROR,
    503: ErrorType.OVERLOADED,
    505: ErrorType.INVALID_PROTOCOL,
}
_MORE = {
    401: {"WWW-Authenticate": CHALLENGE},
    429: {"Retry-After": RETRY_S},
    503: {"Retry-After": RETRY_S},
}


def plain(_status: int, error: WireError) -> tuple[bytes, str]:
    """Return the body of an error as a line has it."""
    return replies.error(error), "application/json"


def refusal(
    status: int,
    error: WireError,
    headers: Mapping[str, str] | None = None,
    shape: ErrorShape = plain,
) -> Response:
    """Return the answer that says what is wrong."""
    body, media_type = shape(status, error)
    more = {**_MORE.get(status, {}), **(headers or {})}
    return Response(body, status, more, media_type=media_type)


def refusal_of(
    status: int, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the answer to what is refused before it is known what it asks for."""
    return refusal(status, _complaint(status, message), headers)


async def refuse(request: Request, error: Exception) -> Response:
    """Return the answer to a request that was refused, by us or by the router."""
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for it alone)
    detail = error.detail
    if detail == HTTPStatus(error.status_code).phrase:  # the router's own
        detail = f"{detail.lower()}; see harpcaller-http(7)"
    complaint = _complaint(error.status_code, detail)
    shape = shape_of(request.scope)
    return refusal(error.status_code, complaint, error.headers, shape)


async def complain(request: Request, error: Exception) -> Response:
    """Return the answer to a request that the dispatcher refused."""
    assert isinstance(error, WireError)  # noqa: S101 (registered for it alone)
    status = _status_of(request.scope, error.type)
    return refusal(status, error, shape=shape_of(request.scope))


async def apologize(request: Request, _error: Exception) -> Response:
    """Return the answer to a request that met a bug."""
    complaint = _complaint(500, "a bug of ours; see our log")
    status = _status_of(request.scope, complaint.type)
    return refusal(status, complaint, shape=shape_of(request.scope))


def shape_of(scope: Scope) -> ErrorShape:
    """Return how errors of the route that was found look."""
    found: ErrorShape = scope.get(SHAPE, plain)
    return found


def _status_of(scope: Scope, kind: ErrorType) -> int:
    own: Mapping[str, int] = scope.get(STATUS, {})
    return own.get(kind.value, STATUSES[kind])


def _complaint(status: int, message: str) -> WireError:
    return WireError(_TYPES.get(status, ErrorType.INVALID_REQUEST), message)
