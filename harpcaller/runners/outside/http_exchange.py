"""One request and its answer by httpx, over a connection of its own.

To be imported at the first use: httpx takes a quarter of a second, and few need it.
Its transport is used without its client, which would add headers, keep cookies, find
proxies in the environment, and log URLs.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Final

import httpcore
import httpx
import trio

from harpcaller.runners.outside.http_messages import (
    TIMEOUT,
    UNREACHABLE,
    HttpAnswer,
    HttpRequest,
    HttpSettings,
    NoAnswer,
)
from harpcaller.runners.outside.http_targets import headers_for

_PIECE_BYTES: Final = 256 * 1024
# One request each: a connection that is kept may be closed while it is used again.
_LIMITS: Final = httpx.Limits(max_connections=1, max_keepalive_connections=0)

# What was read at a time is looked through without giving way to others: httpcore's
# 64 KiB may be thousands of informational answers.
httpcore.AsyncHTTP11Connection.READ_NUM_BYTES = 8192

for _name in ("httpx", "httpcore"):  # what they log has URLs and headers in it
    logging.getLogger(_name).setLevel(logging.CRITICAL)


async def exchange(
    request: HttpRequest,
    settings: HttpSettings,
    context: ssl.SSLContext,
    deadline: float,
    max_bytes: int,
) -> HttpAnswer:
    """Return the answer to a request, with little more than `max_bytes` of its body.

    A file moves the deadline with each piece that is sent.

    Raises:
        NoAnswer: no status was heard.
    """
    answer: HttpAnswer | None = None
    failure = NoAnswer(TIMEOUT, f"no answer within {settings.timeout_s:g} s")
    try:
        with trio.CancelScope(deadline=deadline) as scope:
            async with httpx.AsyncHTTPTransport(
                verify=context, trust_env=False, limits=_LIMITS
            ) as transport:
                response = await transport.handle_async_request(
                    _prepared(request, settings, scope)
                )
                answer = HttpAnswer(
                    status=response.status_code, headers=response.headers
                )
                await _listen(response, answer, max_bytes)
    except httpx.TimeoutException:
        failure = NoAnswer(TIMEOUT, "no connection in time")
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        failure = NoAnswer(UNREACHABLE, f"no answer: {type(error).__name__}")
    if answer is None:
        raise failure
    return answer


async def _listen(response: httpx.Response, answer: HttpAnswer, max_bytes: int) -> None:
    """Take in the body, up to one byte more than is wanted."""
    stream = response.stream
    assert isinstance(stream, httpx.AsyncByteStream)  # noqa: S101 (of its transport)
    # Broken off by a cancel, for httpx's generators must all end: left where they
    # are, trio would find them one day and complain.
    with trio.CancelScope() as enough:
        async for piece in stream:
            answer.body += piece[: max_bytes + 1 - len(answer.body)]
            if len(answer.body) > max_bytes:
                enough.cancel()
            # Others' turn: a server may send chunks of one byte. No cancel here,
            # between the generators.
            await trio.lowlevel.cancel_shielded_checkpoint()
    await stream.aclose()
    answer.is_whole = len(answer.body) <= max_bytes


def _prepared(
    request: HttpRequest, settings: HttpSettings, scope: trio.CancelScope
) -> httpx.Request:
    target = request.target

    def renew() -> None:
        scope.deadline = trio.current_time() + settings.timeout_s

    return httpx.Request(
        request.method,
        httpx.URL(scheme=target.scheme, host=target.host, port=target.port, path="/"),
        headers=headers_for(target, request.headers, request.size),
        stream=_Body(request, renew),
        extensions={
            "target": target.path.encode(),  # as it is: httpx would spell it anew
            "timeout": {"connect": settings.connect_timeout_s},
        },
    )


class _Body(httpx.AsyncByteStream):
    """The pieces of a body; no generator, as one that is left alone is a leak."""

    def __init__(self, request: HttpRequest, renew: Callable[[], None]) -> None:
        self._body = request.body
        self._renew = renew
        self._offset = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._next()
        if not piece:
            raise StopAsyncIteration
        self._offset += len(piece)
        return piece

    async def _next(self) -> bytes:
        if isinstance(self._body, bytes):
            return self._body[self._offset :]
        self._renew()
        piece = await self._body.read(self._offset, _PIECE_BYTES)
        if not piece and self._offset < self._body.size:
            raise NoAnswer("Changed", "the file grew shorter while it was sent")
        return piece
