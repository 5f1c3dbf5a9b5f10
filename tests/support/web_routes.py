"""Routes for tests of the gateway: what answers, and what behaves badly."""

from __future__ import annotations

from collections.abc import Sequence

import trio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from structlog.typing import EventDict
from web_place import Place, get, route

from harpcaller.gateway.connection import Patience
from harpcaller.gateway.endpoint import Inquiry


async def echo(inquiry: Inquiry) -> Response:
    """Give the body back."""
    return Response(inquiry.body or b"hello")


async def crash(_: Inquiry) -> Response:
    """Meet a bug."""
    raise ZeroDivisionError


async def hang(_: Inquiry) -> Response:
    """Never answer."""
    await trio.sleep_forever()
    raise AssertionError


async def nap(_: Inquiry) -> Response:
    """Take longer than a client may be idle."""
    await trio.sleep(0.6)
    return Response(b"awake")


class Endless(Response):
    """An answer that never ends."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            piece = {"body": b"x" * 65536, "more_body": True}
            await send({"type": "http.response.body", **piece})


async def pour(_: Inquiry) -> Response:
    """Stream for ever."""
    return Endless()


ROUTES = [
    *route("/echo", echo, body_s=0.5),
    *route("/large", echo, max_body_bytes=2**22),
    *route("/crash", crash),
    *route("/hang", hang, answer_s=0.3),
    *route("/nap", nap),
    *route("/pour", pour),
]
HASTY = Patience(idle_s=0.3, send_s=0.5)


async def assert_serves(place: Place) -> None:
    """Fail unless others are served as if nothing had happened."""
    assert (await place.ask(get("/echo"))).body == b"hello"


def troubles(logs: Sequence[EventDict]) -> Sequence[EventDict]:
    """Return the lines that tell of more than a request."""
    return [line for line in logs if line["event"] != "request.answered"]
