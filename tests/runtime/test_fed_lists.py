"""Lists of jobs that nobody runs: newest first, bounded, and for who may read them."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

import attrs
import pytest
import trio
from fed_world import CALL, Life, a_life
from trio.testing import MockClock

from harpcaller import ops
from harpcaller.gateway.feeding import FedMeans
from harpcaller.identities.identity import Identity
from harpcaller.identities.known import Identities
from harpcaller.identities.visitor import Desk, Visitor
from harpcaller.peerlog import PeerLog
from harpcaller.roles import Role
from harpcaller.store import FedFilter
from harpcaller.store.memory import MemoryStore
from protocol.job import JobId, JobRecord, read_job_id
from protocol.jsontext import decode
from protocol.requests import Submit


class CountingStore(MemoryStore):
    """Notes what is read of jobs, and how many may be."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []

    async def get(self, job_id: JobId) -> JobRecord | None:
        """See `Store.get`."""
        self.reads.append("get")
        return await super().get(job_id)

    async def fed(
        self, where: FedFilter, before: JobId | None, limit: int
    ) -> Sequence[JobId]:
        """See `Store.fed`."""
        self.reads.append(f"fed {limit}")
        return await super().fed(where, before, limit)


def visitor(identity: Identity) -> Visitor:
    """Return somebody who has proved who he is."""
    desk = Desk(Identities(()), PeerLog(trio.current_time))
    return Visitor(desk, "192.0.2.1", identity, is_at_home=False)


async def created_by(name: str, life: Life) -> JobId:
    """Return a new workflow of somebody's."""
    identity = Identity(name=name, roles=frozenset({Role.SUBMIT}))
    asked = Submit(call=CALL)
    reply: Any = decode(await ops.begin(asked, life.dispatcher, visitor(identity)))
    job_id = read_job_id(reply["job_id"])
    assert job_id is not None
    return job_id


async def test_a_page_costs_no_more_than_what_is_on_it(
    autojump_clock: MockClock,
) -> None:
    """PL-7: however many workflows and other jobs there are."""
    store = CountingStore()
    async with a_life(store) as life:
        ids = [await life.create() for _ in range(40)]
        for _ in range(40):
            await life.dispatcher.submit(attrs.evolve(CALL, host="h"))
        store.reads.clear()

        page = await life.fed.recent(ids[30], 3)
        for job_id in page:
            await life.fed.look(job_id, Role.READ)

        assert page == [ids[29], ids[28], ids[27]]
        assert store.reads == ["fed 3", "get", "get", "get"]


@pytest.mark.parametrize(
    ("roles", "hosts", "expected"),
    [
        ({Role.READ}, None, {"he", "she"}),
        ({Role.READ, Role.SUBMIT}, ["h"], {"he"}),
        ({Role.SUBMIT}, None, {"he"}),
        ({Role.CANCEL}, None, set()),
    ],
    ids=["reader", "elsewhere", "submitter", "canceller"],
)
async def test_a_list_is_of_what_may_be_read(
    autojump_clock: MockClock,
    roles: Set[Role],
    hosts: Sequence[str] | None,
    expected: Set[str],
) -> None:
    """GW-10: all, or what one has made oneself."""
    him = Identity(name="he", roles=frozenset(roles), hosts=hosts)
    async with a_life(MemoryStore()) as life:
        made = {await created_by(one, life): one for one in ("he", "she")}
        fed = FedMeans(life.dispatcher, "@panoptes", visitor(him))

        listed = await fed.recent(None, 9)

        assert {made[job_id] for job_id in listed} == expected
