"""One daemon under load, ended in bad ways again and again, and held to its word."""

from __future__ import annotations

import os
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import trio
from busy_clients import BusyClients, Gone, ask_all
from daemon_process import DaemonProcess, NotReady
from logging_worker import BEGUN, CLOSED, Entry, LoggingWorker, read_entries
from starts import begun_jobs, crowds, double_starts, overtakings
from told import JobTold, Reply, Told

from harpcaller.store.sqlite import schema, upkeep
from indira.client import AdminClient

ROUND_S = 30.0  # no client may hang longer than that on a daemon that is gone
DRAIN_S = 120.0  # for all that waits, on a busy machine

Death: TypeAlias = Callable[["Torment"], Awaitable[None]]
"""Returns when the daemon is dead, by its doing or not."""


def campaign(full: int) -> int:
    """Return how often to do what is done `full` times in a whole campaign."""
    return max(1, round(full * float(os.environ.get("HARPCALLER_CAMPAIGN", "0.1"))))


def seed() -> int:
    """Return the seed of this run, from HARPCALLER_SEED or a new one, and print it."""
    value = int(
        os.environ.get("HARPCALLER_SEED", random.SystemRandom().getrandbits(32))
    )
    sys.stdout.write(f"HARPCALLER_SEED={value}\n")  # pytest shows it with a failure
    return value


@attrs.define
class Torment:
    """Rounds of load and death on one state directory."""

    daemon: DaemonProcess
    worker: LoggingWorker
    chance: random.Random
    told: Told = attrs.field(factory=Told)
    struck: int = 0
    """How often what the daemon was started by ended it, and nobody else."""
    _deaths: int = 0  # since all was checked
    _entries: list[Entry] = attrs.field(factory=list)
    _log_offset: int = 0
    _lost: list[tuple[float, str]] = attrs.field(factory=list)  # when, tag
    _open: set[str] = attrs.field(
        factory=set
    )  # jobs that have not ended, for all we know
    _asked_about: set[str] = attrs.field(factory=set)

    async def survive(self, death: Death, below_next: Sequence[str] = ()) -> None:
        """Let the daemon die under load, start it again, and hold it to its word.

        `below_next` is the command that the next daemon is started by.
        """
        self.told.may_lose = False
        clients = BusyClients(self.daemon, self.told, self.chance)
        with trio.fail_after(ROUND_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(clients.run)
                await death(self)
        died_at = time.monotonic()
        self.told.may_lose = True
        self._deaths = 1
        self._start(below_next)
        await self._check(clients.keyed, died_at)

    def terminate(self) -> None:
        """Ask the daemon to stop: from now on running jobs may be lost."""
        self.told.may_lose = True
        self.daemon.terminate()

    async def outlive(self) -> None:
        """Wait until all jobs have ended, and check everything once more."""
        with trio.fail_after(DRAIN_S):
            waiting = [{"get_result": job_id} for job_id in sorted(self._open)]
            await ask_all(self.daemon, waiting)
        self._asked_about.clear()
        await self._check_jobs(time.monotonic())
        self._check_starts()
        self._check_runs()
        with AdminClient(self.daemon.admin_socket, timeout_s=60) as admin:
            assert admin.send("list_queues")["queues"] == []
        self._assert_unbroken()
        self.daemon.kill()
        assert faults(self.daemon.state_dir) == []
        self._tell_figures()

    def _tell_figures(self) -> None:
        """Say how much there was to keep."""
        jobs = self.told.jobs.values()
        ends = Counter(_kind(job.outcome) for job in jobs)
        packets = sum(len(job.packets) for job in jobs)
        begun = sum(entry.event == BEGUN for entry in self._entries)
        told = f"{len(jobs)} jobs, {packets} packets, {begun} starts, {dict(ends)}"
        sys.stdout.write(f"{told}, {self.struck} ends from below\n")

    async def _check(self, keyed: dict[str, str | None], died_at: float) -> None:
        """Hold the daemon to its word; if it dies meanwhile, the next one."""
        try:
            await self._ask_again(keyed)
            await self._check_jobs(died_at)
        except Gone:
            if not self.daemon.below:
                raise
            self.daemon.wait()
            self._deaths += 1
            self.struck += 1
            self._start(())
            await self._check(keyed, died_at)
            return
        self._check_starts()
        self._assert_unbroken()

    def _start(self, below: Sequence[str]) -> None:
        self.daemon.below = below
        try:
            self.daemon.start()
        except NotReady:
            if not below or self.daemon.is_alive:
                raise
            self._deaths += 1
            self.struck += 1
            self.daemon.below = ()  # it died while it recovered
            self.daemon.start()

    async def _ask_again(self, keyed: dict[str, str | None]) -> None:
        asked = [self.told.asked[tag] for tag in keyed]
        answers = await ask_all(self.daemon, [one.request() for one in asked])
        for one, [reply] in zip(asked, answers, strict=True):
            keyed[one.tag] = self.told.accept_again(one, keyed[one.tag], reply)

    async def _check_jobs(self, died_at: float) -> None:
        """Ask for all that may have changed since it was asked for last."""
        self._read_worker_log()
        jobs = self.told.jobs
        for job_id, tag in begun_jobs(self._entries).items():
            if job_id not in jobs:  # nobody heard of it, and yet it is durable
                jobs[job_id] = JobTold(self.told.asked[tag])
        new = jobs.keys() - self._asked_about
        lost_before = {job_id for job_id in jobs if jobs[job_id].is_lost}
        ids = sorted(self._open | new)
        for ask, take in (
            ("get_status", self._take_status),
            ("read_stream", self._take_log),
            ("get_result", self._take_result),
        ):
            more: dict[str, Any] = {"wait": False} if ask == "get_result" else {}
            answers = await ask_all(self.daemon, [{ask: i, **more} for i in ids])
            for job_id, lines in zip(ids, answers, strict=True):
                take(job_id, lines)
        self._asked_about |= new
        self._open = {job_id for job_id in ids if jobs[job_id].outcome is None}
        lost = [i for i in ids if jobs[i].is_lost and i not in lost_before]
        self._check_lost([jobs[job_id] for job_id in lost], died_at)
        self._check_interrupted(died_at)

    def _take_status(self, job_id: str, lines: list[dict[str, Any]]) -> None:
        if "call" in lines[0]:
            self.told.take_status(job_id, lines[0])
        else:
            self.told.refuse(job_id, lines[0])

    def _take_log(self, job_id: str, lines: list[dict[str, Any]]) -> None:
        *packets, last = lines
        for packet in packets:
            self.told.take_packet(job_id, packet["packet"], packet["data"])
        if last != {"continue": True}:
            self.told.take_outcome(job_id, last)
        numbers = [packet["packet"] for packet in packets]
        self.told.take_whole_log(job_id, numbers, last != {"continue": True})

    def _take_result(self, job_id: str, lines: list[dict[str, Any]]) -> None:
        if lines != [{"no_result": True}]:
            self.told.take_outcome(job_id, lines[0])
        elif self.told.jobs[job_id].outcome is not None:
            self.told.refuse(job_id, lines[0])

    def _check_lost(self, lost: Iterable[JobTold], died_at: float) -> None:
        """Check that no job was lost that waited in a queue."""
        queues: Counter[str] = Counter()
        for job in lost:
            if self._deaths == 1:  # else nobody knows when it was started
                self._lost.append((died_at, job.asked.tag))
            queue = job.asked.queue
            if queue is not None:
                queues[queue] += 1
                if queues[queue] > job.asked.concurrency * self._deaths:
                    self.told.broken.append(f"{queue}: lost more jobs than could run")

    def _check_interrupted(self, died_at: float) -> None:
        """Check that what ran when the daemon died was not taken for something else."""
        last = {
            entry.job_id: entry for entry in self._entries if entry.at < died_at + 0.2
        }
        for job_id, entry in last.items():
            job = self.told.jobs[job_id]
            may_start_again = entry.fence <= job.asked.retries
            if entry.event == CLOSED and not may_start_again and job.outcome is None:
                self.told.broken.append(f"{job_id}: was interrupted, and goes on")

    def _check_starts(self) -> None:
        self._read_worker_log()
        asked = self.told.asked
        self.told.broken += double_starts(self._entries, asked)
        self.told.broken += overtakings(self._entries, asked, self._lost)
        self.told.broken += crowds(self._entries, asked)

    def _check_runs(self) -> None:
        """Check that all that ended was begun, or never had to be."""
        begun = begun_jobs(self._entries)
        for job_id, job in self.told.jobs.items():
            outcome = job.outcome or {}
            never_began = job.is_lost or "cancelled" in outcome
            if job_id not in begun and not never_began:
                self.told.broken.append(f"{job_id}: ended with {outcome}, never begun")

    def _read_worker_log(self) -> None:
        entries, self._log_offset = read_entries(self.worker.log, self._log_offset)
        self._entries += entries

    def _assert_unbroken(self) -> None:
        assert not self.told.broken, "\n".join(self.told.broken[:20])


def _kind(outcome: Reply | None) -> str:
    if outcome is None:
        return "none"
    return str(outcome.get("error", {}).get("type") or next(iter(outcome)))


def faults(state_dir: Path) -> list[Any]:
    """Return the damage of a store that nobody has open."""
    db = schema.open_reader(state_dir)
    try:
        return upkeep.check(db)
    finally:
        db.close()
