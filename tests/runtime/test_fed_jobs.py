"""Jobs that nobody runs: fed, silent, ended, and read again after a restart."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio
from dispatching import Nowhere
from fed_world import CALL, SETTINGS, a_life
from refusing_store import RefusingStore
from trio.testing import MockClock

from harpcaller import ops
from harpcaller.dispatch.followers import wait_for_outcome
from harpcaller.dispatch.parent import admit
from harpcaller.roles import Role
from harpcaller.runners.external import FIRST_LOOK_S
from harpcaller.store import Full, OnLoss, Unavailable
from harpcaller.store.memory import MemoryStore
from protocol.errors import ErrorType, WireError
from protocol.job import State
from protocol.outcome import Cancelled, Failed, Raised, Returned
from protocol.requests import FollowStream, Submit

INFO = {"level": "job_info", "jobid": 1}
SUCCESS = {"level": "workflow_success"}
ALL = {"level": "progress", "done": 1, "total": 1}


async def test_the_outcome_is_written_once_it_is_silent(
    autojump_clock: MockClock,
) -> None:
    """MW-4: the silence counts from the last update."""
    async with a_life(MemoryStore()) as life:
        job_id = await life.create()
        await life.send(job_id, INFO)
        await trio.sleep(100)
        await life.send(job_id, SUCCESS)
        await trio.sleep(4)
        await life.send(job_id, {"level": "info", "msg": "more"})
        begun = trio.current_time()

        outcome = await wait_for_outcome(life.dispatcher, job_id, Nowhere())

        assert trio.current_time() - begun == pytest.approx(5)
    assert isinstance(outcome, Returned)
    assert b"completed" in bytes(outcome.value)


async def test_a_verdict_may_change_until_then(autojump_clock: MockClock) -> None:
    """A retry follows an error; what seemed to have ended goes on."""
    async with a_life(MemoryStore()) as life:
        job_id = await life.create()
        await life.send(job_id, {"level": "error", "msg": "oh"})
        await trio.sleep(59)
        await life.send(job_id, INFO)
        await trio.sleep(900)

        record = await life.record(job_id)
        await life.send(job_id, {"level": "job_error", "jobid": 1})
        await life.send(job_id, {"level": "error", "msg": "WorkflowError"})
        outcome = await wait_for_outcome(life.dispatcher, job_id, Nowhere())

    assert record.state is State.RUNNING
    assert isinstance(outcome, Raised)
    assert outcome.type == "WorkflowError"


async def test_a_silent_one_is_given_up(autojump_clock: MockClock) -> None:
    """After a week, unless it is told otherwise."""
    async with a_life(MemoryStore()) as life:
        job_id = await life.create()

        outcome = await wait_for_outcome(life.dispatcher, job_id, Nowhere())

        assert trio.current_time() == pytest.approx(1000)
    assert isinstance(outcome, Failed)
    assert outcome.type == "timeout"


async def test_what_has_ended_takes_nothing(autojump_clock: MockClock) -> None:
    """P4: nothing follows the end."""
    async with a_life(MemoryStore()) as life:
        job_id = await life.create()
        await life.send(job_id, ALL)
        await wait_for_outcome(life.dispatcher, job_id, Nowhere())

        assert await life.send(job_id, INFO) is None
        record, workflow = await life.fed.look(job_id, Role.READ)

        assert record.packets == 1
        assert workflow.due(SETTINGS).after_s == 60
        assert life.fed.live_count == 0


async def test_a_cancel_ends_it(autojump_clock: MockClock) -> None:
    """MW-9: whatever it seemed to have come to."""
    async with a_life(MemoryStore()) as life:
        job_id = await life.create()
        await life.send(job_id, SUCCESS)

        assert await life.fed.cancel(job_id)
        outcome = await wait_for_outcome(life.dispatcher, job_id, Nowhere())

        assert outcome == Cancelled()
        assert await life.send(job_id, INFO) is None
        assert not await life.fed.cancel(job_id)


async def test_it_goes_on_after_a_restart(autojump_clock: MockClock) -> None:
    """MW-10: with its numbers, its window and its verdict; down time is no silence."""
    store = MemoryStore()
    stamped = {"level": "info", "timestamp": 1.5}
    async with a_life(store) as life:
        job_id = await life.create()
        await life.send(job_id, stamped)
        await life.send(job_id, SUCCESS)
    await trio.sleep(10**6)

    async with a_life(store) as life:
        begun = trio.current_time()
        word = await life.send(job_id, stamped)
        outcome = await wait_for_outcome(life.dispatcher, job_id, Nowhere())

        assert trio.current_time() - begun == pytest.approx(5)
    record = await store.get(job_id)
    assert word == "duplicate"
    assert isinstance(outcome, Returned)
    assert record is not None
    assert (record.packets, record.starts) == (2, 2)


async def test_it_ends_after_a_restart_without_a_word(
    autojump_clock: MockClock,
) -> None:
    """It is looked at soon, and waited for from then on."""
    store = MemoryStore()
    async with a_life(store) as life:
        job_id = await life.create()
        await life.send(job_id, SUCCESS)
        await trio.sleep(4)

    async with a_life(store) as life:
        begun = trio.current_time()
        await wait_for_outcome(life.dispatcher, job_id, Nowhere())

        assert trio.current_time() - begun == pytest.approx(5)
    assert FIRST_LOOK_S < 5


async def test_it_may_be_fed_while_we_stop(autojump_clock: MockClock) -> None:
    """GW-7: connections that are open are served; nobody waits for it any more."""
    store = MemoryStore()
    async with a_life(store) as life:
        job_id = await life.create()
        await life.dispatcher.stop(0)

        word = await life.send(job_id, INFO)
        with pytest.raises(WireError) as caught:
            await life.create()

        assert caught.value.type is ErrorType.SHUTTING_DOWN
    assert word == "accepted"
    async with a_life(store) as life:
        record = await life.record(job_id)
    assert (record.state, record.packets) == (State.RUNNING, 1)


async def test_readers_see_what_it_is_fed(autojump_clock: MockClock) -> None:
    """As with every job."""
    lines: list[bytes] = []

    class Out:
        async def write(self, text: bytes) -> None:
            lines.extend(text.splitlines())

        async def flush(self) -> None:
            pass

    async with a_life(MemoryStore()) as life:
        job_id = await life.create()
        async with trio.open_nursery() as nursery:
            asked = FollowStream(job_id=job_id, since=0)
            nursery.start_soon(ops.tell, asked, life.dispatcher, Out())
            await trio.testing.wait_all_tasks_blocked()
            for message in (INFO, SUCCESS):
                await life.send(job_id, message)

    assert [line[:11] for line in lines] == [
        b'{"packet":0',
        b'{"packet":1',
        b'{"result":{',
    ]


async def test_it_takes_no_room(autojump_clock: MockClock) -> None:
    """MW-1: however many there are, a call runs."""
    async with a_life(MemoryStore(), max_running=1) as life:
        jobs = [await life.create() for _ in range(5)]
        records = [await life.record(job) for job in jobs]
        await trio.testing.wait_all_tasks_blocked()

        assert life.fed.live_count == 5

    assert {record.state for record in records} == {State.RUNNING}


async def test_it_has_no_limits(autojump_clock: MockClock) -> None:
    """MW-1: what it is told of is how long it may be silent."""
    async with a_life(MemoryStore()) as life:
        record = await life.record(await life.create())
        [installed] = life.dispatcher.adapters

        assert b'"limits":{"timeout":1000,"max_exec_time":null}' in record.status_text
        assert admit(installed, CALL).on_loss is OnLoss.FED
        for more in ({"timeout_s": 1.0}, {"retries": 1}, {"max_exec_s": 1.0}):
            fields: dict[str, Any] = more
            call = attrs.evolve(CALL, **fields)
            with pytest.raises(WireError) as caught:
                await ops.begin(Submit(call=call), life.dispatcher)
            assert caught.value.type is ErrorType.INVALID_REQUEST


async def test_too_many_updates_are_slowed_down_then_refused(
    autojump_clock: MockClock,
) -> None:
    """S-7: a burst of a second's worth goes through at once."""
    settings = attrs.evolve(SETTINGS, max_updates_per_s=10)
    words: list[str | None] = []
    errors: list[WireError] = []

    async with a_life(MemoryStore(), settings) as life:
        job_id = await life.create()

        async def send() -> None:
            try:
                words.append(await life.send(job_id, INFO))
            except WireError as error:
                errors.append(error)

        begun = trio.current_time()
        async with trio.open_nursery() as nursery:
            for _ in range(40):
                nursery.start_soon(send)
        took_s = trio.current_time() - begun

    assert words == ["accepted"] * len(words)
    assert 20 <= len(words) <= 22
    assert {error.type for error in errors} == {ErrorType.OVERLOADED}
    assert took_s == pytest.approx(1, abs=0.11)


async def test_a_full_disk_loses_nothing_that_was_told(
    autojump_clock: MockClock,
) -> None:
    """P1: what was refused may come again, and is no duplicate of itself."""
    stamped = {"level": "info", "timestamp": 1.5}
    async with a_life(RefusingStore(feeds=[Full("full")])) as life:
        job_id = await life.create()

        with pytest.raises(WireError) as caught:
            await life.send(job_id, stamped)
        words = [await life.send(job_id, stamped) for _ in range(2)]

    assert caught.value.type is ErrorType.STORAGE_FULL
    assert words == ["accepted", "duplicate"]


async def test_a_duplicate_waits_for_what_it_repeats(
    autojump_clock: MockClock,
) -> None:
    """P1: told means kept; if the first is not, neither is the second."""
    stamped = {"level": "info", "timestamp": 1.5}
    told: list[object] = []
    store = RefusingStore(feeds=[Full("full")])
    async with a_life(store) as life:
        job_id = await life.create()
        await life.fed.look(job_id, Role.READ)

        async def send() -> None:
            try:
                told.append(await life.send(job_id, stamped))
            except WireError as error:
                told.append(error.type)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            nursery.start_soon(send)
        again = await life.send(job_id, stamped)

    assert ErrorType.STORAGE_FULL in told
    assert set(told) <= {ErrorType.STORAGE_FULL, "accepted"}
    assert again in {"accepted", "duplicate"}


async def test_a_log_that_cannot_be_read_is_read_again(
    autojump_clock: MockClock,
) -> None:
    """A store that is busy ends nobody's workflow."""
    store = RefusingStore(reads=[Unavailable("busy")] * 3)
    async with a_life(store) as life:
        job_id = await life.create()
        await trio.sleep(100)
        await life.send(job_id, SUCCESS)

        outcome = await wait_for_outcome(life.dispatcher, job_id, Nowhere())

    assert isinstance(outcome, Returned)


async def test_it_outlives_its_settings(autojump_clock: MockClock) -> None:
    """A reload that takes the adapter away ends no workflow."""
    async with a_life(MemoryStore()) as life:
        job_id = await life.create()
        await life.send(job_id, SUCCESS)
        [installed] = life.dispatcher.adapters
        life.dispatcher.adapters.configure([])
        await trio.sleep(1000)
        record = await life.record(job_id)

        life.dispatcher.adapters.configure([installed])
        outcome = await wait_for_outcome(life.dispatcher, job_id, Nowhere())

    assert record.state is State.RUNNING
    assert isinstance(outcome, Returned)
