"""What an operator's tools ask over HTTP: alive, ready, and the figures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import orjson
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from harpcaller.gateway.app import Handler, bounded
from harpcaller.gateway.readiness import Readiness

_FRESH = {"Cache-Control": "no-store"}


def operations(
    readiness: Readiness, expose: Callable[[], Awaitable[bytes]]
) -> Sequence[Route]:
    """Return the routes; `expose` gives the text of all metrics."""

    async def healthz(_request: Request, _body: bytes) -> Response:
        return Response("ok\n", headers=_FRESH, media_type="text/plain")

    async def readyz(_request: Request, _body: bytes) -> Response:
        reasons = await readiness.reasons()
        body = orjson.dumps({"ready": not reasons, "reasons": reasons})
        headers = {**_FRESH, "Retry-After": "5"} if reasons else _FRESH
        status = 503 if reasons else 200
        return Response(body, status, headers, media_type="application/json")

    async def metrics(_request: Request, _body: bytes) -> Response:
        text = await expose()
        return Response(text, headers={**_FRESH, "Content-Type": CONTENT_TYPE_LATEST})

    return [
        _read("/healthz", healthz),
        _read("/readyz", readyz),
        _read("/metrics", metrics),
    ]


def _read(path: str, handler: Handler) -> Route:
    """Return a route without an effect, so that HEAD may come along with GET."""
    return Route(path, bounded(handler), methods=["GET"])
