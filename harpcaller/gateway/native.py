"""The client protocol over HTTP: each request is one of a line, and so is its answer.

What may be asked, and what is answered, is decided in `ops` alone.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Final

import trio
from starlette.exceptions import HTTPException
from starlette.responses import Response

from harpcaller import ops
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.dispatch.followers import Outbox
from harpcaller.gateway.endpoint import Inquiry
from harpcaller.gateway.events import EventStream
from harpcaller.gateway.house import House
from harpcaller.gateway.leaving import while_here
from harpcaller.gateway.lines import Gathered, packets_object
from harpcaller.gateway.query import Query
from protocol import replies
from protocol.fields import refuse
from protocol.job import JobId, read_job_id
from protocol.jsontext import decode
from protocol.requests import (
    Cancel,
    FollowStream,
    GetResult,
    GetStatus,
    ReadStream,
    Submit,
    parse_call,
)

JSON: Final = "application/json"
MAX_WAIT_S: Final = 60
MAX_PAGE_PACKETS: Final = 1000
FRESH: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_NUMBER = re.compile(r"[0-9]{1,18}")


class Native:
    """Answers what the client protocol knows."""

    def __init__(self, dispatcher: Dispatcher, house: House) -> None:
        self._dispatcher = dispatcher
        self._house = house

    async def submit(self, inquiry: Inquiry) -> Response:
        """Accept a call."""
        headers = inquiry.request.headers
        media_type = headers.get("content-type", JSON).partition(";")[0].strip()
        if media_type.lower() != JSON:
            raise HTTPException(415, f"Content-Type: expected {JSON}")
        call = parse_call(inquiry.body, _key_in(headers.get("idempotency-key")))
        asked = Submit(call=call)
        reply = await ops.begin(asked, self._dispatcher, inquiry.visitor)
        kept = decode(reply)
        assert isinstance(kept, dict)  # noqa: S101 (a reply of ours)
        status = 200 if "duplicate" in kept else 201
        return _object(reply, status, {"Location": f"/v1/jobs/{kept['job_id']}"})

    async def cancel(self, inquiry: Inquiry) -> Response:
        """End a job."""
        _query(inquiry)
        asked = Cancel(job_id=_job_id(inquiry))
        return _object(await ops.begin(asked, self._dispatcher, inquiry.visitor))

    async def status(self, inquiry: Inquiry) -> Response:
        """Tell what was called, and when."""
        _query(inquiry)
        out = Gathered()
        await self._tell(GetStatus(job_id=_job_id(inquiry)), inquiry, out)
        return _object(out.text())

    async def result(self, inquiry: Inquiry) -> Response:
        """Tell how a job ended, or after a while that it has not."""
        query = _query(inquiry, "wait")
        wait_s = query.seconds("wait", most=MAX_WAIT_S)
        out = Gathered()
        asked = GetResult(job_id=_job_id(inquiry), wait=bool(wait_s))
        work = partial(self._tell, asked, inquiry, out)
        if wait_s:
            with trio.move_on_after(wait_s):
                await while_here(inquiry.request.receive, work)
        else:
            await work()
        reply = out.text() or replies.NO_RESULT
        if reply == replies.NO_RESULT:
            return _object(reply, 202, {"Retry-After": "1"})
        return _object(reply)

    async def packets(self, inquiry: Inquiry) -> Response:
        """Tell a page of what a job streamed."""
        query = _query(inquiry, "since", "recent", "limit")
        since, recent = query.start()
        limit = query.count("limit", least=1, most=MAX_PAGE_PACKETS)
        asked = ReadStream(
            job_id=_job_id(inquiry),
            since=since,
            recent=recent,
            limit=limit or MAX_PAGE_PACKETS,
        )
        out = Gathered()
        await self._tell(asked, inquiry, out)
        return _object(packets_object(out.lines))

    async def stream(self, inquiry: Inquiry) -> Response:
        """Follow what a job streams."""
        query = _query(inquiry, "since", "recent")
        since, recent = query.start()
        last = inquiry.request.headers.get("last-event-id")
        if last is not None:  # what was asked for when the stream began counts no more
            since, recent = _after(last), None
        asked = FollowStream(job_id=_job_id(inquiry), since=since, recent=recent)

        async def follow(out: Outbox) -> None:
            await self._tell(asked, inquiry, out)

        who = inquiry.identity_name or f"at {inquiry.origin}"
        return EventStream(follow, self._house, who)

    async def _tell(
        self, question: ops.Question, inquiry: Inquiry, out: Outbox
    ) -> None:
        await ops.tell(question, self._dispatcher, out, inquiry.visitor)


def _object(
    text: bytes, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    return Response(text, status, {**FRESH, **(headers or {})}, media_type=JSON)


def _query(inquiry: Inquiry, *known: str) -> Query:
    """Return the parameters; those that are not known are refused."""
    return Query(inquiry.request.scope["query_string"], known)


def _job_id(inquiry: Inquiry) -> JobId | None:
    return read_job_id(inquiry.request.path_params["job_id"])


def _key_in(header: str | None) -> str | None:
    if header is not None and not header.isascii():
        refuse("Idempotency-Key", "ASCII characters")
    return header


def _after(last_event_id: str) -> int:
    """Return the number of the packet behind the last one that a client has."""
    if not _NUMBER.fullmatch(last_event_id):
        refuse("Last-Event-ID", "the number of a packet")
    return int(last_event_id) + 1
