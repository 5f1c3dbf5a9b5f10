"""Idle connections and heartbeats, on a clock that jumps; the sockets are pairs."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest
import trio
from calling import ANSWER, ONE, Notes, a_claim, code_of
from trio.testing import MockClock

from harpcaller.addresses import UnixAddress
from harpcaller.hosts.registry import Host, Registry
from harpcaller.runners.connection import Connection
from harpcaller.runners.harp import HarpRunner
from harpcaller.runners.pool import Pool
from harpcaller.runners.tls import WorkerTls
from protocol.harp import HEARTBEAT, HEARTBEAT_S, SILENCE_S

HOST = Host(name="w", address=UnixAddress("/nowhere"), harp2=True)
OTHER = Host(name="v", address=UnixAddress("/nowhere"), harp2=True)
YES = b'{"harp":1,"stream_result":true}\n'


class Ends:
    """Connections with the worker's ends in our hands."""

    def __init__(self) -> None:
        self.opened: list[tuple[Connection, trio.SocketStream]] = []

    def open(self) -> tuple[Connection, trio.SocketStream]:
        """Return a connection and the worker's end of it."""
        ours, theirs = trio.socket.socketpair()
        connection = Connection(trio.SocketStream(ours), is_kept=True)
        self.opened.append((connection, trio.SocketStream(theirs)))
        return self.opened[-1]


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    """Open connections; close all of them at the end."""
    opener = Ends()
    yield opener
    for connection, worker in opener.opened:
        connection.close()
        worker.socket.close()


async def is_closed(worker: trio.SocketStream) -> bool:
    """Tell whether the dispatcher has closed its end."""
    with trio.move_on_after(0.001):
        return not await worker.receive_some()
    return False


async def test_an_idle_connection_is_closed_in_time(
    autojump_clock: MockClock, ends: Ends
) -> None:
    """Workers' sockets are not ours to hold for ever."""
    pool = Pool(max_idle_s=60)
    connection, worker = ends.open()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(pool.run)
        pool.put(HOST, connection)
        await trio.sleep(59)
        early = await is_closed(worker)
        await trio.sleep(3)
        late = await is_closed(worker)
        nursery.cancel_scope.cancel()

    assert (early, late) == (False, True)
    assert pool.take(HOST) is None


async def test_the_connection_used_last_is_used_next(ends: Ends) -> None:
    """The others can then grow old and be closed."""
    pool = Pool()
    first, second = ends.open()[0], ends.open()[0]
    pool.put(HOST, first)
    pool.put(HOST, second)

    assert pool.take(OTHER) is None
    assert pool.take(HOST) is second
    assert pool.take(HOST) is first
    assert pool.take(HOST) is None
    assert pool.idle_count == 0


@pytest.mark.parametrize(
    "pool", [Pool(max_idle_per_host=2), Pool(max_idle=2)], ids=["per host", "in all"]
)
async def test_idle_connections_are_bounded(pool: Pool, ends: Ends) -> None:
    """A burst of calls must not leave a burst of open files."""
    workers = []
    for _ in range(3):
        connection, worker = ends.open()
        pool.put(HOST, connection)
        workers.append(worker)

    assert [await is_closed(worker) for worker in workers] == [False, False, True]
    assert pool.idle_count == 2


async def test_what_is_idle_is_closed_with_the_pool(ends: Ends) -> None:
    """A daemon that stops leaves nothing open."""
    pool = Pool()
    connection, worker = ends.open()
    pool.put(HOST, connection)

    with trio.move_on_after(0):
        await pool.run()

    assert await is_closed(worker)


async def test_a_heart_beats_while_a_call_runs(
    autojump_clock: MockClock, ends: Ends
) -> None:
    """A worker that hears nothing ends the call: its dispatcher may be gone."""
    pool = Pool()
    runner = HarpRunner(Registry([HOST]), WorkerTls.load(), pool=pool)
    connection, worker = ends.open()
    pool.put(HOST, connection)
    heard: list[tuple[float, bytes]] = []

    async def work() -> None:
        for _ in range(4):
            data = bytes(await worker.receive_some())
            heard.append((trio.current_time(), data))
            await worker.send_all(HEARTBEAT)
        await worker.send_all(ANSWER)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(pool.run)
        nursery.start_soon(work)
        outcome = await runner.carry_out(a_claim("w"), Notes().progress)
        await trio.sleep(3 * HEARTBEAT_S)
        nursery.cancel_scope.cancel()

    assert outcome == ONE
    assert heard[0][1].startswith(b'{"harp":1')
    assert [data for _, data in heard[1:]] == [HEARTBEAT] * 3
    assert all(
        0 < later[0] - earlier[0] <= HEARTBEAT_S + 1
        for earlier, later in itertools.pairwise(heard)
    )
    assert await is_closed(worker)  # no beat in it since the end: it was idle


async def test_a_worker_without_a_heartbeat_is_given_up(
    autojump_clock: MockClock, ends: Ends
) -> None:
    """A machine that lost power says nothing, not even goodbye."""
    pool = Pool()
    runner = HarpRunner(Registry([HOST]), WorkerTls.load(), pool=pool)
    pool.put(HOST, ends.open()[0])

    outcome = await runner.carry_out(a_claim("w"), Notes().progress)

    assert code_of(outcome) == ("network_error", "timedout")
    assert trio.current_time() == pytest.approx(SILENCE_S)


async def test_a_slow_store_is_no_silence(
    autojump_clock: MockClock, ends: Ends
) -> None:
    """While we do not read, the worker's heartbeats wait in the socket."""
    pool = Pool()
    runner = HarpRunner(Registry([HOST]), WorkerTls.load(), pool=pool)
    connection, worker = ends.open()
    pool.put(HOST, connection)

    async def work() -> None:
        await worker.receive_some()
        await worker.send_all(YES + b'{"stream":1}\n')
        await trio.sleep(1)
        await worker.send_all(b'{"result":1}\n')

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work)
        notes = Notes(emit_s=3 * SILENCE_S)
        outcome = await runner.carry_out(a_claim("w"), notes.progress)

    assert outcome == ONE
    assert notes.packets == [b"1"]


async def test_a_socket_that_takes_no_heartbeat_is_closed(
    autojump_clock: MockClock, ends: Ends
) -> None:
    """One dead worker must not hold up the heartbeats of the others."""
    pool = Pool()
    dead, _ = ends.open()
    alive, worker = ends.open()
    await dead.send(b"x")
    await alive.send(b"x")
    with trio.move_on_after(1):
        await dead.send(b"x" * 100_000_000)
    dead.sent_at = trio.current_time()
    pool.use(dead)
    pool.use(alive)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(pool.run)
        await trio.sleep(HEARTBEAT_S + 3)
        nursery.cancel_scope.cancel()

    assert dead.socket.fileno() == -1
    assert (await worker.receive_some()).endswith(HEARTBEAT)


async def test_what_is_left_while_others_beat_is_not_beaten(
    autojump_clock: MockClock, ends: Ends
) -> None:
    """A call may end at any instant; a late heartbeat would spoil the connection."""
    pool = Pool()
    slow, _ = ends.open()
    with trio.move_on_after(1):
        await slow.send(b"x" * 100_000_000)
    slow.sent_at = trio.current_time()
    pool.use(slow)
    others = [ends.open() for _ in range(5)]
    for connection, _worker in others:
        await connection.send(b"x")
        pool.use(connection)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(pool.run)
        await trio.sleep(HEARTBEAT_S + 0.5)
        for connection, _worker in others:
            pool.leave(connection)
        await trio.sleep(2)
        nursery.cancel_scope.cancel()

    assert [bytes(await worker.receive_some()) for _, worker in others] == [b"x"] * 5
