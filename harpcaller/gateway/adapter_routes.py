"""The routes that adapters bring, as endpoints: no adapter knows what serves it."""

from __future__ import annotations

import time
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from harpcaller import ops
from harpcaller.adapters.route import (
    Answer,
    Asked,
    Events,
    FilePath,
    IdentityFrom,
    Operations,
    Route,
)
from harpcaller.dispatch.followers import Outbox
from harpcaller.dispatch.parent import LARGE_CALL_BYTES
from harpcaller.gateway.credentials import token_in
from harpcaller.gateway.endpoint import ANSWER_S, Endpoint, Inquiry
from harpcaller.gateway.errors import ErrorShape, plain
from harpcaller.gateway.events import EventStream
from harpcaller.gateway.files import file_response
from harpcaller.gateway.leaving import while_here
from harpcaller.gateway.means import Means, Whole
from harpcaller.gateway.sieve import Sieve
from harpcaller.gateway.stepping import in_threads
from harpcaller.runners.installed import PREFIX
from protocol.errors import WireError
from protocol.requests import FollowStream


def adapter_endpoints(whole: Whole) -> Sequence[Endpoint]:
    """Return an endpoint for each route of each adapter that is in force.

    Which routes there are is settled now; by which settings they answer is not, and
    an adapter that is in force no more answers as if it had never been there.
    """
    return [
        _endpoint(installed.adapter.name, route, whole)
        for installed in whole.dispatcher.adapters
        for route in installed.adapter.routes
    ]


def _endpoint(name: str, route: Route[Any], whole: Whole) -> Endpoint:
    return Endpoint(
        method=route.method,
        path=route.path,
        owner=name,
        handler=partial(_answer, name, route, whole),
        operation={"tags": [name], **route.openapi},
        role=route.role,
        is_own_proof=route.identity is IdentityFrom.ROUTE,
        checks_token=route.identity is IdentityFrom.IF_SHOWN,
        statuses=route.statuses,
        error_shape=_shape(route),
        max_body_bytes=route.max_body_bytes,
        answer_s=None if route.may_wait else ANSWER_S,
    )


def _shape(route: Route[Any]) -> ErrorShape:
    made = route.error_shape
    if made is None:
        return plain

    def shape(status: int, error: WireError) -> tuple[bytes, str]:
        return made(status, error.type.value, error.message)

    return shape


async def _answer(
    name: str, route: Route[Any], whole: Whole, inquiry: Inquiry
) -> Response:
    installed = whole.dispatcher.adapters.find(PREFIX + name)
    if installed is None:
        raise HTTPException(404)
    request = inquiry.request
    asked = _asked(route, inquiry)
    means = Means(whole, installed, inquiry.visitor)
    answers: list[Answer] = []

    def handle(operations: Operations) -> Coroutine[Any, Any, Answer]:
        return route.handler(asked, operations, installed.settings)

    async def work() -> None:
        is_large = len(inquiry.body) > LARGE_CALL_BYTES
        answers.append(await (in_threads(handle, means) if is_large else handle(means)))

    if route.may_wait:  # so long, that the client may be gone before
        await while_here(request.receive, work)
    else:
        await work()
    if not answers:
        return Response(status_code=503)
    return await _response(answers[0], whole, inquiry)


def _asked(route: Route[Any], inquiry: Inquiry) -> Asked:
    request, visitor = inquiry.request, inquiry.visitor
    identity, token = None, None
    if visitor is not None and route.identity is IdentityFrom.HEADERS:
        identity = visitor.identity.name
        if route.role is not None:  # else nobody has looked at it
            token = token_in(request.headers.get("authorization"))
    return Asked(
        path=request.path_params,
        query=dict(request.query_params),
        headers=dict(request.headers),
        body=inquiry.body,
        identity=identity,
        token=token,
        site=inquiry.site.rstrip("/"),
        base=inquiry.base,
        peer=inquiry.origin,
        at=round(time.time(), 3),
    )


async def _response(answer: Answer, whole: Whole, inquiry: Inquiry) -> Response:
    match answer.body:
        case Events() as events:
            return _stream(events, whole, inquiry)
        case FilePath() as file:
            response: Response = await file_response(file, answer.status)
        case body:
            response = Response(body, answer.status)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    for name, value in answer.headers.items():
        response.headers[name] = value
    return response


def _stream(events: Events, whole: Whole, inquiry: Inquiry) -> Response:
    asked = FollowStream(job_id=events.job_id, since=events.since)

    async def follow(out: Outbox) -> None:
        sieve = out if events.shows is None else Sieve(out, events.shows)
        await ops.tell(asked, whole.dispatcher, sieve, inquiry.visitor)

    who = inquiry.identity_name or f"at {inquiry.origin}"
    return EventStream(follow, whole.house, who)
