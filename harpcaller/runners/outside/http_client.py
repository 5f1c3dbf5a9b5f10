"""Requests over HTTP: bounded in time and memory, redirected where that is allowed."""

from __future__ import annotations

import importlib
import ssl
from collections.abc import Iterable
from typing import Final

import attrs
import trio

from harpcaller.adapters.places import Place
from harpcaller.runners.outside.http_messages import (
    HttpAnswer,
    HttpRequest,
    HttpSettings,
    NoAnswer,
    tls_context,
)
from harpcaller.runners.outside.http_targets import headers_elsewhere, redirected

MAX_HOPS: Final = 5
_EXCHANGE: Final = "harpcaller.runners.outside.http_exchange"


class HttpClient:
    """Sends requests, some at a time; each has a connection of its own."""

    def __init__(self, settings: HttpSettings) -> None:
        self.attempts = settings.attempts
        self._settings = settings
        self._limiter = trio.CapacityLimiter(settings.concurrency)
        self._preparing = trio.Lock()
        self._context: ssl.SSLContext | None = None

    async def ask(
        self,
        request: HttpRequest,
        allow: Iterable[Place],
        follow: frozenset[int],
        max_bytes: int,
    ) -> HttpAnswer:
        """Return the answer; one of a status in `follow` is followed where allowed.

        Raises:
            NoAnswer: there was none.
        """
        places = tuple(allow)
        async with self._limiter:
            context = await self._prepared()
            deadline = self._deadline()
            for _ in range(MAX_HOPS):
                answer = await self._send(request, context, deadline, max_bytes)
                there = _followed(request, answer, places, follow)
                if there is None:
                    return answer
                request = there
            return await self._send(request, context, deadline, max_bytes)

    async def _send(
        self,
        request: HttpRequest,
        context: ssl.SSLContext,
        deadline: float,
        max_bytes: int,
    ) -> HttpAnswer:
        from harpcaller.runners.outside.http_exchange import exchange  # noqa: PLC0415

        if not isinstance(request.body, bytes):
            deadline = self._deadline()
        return await exchange(request, self._settings, context, deadline, max_bytes)

    def _deadline(self) -> float:
        return trio.current_time() + self._settings.timeout_s

    async def _prepared(self) -> ssl.SSLContext:
        """Return what connections are made with; at the first use it takes a while."""
        async with self._preparing:
            if self._context is None:
                self._context = await trio.to_thread.run_sync(_prepare, self._settings)
        return self._context


def _prepare(settings: HttpSettings) -> ssl.SSLContext:
    try:
        importlib.import_module(_EXCHANGE)
        return tls_context(settings)
    except ImportError:
        raise NoAnswer("NotSupported", "the package httpx is not installed") from None


def _followed(
    request: HttpRequest,
    answer: HttpAnswer,
    places: Iterable[Place],
    follow: frozenset[int],
) -> HttpRequest | None:
    """Return the request to where an answer sends us, None if it is the last."""
    if answer.status not in follow:
        return None
    target = redirected(request.target, answer.headers.get("location", ""), places)
    if target is None:
        return None
    headers = request.headers
    if not target.is_beside(request.target):
        headers = headers_elsewhere(headers)
    return attrs.evolve(request, target=target, headers=headers)
