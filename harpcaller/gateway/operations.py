"""What an operator's tools ask over HTTP: alive, ready, and the figures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import attrs
import orjson
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response

from harpcaller.gateway.documented import HEALTH, METRICS, READINESS
from harpcaller.gateway.endpoint import Endpoint, Inquiry
from harpcaller.gateway.readiness import Readiness
from harpcaller.identities import rights
from harpcaller.roles import Role

_FRESH = {"Cache-Control": "no-store"}


def operations(
    readiness: Readiness, expose: Callable[[], Awaitable[bytes]]
) -> Sequence[Endpoint]:
    """Return the endpoints; `expose` gives the text of all metrics."""

    async def healthz(_: Inquiry) -> Response:
        return Response("ok\n", headers=_FRESH, media_type="text/plain")

    async def readyz(_: Inquiry) -> Response:
        reasons = await readiness.reasons()
        body = orjson.dumps({"ready": not reasons, "reasons": reasons})
        headers = {**_FRESH, "Retry-After": "5"} if reasons else _FRESH
        status = 503 if reasons else 200
        return Response(body, status, headers, media_type="application/json")

    async def metrics(inquiry: Inquiry) -> Response:
        if inquiry.visitor is not None:  # who may only submit has no figures of his own
            rights.demand(Role.READ, inquiry.visitor.identity)
        text = await expose()
        return Response(text, headers={**_FRESH, "Content-Type": CONTENT_TYPE_LATEST})

    read = Role.READ
    found = [
        Endpoint(method="GET", path="/healthz", handler=healthz, operation=HEALTH),
        Endpoint(method="GET", path="/readyz", handler=readyz, operation=READINESS),
        Endpoint(
            method="GET", path="/metrics", handler=metrics, operation=METRICS, role=read
        ),
    ]
    # Nothing is changed by these, and monitors ask so.
    return [*found, *map(_asked_for_head, found)]


def _asked_for_head(endpoint: Endpoint) -> Endpoint:
    name = f"{endpoint.operation['operationId']}Head"
    operation = {**endpoint.operation, "operationId": name}
    return attrs.evolve(endpoint, method="HEAD", operation=operation)
