"""Calls carried out on workers over real TLS, and connections that never came."""

from __future__ import annotations

import json
import socket
from collections.abc import Generator
from pathlib import Path

import pytest
import trio
import trustme
from calling import (
    Notes,
    a_claim,
    a_host,
    a_runner,
    answer,
    code_of,
)
from fake_worker import (
    Wire,
    open_fake_worker,
    original_worker,
    server_context,
)

from harpcaller.addresses import TcpAddress, UnixAddress
from harpcaller.hosts.registry import Host, Registry
from harpcaller.runners.harp import HarpRunner
from harpcaller.runners.tls import WorkerTls
from protocol.call import Sealed
from protocol.errors import ErrorType
from protocol.jsontext import JsonText
from protocol.outcome import Failed, Raised, Returned


@pytest.fixture
def ca(tmp_path: Path) -> trustme.CA:
    """Return an authority whose certificate is in `ca.pem`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return authority


async def test_the_originals_worker_runs_calls(ca: trustme.CA, tmp_path: Path) -> None:
    """Its workers stay when the dispatcher is replaced: not a key more is sent."""

    def count(n: int) -> Generator[int, None, str]:
        yield from range(n)
        return "done"

    script = original_worker({"count": count, "divide": lambda a, b: a / b})
    tls = WorkerTls.load(ca_file=tmp_path / "ca.pem")
    async with (
        open_fake_worker(script, tls=server_context(ca)) as worker,
        a_runner(a_host(worker), tls) as runner,
    ):
        notes = Notes()

        streamed = await runner.carry_out(a_claim("w", "count", b"[3]"), notes.progress)
        raised = await runner.carry_out(
            a_claim("w", "divide", b'{"a":1,"b":0}'), Notes().progress
        )
        refused = await runner.carry_out(a_claim("w", "nothing"), Notes().progress)

    assert streamed == Returned(JsonText(b'"done"'))
    assert notes.packets == [b"0", b"1", b"2"]
    assert (notes.connections, notes.signs >= 3) == (1, True)
    assert raised == Raised(type="ZeroDivisionError", message="division by zero")
    assert isinstance(refused, Failed)
    assert refused.type == "no_such_procedure"


async def test_sealed_values_reach_the_worker_alone(
    ca: trustme.CA, tmp_path: Path
) -> None:
    """The store shows "***", the procedure needs the secret."""
    tls = WorkerTls.load(ca_file=tmp_path / "ca.pem")
    sealed = (Sealed(pointer="/0", value=JsonText(b'"canary"')),)
    async with (
        open_fake_worker(answer, tls=server_context(ca)) as worker,
        a_runner(a_host(worker), tls) as runner,
    ):
        await runner.carry_out(
            a_claim("w", arguments=b'["***"]', sealed=sealed), Notes().progress
        )

    assert json.loads(worker.requests[0]) == {
        "harp": 1,
        "procedure": "ping",
        "arguments": ["canary"],
        "auth": {"user": "user", "password": "pass"},
    }


async def test_an_unknown_host_is_an_outcome() -> None:
    """The call has its id by then; the client learns it there."""
    runner = HarpRunner(Registry(), WorkerTls.load())

    outcome = await runner.carry_out(a_claim("n" * 81), Notes().progress)

    assert isinstance(outcome, Failed)
    assert outcome.type == ErrorType.UNKNOWN_HOST
    assert outcome.message == f'no host of this name: "{"n" * 80}"'


async def test_a_refused_connection_is_a_network_error() -> None:
    """The worker is not running."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = TcpAddress("127.0.0.1", unused.getsockname()[1])
        host = Host(name="w", address=address)
        runner = HarpRunner(Registry([host]), WorkerTls.load())

        outcome = await runner.carry_out(a_claim("w"), Notes().progress)

    assert code_of(outcome) == ("network_error", "econnrefused")


@pytest.mark.parametrize("name", ["no-such-host.invalid", "a" * 64, "a..b", "\udcff"])
async def test_a_name_that_is_nowhere_is_a_network_error(name: str) -> None:
    """A typing mistake in the registry."""
    host = Host(name="w", address=TcpAddress(name, 4306))
    runner = HarpRunner(Registry([host]), WorkerTls.load())

    outcome = await runner.carry_out(a_claim("w"), Notes().progress)

    assert code_of(outcome) == ("network_error", "nxdomain")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("absent", ("os_error", "enoent")),
        ("refused", ("network_error", "econnrefused")),
        ("file", ("network_error", "econnrefused")),
    ],
)
async def test_a_unix_socket_that_is_not_served_is_told_without_its_path(
    tmp_path: Path, path: str, expected: tuple[str, str]
) -> None:
    """Clients need not know where things are on the dispatcher's machine."""
    (tmp_path / "file").touch()
    with socket.socket(socket.AF_UNIX) as unserved:
        unserved.bind(str(tmp_path / "refused"))
    host = Host(name="w", address=UnixAddress(str(tmp_path / path)))
    runner = HarpRunner(Registry([host]), WorkerTls.load())

    outcome = await runner.carry_out(a_claim("w"), Notes().progress)

    assert code_of(outcome) == expected
    assert str(tmp_path) not in repr(outcome)


async def test_packets_that_came_together_are_one_lot() -> None:
    """A burst costs one write to the store, however small the worker's pieces."""

    async def script(wire: Wire, line: bytes) -> None:
        await wire.send_all(b'{"harp":1,"stream_result":true}\n')
        for number in range(1000):
            await wire.send_all(b'{"stream":%d}\n' % number)
        await wire.send_all(b'{"result":null}\n')

    async with (
        open_fake_worker(script, tls=server_context(trustme.CA())) as worker,
        a_runner(a_host(worker)) as runner,
    ):
        notes = Notes(emit_s=0.02)

        await runner.carry_out(a_claim("w"), notes.progress)

    assert notes.packets == [b"%d" % number for number in range(1000)]
    assert len(notes.lots) < 100


async def test_a_slow_store_slows_the_worker() -> None:
    """Nothing gathers in between: the worker's own send waits."""
    sent = 0

    async def script(wire: Wire, line: bytes) -> None:
        nonlocal sent
        await wire.send_all(b'{"harp":1,"stream_result":true}\n')
        while True:
            await wire.send_all(b'{"stream":"%b"}\n' % (b"x" * 65536))
            sent += 1

    async with (
        open_fake_worker(script, tls=server_context(trustme.CA())) as worker,
        a_runner(a_host(worker)) as runner,
    ):
        with trio.move_on_after(1):
            await runner.carry_out(a_claim("w"), Notes(emit_s=600).progress)

    assert 0 < sent < 1000


async def test_a_long_line_passes(ca: trustme.CA, tmp_path: Path) -> None:
    """4 MiB is what both ends are told to allow."""
    text = b'"' + b"x" * (4 * 1024 * 1024 - 100) + b'"'

    async def script(wire: Wire, line: bytes) -> None:
        await wire.send_all(b'{"harp":1,"stream_result":false}\n{"result":%b}\n' % text)

    tls = WorkerTls.load(ca_file=tmp_path / "ca.pem")
    async with (
        open_fake_worker(script, tls=server_context(ca)) as worker,
        a_runner(a_host(worker), tls) as runner,
    ):
        outcome = await runner.carry_out(a_claim("w"), Notes().progress)

    assert outcome == Returned(JsonText(text))
