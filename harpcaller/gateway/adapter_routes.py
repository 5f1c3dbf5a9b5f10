"""The routes that adapters bring, as endpoints: no adapter knows what serves it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import attrs
import trio
from starlette.exceptions import HTTPException
from starlette.responses import Response

from harpcaller import ops
from harpcaller.adapters.machine import Post
from harpcaller.adapters.route import (
    Accepted,
    Answer,
    Asked,
    FilePath,
    IdentityFrom,
    Operations,
    Route,
)
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.dispatch.parent import LARGE_CALL_BYTES
from harpcaller.gateway.endpoint import ANSWER_S, Endpoint, Inquiry
from harpcaller.gateway.errors import ErrorShape, plain
from harpcaller.gateway.files import file_response
from harpcaller.gateway.leaving import while_here
from harpcaller.gateway.stepping import in_threads
from harpcaller.identities.visitor import Visitor
from harpcaller.runners.installed import PREFIX
from harpcaller.runners.transfers import Reply
from protocol.call import Call
from protocol.errors import WireError
from protocol.job import JobId, read_job_id
from protocol.jsontext import decode
from protocol.outcome import Outcome
from protocol.requests import Submit

POST_S: Final = 10.0  # who asked waits for us

Poster: TypeAlias = Callable[[Post], Awaitable[Reply]]
"""Sends one request and returns what came of it, whatever it was."""


def adapter_endpoints(dispatcher: Dispatcher, poster: Poster) -> Sequence[Endpoint]:
    """Return an endpoint for each route of each adapter that is in force.

    Which routes there are is settled now; by which settings they answer is not, and
    an adapter that is in force no more answers as if it had never been there.
    `poster` sends what handlers have to tell others.
    """
    return [
        _endpoint(installed.adapter.name, route, dispatcher, poster)
        for installed in dispatcher.adapters
        for route in installed.adapter.routes
    ]


def _endpoint(
    name: str, route: Route[Any], dispatcher: Dispatcher, poster: Poster
) -> Endpoint:
    return Endpoint(
        method=route.method,
        path=route.path,
        owner=name,
        handler=partial(_answer, name, route, dispatcher, poster),
        operation={"tags": [name], **route.openapi},
        role=route.role,
        is_own_proof=route.identity is IdentityFrom.ROUTE,
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
    name: str,
    route: Route[Any],
    dispatcher: Dispatcher,
    poster: Poster,
    inquiry: Inquiry,
) -> Response:
    installed = dispatcher.adapters.find(PREFIX + name)
    if installed is None:
        raise HTTPException(404)
    request = inquiry.request
    asked = Asked(
        path=request.path_params,
        query=dict(request.query_params),
        headers=dict(request.headers),
        body=inquiry.body,
    )
    means = _Means(dispatcher, inquiry.visitor, poster)
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
    return await _response(answers[0]) if answers else Response(status_code=503)


async def _response(answer: Answer) -> Response:
    match answer.body:
        case FilePath() as file:
            response: Response = await file_response(file, answer.status)
        case body:
            response = Response(body, answer.status)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    for name, value in answer.headers.items():
        response.headers[name] = value
    return response


@attrs.frozen
class _Means:
    """What a handler may have done, in the name of who asks."""

    _dispatcher: Dispatcher
    _visitor: Visitor | None
    _poster: Poster

    async def submit(self, call: Call) -> Accepted:
        """See `Operations.submit`."""
        asked = Submit(call=call)
        kept = decode(await ops.begin(asked, self._dispatcher, self._visitor))
        assert isinstance(kept, dict)  # noqa: S101 (a reply of ours)
        job_id = read_job_id(str(kept["job_id"]))
        assert job_id is not None  # noqa: S101 (and it has one)
        return Accepted(job_id=job_id, is_duplicate="duplicate" in kept)

    async def outcome(self, job_id: JobId) -> Outcome:
        """See `Operations.outcome`."""
        return await ops.outcome(job_id, self._dispatcher, self._visitor)

    async def post(self, post: Post) -> None:
        """See `Operations.post`."""
        with trio.move_on_after(POST_S):
            await self._poster(post)
