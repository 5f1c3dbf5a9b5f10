"""The application: routes, and the bounds within which each is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from harpcaller.gateway.errors import apologize, refuse

MAX_BODY_BYTES = 1024 * 1024
BODY_S = 30.0
ANSWER_S = 10.0  # some clients have no limit of their own, and hang with us

Handler: TypeAlias = Callable[[Request, bytes], Awaitable[Response]]
"""Answers a request whose body has been read."""


def application(routes: Sequence[Route]) -> Starlette:
    """Return what serves `routes`, and tells of all else in the same shape."""
    app = Starlette(
        routes=routes,
        exception_handlers={HTTPException: refuse, Exception: apologize},
    )
    # A redirect turns a POST into a GET in many a client.
    app.router.redirect_slashes = False
    return app


def bounded(
    handler: Handler, *, max_body_bytes: int = MAX_BODY_BYTES
) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that lets neither the client nor `handler` take for ever."""

    async def answer(request: Request) -> Response:
        body = await _read_body(request, max_body_bytes)
        with trio.move_on_after(ANSWER_S):
            return await handler(request, body)
        raise HTTPException(503, f"no answer within {ANSWER_S:g} s")

    return answer


async def _read_body(request: Request, max_bytes: int) -> bytes:
    too_large = HTTPException(413, f"a body of more than {max_bytes} bytes")
    if int(request.headers.get("content-length", 0)) > max_bytes:
        raise too_large
    body = bytearray()
    with trio.move_on_after(BODY_S):
        async for piece in request.stream():
            body += piece
            if len(body) > max_bytes:
                raise too_large
        return bytes(body)
    raise HTTPException(408, f"the body did not come within {BODY_S:g} s")
