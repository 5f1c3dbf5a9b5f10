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
    handler: Handler,
    *,
    max_body_bytes: int = MAX_BODY_BYTES,
    body_s: float = BODY_S,
    answer_s: float = ANSWER_S,
) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that lets neither the client nor `handler` take for ever."""

    async def answer(request: Request) -> Response:
        body = await _read_body(request, max_body_bytes, body_s)
        with trio.move_on_after(answer_s):
            return await handler(request, body)
        raise HTTPException(503, f"no answer within {answer_s:g} s")

    return answer


async def _read_body(request: Request, max_bytes: int, body_s: float) -> bytes:
    too_large = HTTPException(413, f"a body of more than {max_bytes} bytes")
    if int(request.headers.get("content-length", 0)) > max_bytes:
        raise too_large
    with trio.move_on_after(body_s):
        body = bytearray()
        while True:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise HTTPException(400, "the body is not whole")
            body += message.get("body", b"")
            if len(body) > max_bytes:
                raise too_large
            if not message.get("more_body", False):
                return bytes(body)
    raise HTTPException(408, f"the body did not come within {body_s:g} s")
