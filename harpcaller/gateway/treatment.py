"""What every request goes through before it is routed, and what is counted of it."""

from __future__ import annotations

from collections import Counter
from typing import Any, TypeAlias

import structlog
import trio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harpcaller.gateway.app import LET_IN, PATIENT
from harpcaller.gateway.errors import refusal_of
from harpcaller.gateway.framing import Complaint, collapsed, complain_of_framing
from harpcaller.gateway.house import House
from harpcaller.gateway.origins import complain_of_host
from harpcaller.meters import QUICK_S, Histogram

NO_ROUTE = "none"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
_CLOSE = {"Connection": "close"}
_BODY = frozenset({b"content-length", b"transfer-encoding"})

Kind: TypeAlias = tuple[str, str, int]
"""Route, method and status: each of a closed set."""

log = structlog.get_logger()


class Requests:
    """Counts requests by the template of their route, by method and status."""

    def __init__(self) -> None:
        self.counts: Counter[Kind] = Counter()
        self.durations_s: dict[Kind, Histogram] = {}

    def count(self, scope: Scope, status: int, took_s: float) -> None:
        """Count a request that is over; with status 0 it had no answer.

        How long it took tells something only where we were not asked to wait.
        """
        kind = route_of(scope), method_of(scope), status
        self.counts[kind] += 1
        if PATIENT not in scope:
            if kind not in self.durations_s:
                self.durations_s[kind] = Histogram(QUICK_S)
            self.durations_s[kind].observe(took_s)


def method_of(scope: Scope) -> str:
    """Return the method if there is such a one: it may be any word."""
    return str(scope["method"]) if scope["method"] in _METHODS else "other"


def route_of(scope: Scope) -> str:
    """Return the template of the route that was found, never the path itself."""
    route = scope.get("route")
    return NO_ROUTE if route is None else str(route.path)


class _Exchange:
    """Passes a request and its answer on, and knows how far both are."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.status = 0
        self.is_unwanted = False
        """The client was gone before it had all of it."""
        self._is_whole = not _BODY.intersection(name for name, _ in scope["headers"])
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        """Return the next piece of the request."""
        message = await self._receive()
        self._is_whole = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send a piece of the answer; nothing follows one to half a request."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if not self._is_whole:
                headers = [one for one in message["headers"] if one[0] != b"connection"]
                message = {**message, "headers": [*headers, (b"connection", b"close")]}
        try:
            await self._send(message)
        except trio.BrokenResourceError:
            self.is_unwanted = True
            raise


class Treatment:
    """Stands before the application; nothing that goes wrong in it gets out.

    Plain ASGI, so that an answer may be a stream.
    """

    def __init__(self, app: ASGIApp, requests: Requests, house: House) -> None:
        self._app = app
        self._requests = requests
        self._house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Treat one request."""
        exchange = _Exchange(scope, receive, send)
        begun_at = trio.current_time()
        try:
            await self._treat(scope, exchange.receive, exchange.send)
        except Exception:  # a bug: it ends this request and no other
            if not exchange.is_unwanted:
                log.exception("request.crashed", route=route_of(scope))
        finally:
            took_s = trio.current_time() - begun_at
            self._requests.count(scope, exchange.status, took_s)
            _log(scope, exchange.status, took_s)

    async def _treat(self, scope: Scope, receive: Receive, send: Send) -> None:
        complaint = self._complain(scope)
        if complaint is None:
            scope["path"] = collapsed(scope["path"])
            await self._app(scope, receive, send)
        else:
            answer = refusal_of(complaint.status, complaint.message, _CLOSE)
            await answer(scope, receive, send)

    def _complain(self, scope: Scope) -> Complaint | None:
        headers: list[Any] = list(scope["headers"])
        target_bytes = len(scope["raw_path"]) + len(scope["query_string"])
        return complain_of_framing(
            scope["http_version"], target_bytes, headers
        ) or complain_of_host(scope["server"], headers, self._house.rules.names)


def _log(scope: Scope, status: int, took_s: float) -> None:
    """Write a line; who was not let in, or need not be, gets none in the usual log."""
    identity = scope.get(LET_IN)
    write = log.debug if identity is None else log.info
    more = {"identity": identity} if identity else {}
    write(
        "request.answered",
        method=method_of(scope),
        route=route_of(scope),
        code=status,
        took_s=round(took_s, 4),
        **more,
    )
