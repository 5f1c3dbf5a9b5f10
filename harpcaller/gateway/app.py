"""The application: its endpoints by path, and the order in which each lets in."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Sequence
from typing import Final

import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from harpcaller.gateway.collision import Collision
from harpcaller.gateway.credentials import refuse_in_query
from harpcaller.gateway.endpoint import Endpoint, Inquiry
from harpcaller.gateway.errors import SHAPE, STATUS, apologize, complain, plain, refuse
from harpcaller.gateway.guest import Guest
from harpcaller.gateway.house import House
from harpcaller.gateway.origins import complain_of_origin
from harpcaller.identities import rights
from protocol.errors import WireError

GUEST: Final = "guest"  # where in the state of a scope the connection's is
LET_IN: Final = "harpcaller.let_in"  # where in a scope the name of who was let in is
PATIENT: Final = "harpcaller.patient"  # there in a scope whose answer may take long
_PARAMETER = re.compile(r"\{\w+")


def application(endpoints: Sequence[Endpoint], house: House) -> Starlette:
    """Return what serves `endpoints`, and tells of all else in the same shape.

    Raises:
        Collision: two of them are at one place.
    """
    app = Starlette(
        routes=[
            Route(found[0].path, _Path(found, house)) for found in _by_path(endpoints)
        ],
        exception_handlers={
            HTTPException: refuse,
            WireError: complain,
            Exception: apologize,
        },
    )
    # A redirect turns a POST into a GET in many a client.
    app.router.redirect_slashes = False
    app.router.default = _Nowhere(endpoints)
    return app


def _by_path(endpoints: Iterable[Endpoint]) -> Iterable[Sequence[Endpoint]]:
    """Return the endpoints of each path, whatever its parameters are called."""
    places: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        others = places.setdefault(_PARAMETER.sub("{", endpoint.path), [])
        for other in others:
            if other.method == endpoint.method or other.path != endpoint.path:
                raise Collision(
                    f"{other.method} {other.path} of {other.owner} and "
                    f"{endpoint.method} {endpoint.path} of {endpoint.owner} collide"
                )
        others.append(endpoint)
    return places.values()


class _Nowhere:
    """Says that nothing is at a path, as clients of the paths beside it know it."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._places = [
            (endpoint.path.partition("{")[0].split("/")[1:], endpoint.error_shape)
            for endpoint in endpoints
        ]

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        """Refuse one request."""
        steps = scope["path"].split("/")[1:]
        length, shape = max(
            ((_common(steps, place), shape) for place, shape in self._places),
            key=lambda found: found[0],
            default=(0, plain),
        )
        scope[SHAPE] = shape if length else plain
        raise HTTPException(404)


def _common(steps: Sequence[str], place: Sequence[str]) -> int:
    """Return how many steps from the root on two ways have in common."""
    pairs = zip(steps, place, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


class _Path:
    """Serves the methods of one path; plain ASGI, so that an answer may be a stream."""

    def __init__(self, endpoints: Iterable[Endpoint], house: House) -> None:
        self._methods = {endpoint.method: endpoint for endpoint in endpoints}
        self._house = house
        self._allow = ", ".join(sorted(self._methods))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        endpoint = self._methods.get(scope["method"])
        if endpoint is None:
            scope[SHAPE] = next(iter(self._methods.values())).error_shape
            raise HTTPException(405, headers={"Allow": self._allow})
        scope[SHAPE] = endpoint.error_shape
        scope[STATUS] = endpoint.statuses
        if endpoint.answer_s is None:
            scope[PATIENT] = True
        response = await self._answer(endpoint, Request(scope, receive, send))
        await response(scope, receive, send)

    async def _answer(self, endpoint: Endpoint, request: Request) -> Response:
        inquiry = await self._let_in(endpoint, request)
        limit_s = math.inf if endpoint.answer_s is None else endpoint.answer_s
        with trio.move_on_after(limit_s):
            return await endpoint.handler(inquiry)
        raise HTTPException(503, f"no answer within {limit_s:g} s")

    async def _let_in(self, endpoint: Endpoint, request: Request) -> Inquiry:
        """Return the inquiry, once it is clear that there may be one."""
        house, scope = self._house, request.scope
        if endpoint.changes:
            complaint = complain_of_origin(scope["headers"], house.rules.origin)
            if complaint is not None:
                raise HTTPException(complaint.status, complaint.message)
        if scope["query_string"]:
            refuse_in_query(request.query_params)
        guest: Guest = scope["state"][GUEST]
        visitor = house.visitor(guest, request.headers)
        if visitor is not None and endpoint.role is not None:
            if endpoint.is_own_proof:
                visitor = await house.prove_by_path(visitor, request.path_params)
            else:
                visitor = await house.prove(visitor, request.headers)
            rights.check_role(endpoint.role, visitor.identity)
        elif visitor is not None and endpoint.checks_token:
            visitor = await house.prove(visitor, request.headers)
        inquiry = Inquiry(
            request=request,
            visitor=visitor,
            origin=house.origin_of(guest, request.headers),
            site=house.rules.public_url or _site(request),
            base=(house.rules.public_url or "").rstrip("/"),
            body=await _read_body(request, endpoint, house.rules.max_body_bytes),
        )
        if endpoint.role is not None:
            scope[LET_IN] = inquiry.identity_name
        return inquiry


def _site(request: Request) -> str:
    """Return what a client called us by; its `Host` was looked at before."""
    scheme = request.scope.get("scheme", "http")
    return f"{scheme}://{request.headers.get('host', 'localhost')}"


async def _read_body(request: Request, endpoint: Endpoint, usual_bytes: int) -> bytes:
    max_bytes = endpoint.max_body_bytes or usual_bytes
    too_large = HTTPException(413, f"a body of more than {max_bytes} bytes")
    if int(request.headers.get("content-length", 0)) > max_bytes:
        raise too_large
    with trio.move_on_after(endpoint.body_s):
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
    raise HTTPException(408, f"the body did not come within {endpoint.body_s:g} s")
