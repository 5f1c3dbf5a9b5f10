"""Clients that submit, follow, wait and cancel at random, and record what they hear."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import trio
from daemon_process import DaemonProcess
from json_lines import JsonLines, Reply
from told import Asked, Told

# A queue has one client: the order in which it sends is that of submission.
QUEUES = {"one": 1, "also one": 1, "two": 2, "three": 3}
MAX_OBSERVERS = 60
MAX_BATCH = 6
BURST = 2000  # packets: more than a lot, a page and a chunk
LONGEST_PAUSE_S = 0.1


class BusyClients:
    """The load of one daemon, from its start until it is gone.

    Every random choice is `chance`'s. What clients heard goes to `told`.
    """

    def __init__(
        self, daemon: DaemonProcess, told: Told, chance: random.Random
    ) -> None:
        self._daemon = daemon
        self._told = told
        self._chance = chance
        self._observers = 0
        self._round = f"{chance.randrange(16**6):06x}"
        self.keyed: dict[str, str | None] = {}
        """What was sent with a key, by tag: the job's id, where one was told."""

    async def run(self) -> None:
        """Ask until the daemon is gone, and hear out what it said before."""
        async with trio.open_nursery() as nursery:
            for queue in QUEUES:
                nursery.start_soon(self._submit, queue, nursery)

    # ── asking ──
    async def _submit(self, queue: str, nursery: trio.Nursery) -> None:
        client = await self._connect()
        if client is None:
            return
        async with client:
            while True:
                batch = [self._make_call(queue) for _ in range(self._upto(MAX_BATCH))]
                await client.send(*(asked.request() for asked in batch))
                for asked in batch:
                    reply = await client.receive()
                    if reply is None:
                        return
                    self._hear_accepted(asked, reply, nursery)
                await trio.sleep(self._chance.uniform(0, LONGEST_PAUSE_S))

    def _make_call(self, queue: str) -> Asked:
        procedure, arguments = self._make_work()
        place = len(self._told.asked)
        tag = f"{self._round}-{place}"
        is_queued = procedure != "hang" and self._chance.random() < 0.4
        asked = Asked(
            place=place,
            tag=tag,
            host=self._chance.choice(["unix", "unix", "tls"]),
            procedure=procedure,
            arguments=arguments,
            queue=queue if is_queued else None,
            concurrency=QUEUES[queue],
            retries=self._chance.choice([0, 0, 0, 0, 1, 3]),
            # A call with a key is sent again; that would be another place.
            key=tag if not is_queued and self._chance.random() < 0.3 else None,
            max_exec_time=1 if procedure == "hang" else None,
        )
        self._told.send(asked)
        if asked.key is not None:
            self.keyed[tag] = None
        return asked

    def _make_work(self) -> tuple[str, dict[str, Any]]:
        kind = self._chance.random()
        if kind < 0.6:
            return "answer", {"seconds": self._chance.choice([0, 0, 0.01, 0.03])}
        if kind < 0.84:
            seconds = self._chance.uniform(0, 0.08)
            return "stream", {"n": self._upto(30), "seconds": seconds}
        if kind < 0.85:
            return "stream", {"n": BURST, "seconds": 0}
        if kind < 0.9:
            return "fail", {"seconds": 0}
        return "hang", {}

    def _hear_accepted(self, asked: Asked, reply: Reply, nursery: trio.Nursery) -> None:
        job_id = self._told.accept(asked, reply)
        if job_id is None:
            return
        if asked.key is not None:
            self.keyed[asked.tag] = job_id
        if self._observers >= MAX_OBSERVERS:
            return
        likely = 0.5 if asked.procedure in {"stream", "hang"} else 0.1
        for observe in (self._follow, self._page, self._wait):
            if self._chance.random() < likely:
                nursery.start_soon(self._observe, observe, job_id)
        if self._chance.random() < (0.5 if asked.procedure == "hang" else 0.08):
            nursery.start_soon(self._observe, self._cancel, job_id)

    # ── hearing ──
    async def _observe(self, observe: Any, job_id: str) -> None:
        self._observers += 1
        client = await self._connect()
        if client is not None:
            async with client:
                await observe(client, job_id)
        self._observers -= 1

    async def _follow(self, client: JsonLines, job_id: str) -> None:
        await client.send({"harpcaller": 1, "follow_stream": job_id, "since": 0})
        await self._hear_stream(client, job_id)

    async def _page(self, client: JsonLines, job_id: str) -> None:
        since = 0
        while True:
            ask = {"harpcaller": 1, "read_stream": job_id, "since": since}
            await client.send({**ask, "session": True})
            since, goes_on = await self._hear_stream(client, job_id, since)
            if not goes_on:
                return
            await trio.sleep(self._chance.uniform(0, 0.05))

    async def _hear_stream(
        self, client: JsonLines, job_id: str, since: int = 0
    ) -> tuple[int, bool]:
        """Take packets to the line that is none; return what follows, if more may."""
        while (reply := await client.receive()) is not None:
            if "packet" not in reply:
                if "continue" not in reply:
                    self._told.take_outcome(job_id, reply)
                return since, "continue" in reply
            if reply["packet"] != since:
                self._told.refuse(job_id, {"expected": since, **reply})
            self._told.take_packet(job_id, reply["packet"], reply["data"])
            since += 1
        return since, False

    async def _wait(self, client: JsonLines, job_id: str) -> None:
        reply = await client.ask({"harpcaller": 1, "get_result": job_id})
        if reply is not None:
            self._told.take_outcome(job_id, reply)

    async def _cancel(self, client: JsonLines, job_id: str) -> None:
        await trio.sleep(self._chance.uniform(0, 0.2))
        self._told.ask_cancel(job_id)
        request = {"harpcaller": 1, "cancel": job_id, "session": True}
        reply = await client.ask(request)
        if reply is None:
            return
        if reply == {"cancelled": True}:
            self._told.take_cancelled(job_id)
        elif reply != {"cancelled": False}:
            self._told.refuse(job_id, reply)
            return
        # Either way it has ended, and whoever asks hears how.
        ended = await client.ask({"harpcaller": 1, "get_result": job_id, "wait": False})
        if ended is not None:
            self._told.take_outcome(job_id, ended)

    async def _connect(self) -> JsonLines | None:
        """Return a new connection, by either way; None if the daemon is gone."""
        try:
            if self._chance.random() < 0.3:
                stream = await trio.open_tcp_stream("127.0.0.1", self._daemon.port)
            else:
                stream = await trio.open_unix_socket(str(self._daemon.call_socket))
        except OSError:
            return None
        return JsonLines(stream)

    def _upto(self, most: int) -> int:
        return self._chance.randint(1, most)


class Gone(Exception):
    """The daemon ended while it was asked."""


async def ask_all(
    daemon: DaemonProcess, requests: Sequence[dict[str, Any]]
) -> list[list[Reply]]:
    """Return all lines that answer each request, asked for on one connection.

    Raises:
        Gone: the daemon did not answer to the end.
    """
    try:
        stream = await trio.open_unix_socket(str(daemon.call_socket))
    except OSError as error:
        raise Gone from error
    answers: list[list[Reply]] = []
    async with JsonLines(stream) as client, trio.open_nursery() as nursery:
        asked = [{"harpcaller": 1, "session": True, **request} for request in requests]
        nursery.start_soon(client.send, *asked)
        while len(answers) < len(requests) and (lines := await _hear(client)):
            answers.append(lines)
        nursery.cancel_scope.cancel()
    if len(answers) < len(requests):
        raise Gone
    return answers


async def _hear(client: JsonLines) -> list[Reply]:
    """Return the lines of one answer; none if it is not complete."""
    lines: list[Reply] = []
    while (reply := await client.receive()) is not None:
        lines.append(reply)
        if "packet" not in reply:
            return lines
    return []
