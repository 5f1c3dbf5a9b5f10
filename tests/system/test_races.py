"""Readers that join at any instant of a job's life hear all that they asked for.

The worker is in this process, so that the instants are known; the dispatcher is not.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import pytest
import trio
from daemon_process import DaemonProcess, running_daemon
from fake_worker import Wire, open_fake_worker
from json_lines import JsonLines, Reply

ROUNDS = 20
JOBS = 5  # side by side in a round
READERS = 10  # of each job and kind: 1,000 of each kind in the end
PACKETS = 25
GAP_S = 0.012
STREAM_S = PACKETS * GAP_S
AROUND_S = 0.01  # how near to the end half of the readers join
LIMIT_S = 45

Read: TypeAlias = Callable[[JsonLines, str, random.Random], Awaitable[str]]
"""Asks for one job; returns in a word what it met, and fails where it is wrong."""


@pytest.mark.campaign
@pytest.mark.alone
async def test_readers_that_join_at_any_instant_miss_nothing(tmp_path: Path) -> None:
    """The original gave 125 of 350 of them a false answer, and lost 67 packets."""
    path = tmp_path / "worker"
    with running_daemon(
        tmp_path / "daemon", hosts={"w": {"unix": str(path)}}
    ) as daemon:
        race = Race(daemon)
        async with open_fake_worker(stream_and_return, path=path):
            with trio.fail_after(LIMIT_S):
                for _ in range(ROUNDS):
                    await race.run()

    assert race.met.total() == JOBS * ROUNDS * READERS * len(READS)
    # They did join before, within and after the stream.
    assert min(race.met[word] for word in ("all", "tail", "end")) > 30


async def stream_and_return(wire: Wire, _: bytes) -> None:
    """Be a worker whose stream ends when everybody expects it."""
    await wire.send_all(b'{"harp":1,"stream_result":true}\n')
    begun = trio.current_time()
    for number in range(PACKETS):
        await trio.sleep_until(begun + number * GAP_S)
        await wire.send_all(b'{"stream":%d}\n' % number)
    await trio.sleep_until(begun + STREAM_S)
    await wire.send_all(b'{"result":"done"}\n')


@attrs.frozen
class Race:
    """Jobs and their readers; `met` counts what the readers found."""

    daemon: DaemonProcess
    met: Counter[str] = attrs.field(factory=Counter)
    chance: random.Random = attrs.field(factory=lambda: random.Random(1))  # noqa: S311 (no secret)

    async def run(self) -> None:
        """Race once, with some jobs side by side."""
        async with trio.open_nursery() as nursery:
            for _ in range(JOBS):
                nursery.start_soon(self._one_job, nursery)

    async def _one_job(self, nursery: trio.Nursery) -> None:
        async with client_of(self.daemon) as client:
            call = {"host": "w", "procedure": "p", "arguments": []}
            job_id = str((await ask(client, call))["job_id"])
        for read in READS:
            for _ in range(READERS):
                nursery.start_soon(self._join, read, job_id, self._when())

    def _when(self) -> float:
        if self.chance.random() < 0.5:
            return STREAM_S + self.chance.uniform(-AROUND_S, AROUND_S)
        return self.chance.uniform(0, STREAM_S)

    async def _join(self, read: Read, job_id: str, after_s: float) -> None:
        await trio.sleep(after_s)
        async with client_of(self.daemon) as client:
            self.met[await read(client, job_id, self.chance)] += 1


async def wait(client: JsonLines, job_id: str, _: random.Random) -> str:
    """Wait for the result, if it is not there already."""
    assert await ask(client, {"get_result": job_id}) == {"result": "done"}
    return "waited"


async def follow_since(client: JsonLines, job_id: str, chance: random.Random) -> str:
    """Follow from a place in the stream, be it there yet or not."""
    since = chance.choice([0, 0, chance.randrange(PACKETS), PACKETS, PACKETS + 5])
    await client.send({"harpcaller": 1, "follow_stream": job_id, "since": since})
    packets, end = await stream_of(client)
    assert packets == list(range(since, PACKETS))
    assert end == {"result": "done"}
    return "since"


async def follow_recent(client: JsonLines, job_id: str, chance: random.Random) -> str:
    """Follow from now on, with some packets more; tell how much that was."""
    recent = chance.choice([None, 0, 1, 3, 2 * PACKETS])
    await client.send({"harpcaller": 1, "follow_stream": job_id, "recent": recent})
    packets, end = await stream_of(client)
    assert packets == list(range(PACKETS - len(packets), PACKETS))
    assert len(packets) >= min(recent or 0, PACKETS)
    assert end == {"result": "done"}
    if len(packets) == PACKETS:
        return "all"
    return "tail" if packets else "end"


async def read_pages(client: JsonLines, job_id: str, _: random.Random) -> str:
    """Read page by page, as a web application does."""
    heard: list[int] = []
    end: Reply = {"continue": True}
    while end == {"continue": True}:
        request = {"harpcaller": 1, "read_stream": job_id, "since": len(heard)}
        await client.send(request)
        packets, end = await stream_of(client)
        heard += packets
        await trio.sleep(GAP_S)
    assert heard == list(range(PACKETS))
    assert end == {"result": "done"}
    return "pages"


READS: tuple[Read, ...] = (wait, follow_since, follow_recent, read_pages)


async def stream_of(client: JsonLines) -> tuple[list[int], Reply]:
    """Return the numbers of the packets, and the line behind them."""
    numbers: list[int] = []
    while True:
        reply = await client.receive()
        assert reply is not None
        if "packet" not in reply:
            return numbers, reply
        assert reply["packet"] == reply["data"]
        numbers.append(reply["packet"])


async def ask(client: JsonLines, request: dict[str, Any]) -> Reply:
    """Return the reply to a request."""
    reply = await client.ask({"harpcaller": 1, **request})
    assert reply is not None
    return reply


@asynccontextmanager
async def client_of(daemon: DaemonProcess) -> AsyncIterator[JsonLines]:
    """Connect to the dispatcher for the block."""
    stream = await trio.open_tcp_stream("127.0.0.1", daemon.port)
    async with JsonLines(stream) as client:
        yield client
