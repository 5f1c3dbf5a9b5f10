"""Lists of jobs, queues and hosts in pages, as much of them as somebody may see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from starlette.responses import Response

from harpcaller import ops
from harpcaller.gateway.endpoint import Inquiry
from harpcaller.gateway.native import FRESH, JSON
from harpcaller.gateway.query import Query
from harpcaller.identities import rights
from harpcaller.listing import (
    job_text,
    list_text,
    page_of_hosts,
    queue_text,
    read_page,
    read_queues,
)
from harpcaller.roles import Role
from harpcaller.store import JobFilter, Store, StoreError
from protocol.fields import refuse
from protocol.job import State
from protocol.jsontext import JsonText, JsonValue, encode

Hosts: TypeAlias = Callable[[], Sequence[dict[str, JsonValue]]]
"""Returns all hosts, sorted by `hostname`, free of credentials."""

PAGE_LENGTH: Final = 100
MAX_PAGE_LENGTH: Final = 1000
_PAGE: Final = ("after", "limit")
_FILTERS: Final = ("state", "host", "label")


class Lists:
    """Answers what there is."""

    def __init__(self, store: Store, hosts: Hosts) -> None:
        self._store = store
        self._hosts = hosts

    async def jobs(self, inquiry: Inquiry) -> Response:
        """Tell of jobs, oldest first; what somebody may not read he is not told of."""
        query = _query(inquiry, *_FILTERS)
        state = query.text("state")
        if state is not None and state not in set(State):
            refuse("state", '"queued", "running" or "ended"')
        where = JobFilter(
            state=None if state is None else State(state),
            host=query.text("host"),
            label=query.text("label"),
        )
        try:
            page = await read_page(
                self._store, where, query.text("after"), _length(query)
            )
        except StoreError as error:
            raise ops.complaint(error) from error
        identity = None if inquiry.visitor is None else inquiry.visitor.identity
        texts = [
            job_text(job)
            for job in page.jobs
            if identity is None or identity.may_do(Role.READ, job)
        ]
        return _page("jobs", list_text(texts), page.after)

    async def queues(self, inquiry: Inquiry) -> Response:
        """Tell of the queues that have jobs, and of those that are paused."""
        query = _query(inquiry)
        if inquiry.visitor is not None:
            rights.demand(Role.READ, inquiry.visitor.identity, everywhere=True)
        try:
            page = await read_queues(self._store, query.text("after"), _length(query))
        except StoreError as error:
            raise ops.complaint(error) from error
        texts = list_text([queue_text(queue) for queue in page.queues])
        return _page("queues", texts, page.after)

    async def hosts(self, inquiry: Inquiry) -> Response:
        """Tell of the hosts that somebody's calls may name."""
        query = _query(inquiry)
        hosts = self._hosts()
        if inquiry.visitor is not None:
            identity = inquiry.visitor.identity
            hosts = [one for one in hosts if identity.reaches(str(one["hostname"]))]
        page, after = page_of_hosts(hosts, query.text("after"), _length(query))
        return _page("hosts", list_text([encode({**one}) for one in page]), after)


def _query(inquiry: Inquiry, *names: str) -> Query:
    return Query(inquiry.request.scope["query_string"], (*names, *_PAGE))


def _length(query: Query) -> int:
    return query.count("limit", least=1, most=MAX_PAGE_LENGTH) or PAGE_LENGTH


def _page(name: str, texts: JsonText, after: str | None) -> Response:
    body = b'{"%b":%b,"after":%b}\n' % (name.encode(), texts, encode(after))
    return Response(body, headers=FRESH, media_type=JSON)
