"""Calls for a runner, workers that answer them, and notes of what it told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio
from fake_worker import FakeWorker, Wire

from harpcaller.addresses import Address, TcpAddress, UnixAddress
from harpcaller.hosts.registry import Host, Registry
from harpcaller.runners import Progress
from harpcaller.runners.harp import HarpRunner
from harpcaller.runners.tls import WorkerTls
from harpcaller.store import Claim
from protocol.call import Sealed
from protocol.job import JobId, JobRecord, State
from protocol.jsontext import JsonText, decode
from protocol.outcome import Failed, Outcome, Returned

ANSWER = b'{"harp":1,"stream_result":false}\n{"result":1}\n'
ONE = Returned(JsonText(b"1"))
JOB_ID = JobId("01890000-0000-7000-8000-000000000001")


def a_claim(
    host: str,
    procedure: str = "ping",
    arguments: bytes = b"[]",
    sealed: tuple[Sealed, ...] = (),
) -> Claim:
    """Return the right to run one call now."""
    record = JobRecord(
        job_id=JOB_ID,
        state=State.RUNNING,
        host=host,
        procedure=procedure,
        arguments=JsonText(arguments),
        timeout_s=600,
        max_exec_s=600,
        submitted_at=0,
    )
    return Claim(record=record, fence=7, sealed=sealed)


def a_host(worker: FakeWorker, server_name: str | None = None) -> Host:
    """Return the host `w`, which is that worker; on Unix sockets it speaks harp/2."""
    address: Address
    if isinstance(worker.address, tuple):
        address = TcpAddress(*worker.address)
    else:
        address = UnixAddress(str(worker.address))
    return Host(
        name="w",
        address=address,
        user="user",
        password="pass",  # noqa: S106 (the fake's)
        harp2=isinstance(address, UnixAddress),
        server_name=server_name,
    )


@asynccontextmanager
async def a_runner(
    hosts: Registry | Host, tls: WorkerTls | None = None
) -> AsyncIterator[HarpRunner]:
    """Look after the connections of a runner until the block ends."""
    registry = Registry([hosts]) if isinstance(hosts, Host) else hosts
    runner = HarpRunner(registry, tls or WorkerTls.load())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(runner.run)
        yield runner
        nursery.cancel_scope.cancel()


async def answer(wire: Wire, line: bytes) -> None:
    """Answer each call of a connection; a script for a worker."""
    while line:
        await wire.send_all(ANSWER)
        line = await wire.receive_line()


def code_of(outcome: Outcome) -> tuple[str, object]:
    """Return the type of a failure and its code."""
    assert isinstance(outcome, Failed)
    assert outcome.data is not None
    data = decode(outcome.data)
    assert isinstance(data, dict)
    return outcome.type, data["code"]


class Notes:
    """What a runner told: packets in their lots, and how often it heard something."""

    def __init__(self, emit_s: float = 0) -> None:
        self.lots: list[tuple[JsonText, ...]] = []
        self.connections = 0
        self.signs = 0
        self._emit_s = emit_s
        self.progress = Progress(
            emit=self._emit,
            kept=trio.lowlevel.checkpoint,
            connected=self._connected,
            heard=self._heard,
            cancel_asked=trio.Event(),
        )

    @property
    def packets(self) -> list[JsonText]:
        """All packets, in order."""
        return [text for lot in self.lots for text in lot]

    async def _emit(self, texts: Sequence[JsonText]) -> None:
        self.lots.append(tuple(texts))
        await trio.sleep(self._emit_s)

    def _connected(self) -> None:
        self.connections += 1

    def _heard(self) -> None:
        self.signs += 1
