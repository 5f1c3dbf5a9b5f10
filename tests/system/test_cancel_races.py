"""Cancels that meet a job in every state of its life: one winner, the same for all.

The worker is in this process, so that the instants are known; the dispatcher is not.
"""

from __future__ import annotations

import json
import random
import ssl
from collections import Counter
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
import trustme
from daemon_process import DaemonProcess, running_daemon
from fake_worker import Wire, open_fake_worker, server_context
from json_lines import JsonLines, Reply

LANES = 8  # races side by side
RACES = 25  # of each state in a lane: 1,000 in the end
STATE_S = 0.03  # how long a job stays in the state that is raced in
PACKETS = 5
CANCELLERS = 3
LIMIT_S = 45
CANCELLED = {"cancelled": True}
DONE = {"result": "done"}

STATES: dict[str, dict[str, Any]] = {
    "queued": {"host": "w", "arguments": {}},
    "connecting": {"host": "slow", "arguments": {}},
    "unacknowledged": {"host": "w", "arguments": {"silent_s": STATE_S}},
    "streaming": {"host": "w", "arguments": {"gap_s": STATE_S / PACKETS}},
    "ending": {"host": "w", "arguments": {"works_s": STATE_S}},
}


async def work(wire: Wire, line: bytes) -> None:
    """Be a worker that takes its time where it is told to."""
    times = json.loads(line)["arguments"]
    await trio.sleep(times.get("silent_s", 0))
    await wire.send_all(b'{"harp":1,"stream_result":true}\n')
    for number in range(PACKETS):
        await wire.send_all(b'{"stream":%d}\n' % number)
        await trio.sleep(times.get("gap_s", 0))
    await trio.sleep(times.get("works_s", 0))
    await wire.send_all(b'{"result":"done"}\n')


async def shake_hands_late(context: ssl.SSLContext, wire: Wire, _: bytes) -> None:
    """Be a worker whose TLS handshake takes its time."""
    await trio.sleep(STATE_S)
    late = Wire(trio.SSLStream(wire.stream, context, server_side=True), wire.transport)
    line = await late.receive_line()
    if line:  # else the call was cancelled during the handshake
        await work(late, line)


@attrs.frozen
class Seen:
    """What all who had to do with one job were told."""

    answers: list[Reply] = attrs.field(factory=list)  # to the cancels
    ends: list[Reply] = attrs.field(factory=list)

    def winner(self) -> str:
        """Return who has ended the job; fail where two have, or two ends were told."""
        wins = self.answers.count(CANCELLED)
        assert wins <= 1
        assert self.answers.count({"cancelled": False}) == len(self.answers) - wins
        assert self.ends == [CANCELLED if wins else DONE] * len(self.ends)
        return "cancelled" if wins else "returned"


class Lane:
    """Connections of everybody who takes part in a race, one race after the other."""

    def __init__(self, clients: list[JsonLines], name: int) -> None:
        self._submitter, self._waiter, self._follower, *self._cancellers = clients
        self._name = name
        self._chance = random.Random(name)  # noqa: S311 (no secret)
        self._ends_after_s = dict.fromkeys(STATES, 2 * STATE_S)  # more or less

    async def race(self, state: str) -> str:
        """Submit a call, cancel it at a random instant; return what became of it."""
        job_id = await self._submit(state)
        seen = Seen()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._wait, job_id, seen)
            nursery.start_soon(self._follow, job_id, seen)
            for canceller in self._cancellers[: self._chance.randint(1, CANCELLERS)]:
                nursery.start_soon(self._cancel, canceller, state, job_id, seen)
        seen.ends.append(await ask(self._submitter, get_result=job_id))
        winner = seen.winner()
        # The next ones come later or earlier, until both are as likely to win.
        self._ends_after_s[state] *= 1.2 if winner == "cancelled" else 0.8
        return winner

    async def _submit(self, state: str) -> str:
        call = {"procedure": "p", **STATES[state]}
        if state == "queued":
            call["queue"] = {"name": {"lane": self._name}}
            before = {**call, "arguments": {"works_s": STATE_S}}
            await ask(self._submitter, **before)
        return str((await ask(self._submitter, **call))["job_id"])

    async def _wait(self, job_id: str, seen: Seen) -> None:
        seen.ends.append(await ask(self._waiter, get_result=job_id))

    async def _follow(self, job_id: str, seen: Seen) -> None:
        reply = await ask(self._follower, follow_stream=job_id, since=0)
        heard = 0
        while "packet" in reply:
            assert reply == {"packet": heard, "data": heard}
            heard += 1
            reply = await receive(self._follower)
        assert reply == CANCELLED or heard == PACKETS
        seen.ends.append(reply)

    async def _cancel(
        self, client: JsonLines, state: str, job_id: str, seen: Seen
    ) -> None:
        at_once, around_the_end = (0.0, 1.0), (0.9, 1.1)
        when = at_once if self._chance.random() < 0.3 else around_the_end
        await trio.sleep(self._ends_after_s[state] * self._chance.uniform(*when))
        seen.answers.append(await ask(client, cancel=job_id))
        # Whoever won: now it has ended, and a stranger is told the same.
        seen.ends.append(await ask(client, get_result=job_id, wait=False))


async def ask(client: JsonLines, **fields: Any) -> Reply:
    """Return the first line that answers a request."""
    await client.send({"harpcaller": 1, "session": True, **fields})
    return await receive(client)


async def receive(client: JsonLines) -> Reply:
    """Return the next line."""
    reply = await client.receive()
    assert reply is not None
    return reply


async def run_lane(
    daemon: DaemonProcess, name: int, winners: dict[str, Counter[str]]
) -> None:
    """Race in every state, again and again."""
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                JsonLines(await trio.open_tcp_stream("127.0.0.1", daemon.port))
            )
            for _ in range(3 + CANCELLERS)
        ]
        lane = Lane(clients, name)
        for _ in range(RACES):
            for state in STATES:
                winners[state][await lane.race(state)] += 1


@pytest.mark.campaign
async def test_a_cancel_in_any_state_has_one_winner(tmp_path: Path) -> None:
    """The original answered true, and the job never ended."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    winners: dict[str, Counter[str]] = {state: Counter() for state in STATES}
    script = partial(shake_hands_late, server_context(ca))

    async with (
        open_fake_worker(work, path=tmp_path / "worker"),
        open_fake_worker(script, handshakes=False, reads_request=False) as slow,
    ):
        hosts: dict[str, dict[str, str | int]] = {
            "w": {"unix": str(tmp_path / "worker")},
            "slow": {"address": "127.0.0.1", "port": slow.port},
        }
        settings = {"ca_file": str(tmp_path / "ca.pem")}
        with running_daemon(tmp_path / "d", hosts=hosts, settings=settings) as daemon:
            with trio.fail_after(LIMIT_S):
                async with trio.open_nursery() as nursery:
                    for name in range(LANES):
                        nursery.start_soon(run_lane, daemon, name, winners)

    assert sum(counts.total() for counts in winners.values()) >= 1000
    for counts in winners.values():  # a race that one side always wins is none
        assert min(counts["cancelled"], counts["returned"]) > LANES * RACES / 20
