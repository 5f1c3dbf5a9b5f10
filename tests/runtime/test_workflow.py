"""The driver of adapters' machines, over a dispatcher and through its ends."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import pytest
import trio
from families import (
    EPOCH_S,
    PARENT,
    MemoryTransfers,
    Table,
    World,
    a_sleep,
    a_submit,
)
from refusing_store import RefusingStore
from scripted_runner import DONE, QUEUE, ScriptedRunner
from trio.testing import MockClock

from harpcaller.adapters.machine import (
    Action,
    Cancel,
    End,
    Ended,
    Event,
    Fetch,
    Fetched,
    FetchFailed,
    Note,
    Post,
    Posted,
    Save,
    Saved,
    SaveFailed,
    Slept,
    child_id,
)
from harpcaller.runners import Progress
from harpcaller.store import Unavailable
from protocol.errors import ErrorType
from protocol.job import State
from protocol.jsontext import decode, encode
from protocol.outcome import Failed, Outcome, Raised

ONE, TWO = encode(1), encode(2)
HOUR_S = 3600
ENDS_AT_S: dict[str, list[Action]] = {"s": [End(DONE)]}


async def test_a_childs_end_is_told_and_the_end_is_the_outcome(
    autojump_clock: MockClock,
) -> None:
    """The smallest adapter: one call in, one call out."""
    world = World(lambda: Table([Note(ONE), a_submit("a")], {"a": [End(DONE)]}))

    async with world.life() as dispatcher:
        assert await world.outcome(dispatcher) == DONE

    child = child_id(PARENT, "a")
    [ended] = world.told()
    assert ended == Ended(
        key="a",
        at=EPOCH_S + 1,
        job_id=child,
        outcome=DONE,
        started_at=EPOCH_S,
        ended_at=EPOCH_S + 1,
    )
    [note, event] = await world.log()
    assert note == ONE
    assert decode(event) == {
        "event": "ended",
        "key": "a",
        "at": EPOCH_S + 1,
        "job_id": child,
        "started_at": EPOCH_S,
        "ended_at": EPOCH_S + 1,
    }
    [record] = await world.children()
    assert decode(record.info) == {"parent": PARENT, "key": "a"}


async def test_a_machine_is_told_only_what_is_durable(
    autojump_clock: MockClock,
) -> None:
    """The log is the journal: what it does not say has not happened."""
    store = RefusingStore(packets=[Unavailable("busy")] * 3)
    world = World(lambda: Table([a_sleep("s")], ENDS_AT_S), store=store)

    async with world.life() as dispatcher:
        await trio.sleep(1.1)
        assert world.told() == []

        assert await world.outcome(dispatcher) == DONE

    assert len(world.told()) == len(await world.log()) == 1


async def test_a_parent_goes_on_after_a_crash(autojump_clock: MockClock) -> None:
    """What is in its log is told as it was; all else is asked for once more."""
    world = World(
        lambda: Table(
            [Note(ONE), a_submit("a"), a_sleep("s", 10)],
            {"a": [Note(TWO)], "s": [End(DONE)]},
        )
    )
    async with world.life():
        await trio.sleep(5)
    before = world.told()

    async with world.life() as dispatcher:
        assert await world.outcome(dispatcher) == DONE

    assert world.told() == [*before, Slept(key="s", at=EPOCH_S + 15, again=True)]
    assert await world.notes() == [ONE, TWO]
    assert world.workers.started == [child_id(PARENT, "a")]


async def test_a_child_that_ran_in_a_crash_is_lost_and_not_run_twice(
    autojump_clock: MockClock,
) -> None:
    """P2; whether to try once more, as another child, is the machine's affair."""
    world = World(lambda: Table([a_submit("a", "hang")], {"a": [End(DONE)]}))
    async with world.life():
        await trio.sleep(5)

    async with world.life() as dispatcher:
        await world.outcome(dispatcher)

    [ended] = world.told()
    assert isinstance(ended, Ended)
    assert ended.again
    assert isinstance(ended.outcome, Failed)
    assert ended.outcome.type == ErrorType.MISSING_RESULT
    assert len(world.workers.started) == 1


async def test_a_child_that_asks_for_retries_gets_them(
    autojump_clock: MockClock,
) -> None:
    """It is a call like any other."""
    submit = a_submit("a", "slow", retries=1)

    async def slow(progress: Progress) -> Outcome:
        await trio.sleep(10)
        return DONE

    world = World(
        lambda: Table([submit], {"a": [End(DONE)]}), ScriptedRunner(slow=slow)
    )
    async with world.life():
        await trio.sleep(5)

    async with world.life() as dispatcher:
        assert await world.outcome(dispatcher) == DONE

    [ended] = world.told()
    assert isinstance(ended, Ended)
    assert ended.outcome == DONE
    assert len(world.workers.started) == 2


async def test_an_orderly_stop_leaves_the_parent_and_its_log_as_they_are(
    autojump_clock: MockClock,
) -> None:
    """The driver ends before the children do, which have their grace."""
    world = World(lambda: Table([a_submit("a")], {"a": [End(DONE)]}))
    async with world.life() as dispatcher:
        await trio.sleep(0.5)
        await dispatcher.stop(30)
        assert trio.current_time() == 1

    assert (await world.parent()).state is State.RUNNING
    assert await world.log() == ()
    assert world.told() == []

    async with world.life() as dispatcher:
        assert await world.outcome(dispatcher) == DONE
    [ended] = world.told()
    assert isinstance(ended, Ended)
    assert ended.outcome == DONE
    assert len(world.workers.started) == 1


async def test_what_is_given_up_is_not_answered(autojump_clock: MockClock) -> None:
    """Sleeps and transfers, at any time; the machine need not remember them."""
    fetch = Fetch(key="f", uri="s3://b/k", max_bytes=10)
    world = World(
        lambda: Table(
            [a_sleep("s", 50), fetch, a_sleep("t", 1)],
            {
                "t": [Cancel(key="s"), Cancel(key="f"), a_sleep("u", 100)],
                "u": [End(DONE)],
            },
        ),
        transfers=MemoryTransfers(seconds=50),
    )

    async with world.life() as dispatcher:
        assert await world.outcome(dispatcher) == DONE

    assert [getattr(event, "key", None) for event in world.told()] == ["t", "u"]


@pytest.mark.parametrize(
    ("host", "type_"), [("@test", ErrorType.UNKNOWN_HOST), ("h", ErrorType.OVERLOADED)]
)
async def test_a_refused_submit_is_an_end(
    host: str, type_: ErrorType, autojump_clock: MockClock
) -> None:
    """Also in the next life, though there is no child that would remember it."""
    submit = a_submit("a", queue=QUEUE, host=host)
    world = World(
        lambda: Table([a_sleep("r"), a_sleep("s", 50)], {"r": [submit], **ENDS_AT_S}),
        max_queued=0,
    )
    async with world.life() as dispatcher:
        await dispatcher.pause_queue(QUEUE.name, paused=True)
        await trio.sleep(5)

    async with world.life() as dispatcher:
        assert await world.outcome(dispatcher) == DONE

    _, ended, _ = world.told()
    assert isinstance(ended, Ended)
    assert isinstance(ended.outcome, Failed)
    assert ended.outcome.type == type_
    assert ended.started_at is None


async def test_documents_are_moved_and_kept(autojump_clock: MockClock) -> None:
    """A body is told again in the next life, without a second transfer."""
    found = Fetch(key="found", uri="s3://b/here", max_bytes=10)
    missing = Fetch(key="missing", uri="s3://b/none", max_bytes=10)
    save = Save(key="save", uri="s3://b/new", body=b"new")
    refused = Save(key="refused", uri="s3://b/here", body=b"new")
    post = Post(key="post", method="POST", url="https://h/", body=b"x" * 5000)
    world = World(
        lambda: Table(
            [found, missing, save, refused, post, a_sleep("s", 50)], ENDS_AT_S
        ),
        transfers=MemoryTransfers({"s3://b/here": b"body"}),
    )
    async with world.life():
        await trio.sleep(5)

    async with world.life() as dispatcher:
        assert await world.outcome(dispatcher) == DONE

    events = {getattr(event, "key", None): event for event in world.told()}
    at = EPOCH_S + 1
    assert events["found"] == Fetched(key="found", at=at, body=b"body")
    assert isinstance(events["missing"], FetchFailed)
    assert events["missing"].code == "NoSuchKey"
    assert events["save"] == Saved(key="save", at=at)
    assert isinstance(events["refused"], SaveFailed)
    assert events["post"] == Posted(
        key="post", at=at, status=503, retry_after_s=7, body=b"x" * 4096
    )
    assert len(world.transfers.asked) == 5  # in both lives
    assert await world.store.get_doc(PARENT, "event/found") is None


@attrs.define
class Watching(Table):
    """A machine that notes whether it is told things in a thread."""

    were_threads: list[bool] = attrs.field(factory=list)

    def on(self, event: Event) -> Sequence[Action]:
        """Note it, and go on."""
        try:
            trio.lowlevel.current_task()
        except RuntimeError:
            self.were_threads.append(True)
        else:
            self.were_threads.append(False)
        return super().on(event)


@pytest.mark.parametrize(
    "outcome",
    [
        Raised(type="T", message="m", data=encode("x" * 300_000)),
        Raised(type="T", message="m" * 300_000),
        Failed(type="t" * 300_000, message="m"),
    ],
    ids=["data", "message", "type"],
)
async def test_a_large_event_does_not_keep_the_loop(outcome: Outcome) -> None:
    """It is looked at in a thread; the real clock, for threads do not jump."""

    async def large(progress: Progress) -> Outcome:
        return outcome

    machine = Watching([a_submit("a", "large")], {"a": [End(DONE)]})
    world = World(lambda: machine, ScriptedRunner(large=large))
    async with world.life() as dispatcher:
        assert await world.outcome(dispatcher) == DONE

    assert machine.were_threads == [True]


async def test_many_documents_do_not_keep_the_loop() -> None:
    """A machine that walks a tree looks at all of them: together they are large."""
    names = ("a", "b", "c")
    uris = {name: f"s3://b/{name}" for name in names}
    fetches = {name: Fetch(key=name, uri=uris[name], max_bytes=2**20) for name in names}
    machine = Watching(
        [fetches["a"]], {"a": [fetches["b"]], "b": [fetches["c"]], "c": [End(DONE)]}
    )
    documents = dict.fromkeys(uris.values(), b"x" * 100000)
    world = World(lambda: machine, transfers=MemoryTransfers(documents, seconds=0.001))
    async with world.life() as dispatcher:
        assert await world.outcome(dispatcher) == DONE

    assert machine.were_threads == [False, False, True]
