"""Jobs that nobody runs, and others: what is fed elsewhere, run, or forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest
import trio
from dispatching import Nowhere
from fed_world import CALL, SETTINGS, a_life
from trio.testing import MockClock

from harpcaller import ops
from harpcaller.adapters.panoptes.updates import Rename
from harpcaller.dispatch.followers import wait_for_outcome
from harpcaller.roles import Role
from harpcaller.runners.external import AGAIN_S
from harpcaller.store.memory import MemoryStore
from protocol.errors import ErrorType, WireError
from protocol.job import State
from protocol.jsontext import JsonText
from protocol.outcome import Cancelled, Returned
from protocol.requests import Cancel

INFO = {"level": "job_info", "jobid": 1}
SUCCESS = {"level": "workflow_success", "timestamp": 1.5}


async def test_what_others_feed_is_seen(autojump_clock: MockClock) -> None:
    """In a cluster another dispatcher may have taken the packet before."""
    store = MemoryStore()
    async with a_life(store) as life:
        job_id = await life.create()
        await life.send(job_id, INFO)
        await store.feed(job_id, [JsonText(b'{"message":{"level":"x"}}')])
        await life.send(job_id, INFO)

        _, workflow = await life.fed.look(job_id, Role.READ)

        assert workflow.packets == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("messages", "end_at_s"),
    [
        ([SUCCESS, SUCCESS], 5),
        ([SUCCESS, {"level": "debug"}], 9),
        ([SUCCESS, {"level": "info"}], 5),
    ],
    ids=["twice", "dropped", "full"],
)
async def test_only_what_is_accepted_breaks_the_silence(
    autojump_clock: MockClock, messages: Sequence[Mapping[str, Any]], end_at_s: int
) -> None:
    """MW-4: not what comes again, nor what there is no room for."""
    settings = attrs.evolve(SETTINGS, drop_levels=frozenset({"debug"}), max_packets=1)
    async with a_life(MemoryStore(), settings) as life:
        job_id = await life.create()
        await life.send(job_id, messages[0])
        await trio.sleep(4)
        await life.send(job_id, messages[1])

        await wait_for_outcome(life.dispatcher, job_id, Nowhere())

        assert trio.current_time() == pytest.approx(end_at_s)


async def test_a_name_that_it_has_does_not_break_the_silence(
    autojump_clock: MockClock,
) -> None:
    """MW-4: nothing is kept of it; a new name is an update."""
    async with a_life(MemoryStore()) as life:
        job_id = await life.create()
        await life.send(job_id, SUCCESS)
        for at_s in (3, 6):
            await trio.sleep_until(at_s)
            await life.fed.offer(job_id, Rename(changes={"name": "x"}, received=1.0))

        await wait_for_outcome(life.dispatcher, job_id, Nowhere())

        assert trio.current_time() == pytest.approx(8)


async def test_jobs_of_others_are_not_fed(autojump_clock: MockClock) -> None:
    """An id of another kind of job is none here."""
    async with a_life(MemoryStore()) as life:
        write = life.dispatcher.submit(attrs.evolve(CALL, host="h"))
        other = (await write).job_id
        job_id = await life.create()
        record = await life.record(other)

        with pytest.raises(WireError) as caught:
            await life.send(other, INFO)
        with pytest.raises(WireError):
            await life.dispatcher.external.look(record)
        await ops.begin(Cancel(job_id=job_id), life.dispatcher)

        assert caught.value.type is ErrorType.INVALID_JOBID


async def test_one_waits_for_its_adapter(autojump_clock: MockClock) -> None:
    """Its run goes on elsewhere, whatever our configuration lacks for a while.

    The silence counts from when the adapter is back, for nobody could break it.
    """
    store = MemoryStore()
    async with a_life(store) as life:
        job_id = await life.create()
        await life.send(job_id, SUCCESS)
    async with a_life(store, None) as life:
        await trio.sleep(10 * SETTINGS.give_up_s)
        waiting = await life.record(job_id)

        life.configure(SETTINGS)
        begun = trio.current_time()
        outcome = await wait_for_outcome(life.dispatcher, job_id, Nowhere())

        assert trio.current_time() - begun <= AGAIN_S + SETTINGS.linger_s
    assert waiting.state is State.RUNNING
    assert isinstance(outcome, Returned)


async def test_one_without_its_adapter_may_be_cancelled(
    autojump_clock: MockClock,
) -> None:
    """Else it would stay for ever where the adapter does not come back."""
    store = MemoryStore()
    async with a_life(store) as life:
        job_id = await life.create()
    async with a_life(store, None) as life:
        await ops.begin(Cancel(job_id=job_id), life.dispatcher)

        outcome = await wait_for_outcome(life.dispatcher, job_id, Nowhere())

        assert outcome == Cancelled()


async def test_an_ended_one_is_forgotten_on_demand(
    autojump_clock: MockClock,
) -> None:
    """PL-9: and is listed until then."""
    async with a_life(MemoryStore()) as life:
        job_id = await life.create()
        await life.fed.cancel(job_id)
        await wait_for_outcome(life.dispatcher, job_id, Nowhere())
        listed = await life.fed.recent(None, 9)

        assert listed == [job_id]
        assert await life.fed.remove(job_id)
        assert await life.fed.recent(None, 9) == []
