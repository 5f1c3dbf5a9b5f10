"""Connections that both ends agreed to keep: used again, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest
import trio
import trustme
from calling import (
    ANSWER,
    JOB_ID,
    ONE,
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
    server_context,
)

from harpcaller.hosts.registry import Registry
from protocol.harp import HEARTBEAT


async def test_a_kept_connection_serves_call_after_call() -> None:
    """A handshake costs more than most calls."""
    context = server_context(trustme.CA(), alpn=("harp/2",))
    async with (
        open_fake_worker(answer, tls=context) as worker,
        a_runner(a_host(worker)) as runner,
    ):
        for _ in range(3):
            assert await runner.carry_out(a_claim("w"), Notes().progress) == ONE

    assert worker.connections == 1


async def test_job_and_fence_are_told_where_agreed(tmp_path: Path) -> None:
    """A worker can then tell an orphaned call from its successor."""
    async with (
        open_fake_worker(answer, path=tmp_path / "worker") as worker,
        a_runner(a_host(worker)) as runner,
    ):
        for _ in range(2):
            assert await runner.carry_out(a_claim("w"), Notes().progress) == ONE

    fields = json.loads(worker.requests[0])
    assert (fields["job_id"], fields["fence"]) == (JOB_ID, 7)
    assert worker.connections == 1


async def test_other_credentials_have_connections_of_their_own() -> None:
    """What a connection was opened for it stays for."""
    context = server_context(trustme.CA(), alpn=("harp/2",))
    registry = Registry()
    async with (
        open_fake_worker(answer, tls=context) as worker,
        a_runner(registry) as runner,
    ):
        for user in ("one", "two", "one"):
            registry.configure([attrs.evolve(a_host(worker), user=user)])
            assert await runner.carry_out(a_claim("w"), Notes().progress) == ONE

    assert worker.connections == 2


@pytest.mark.parametrize("last", [b"", b"late", b'{"result":2}\n'])
async def test_an_idle_connection_where_something_came_is_replaced(
    last: bytes,
) -> None:
    """It ended, or the worker lied: the next call must not find out."""
    done = trio.Event()

    async def script(wire: Wire, line: bytes) -> None:
        await wire.send_all(ANSWER)
        if last:
            await trio.sleep(0.05)  # else it comes with the answer
            await wire.send_all(last)
        else:
            await trio.aclose_forcefully(wire.transport)
        done.set()
        if last:
            await wire.wait_closed()

    context = server_context(trustme.CA(), alpn=("harp/2",))
    async with (
        open_fake_worker(script, tls=context) as worker,
        a_runner(a_host(worker)) as runner,
    ):
        assert await runner.carry_out(a_claim("w"), Notes().progress) == ONE
        await done.wait()
        assert await runner.carry_out(a_claim("w"), Notes().progress) == ONE

    assert worker.connections == 2


@pytest.mark.parametrize("more", [b'{"result":2}\n', b"{", b"\n", HEARTBEAT])
async def test_what_follows_the_end_spoils_the_connection_only(more: bytes) -> None:
    """The outcome stands; another call must not get the rest as its own."""

    async def script(wire: Wire, line: bytes) -> None:
        await wire.send_all(ANSWER + more)
        await wire.wait_closed()

    context = server_context(trustme.CA(), alpn=("harp/2",))
    async with (
        open_fake_worker(script, tls=context) as worker,
        a_runner(a_host(worker)) as runner,
    ):
        for _ in range(2):
            assert await runner.carry_out(a_claim("w"), Notes().progress) == ONE

    assert worker.connections == 2


@pytest.mark.parametrize("length", [1, 4])
async def test_a_piece_of_a_record_spoils_the_connection(length: int) -> None:
    """What cannot be decrypted yet is something that came, all the same."""

    async def script(wire: Wire, line: bytes) -> None:
        await wire.send_all(ANSWER)
        await wire.transport.send_all(b"\x17\x03\x03\x00"[:length])
        sent.set()
        await wire.wait_closed()

    sent = trio.Event()
    context = server_context(trustme.CA(), alpn=("harp/2",))
    async with (
        open_fake_worker(script, tls=context) as worker,
        a_runner(a_host(worker)) as runner,
    ):
        for _ in range(2):
            assert await runner.carry_out(a_claim("w"), Notes().progress) == ONE
            await sent.wait()

    assert worker.connections == 2


async def test_a_request_is_never_sent_twice() -> None:
    """A worker that closed after it was asked may have begun the call."""

    async def script(wire: Wire, line: bytes) -> None:
        await wire.send_all(ANSWER)
        await wire.receive_line()
        begun.append(True)

    begun: list[bool] = []
    context = server_context(trustme.CA(), alpn=("harp/2",))
    async with (
        open_fake_worker(script, tls=context) as worker,
        a_runner(a_host(worker)) as runner,
    ):
        first = await runner.carry_out(a_claim("w"), Notes().progress)
        second = await runner.carry_out(a_claim("w"), Notes().progress)

    assert first == ONE
    assert code_of(second) == ("network_error", "closed")
    assert (worker.connections, begun) == (1, [True])


@pytest.mark.parametrize("moment", ["handshake", "acknowledgement", "stream"])
async def test_a_cancelled_call_closes_its_connection(moment: str) -> None:
    """That is how the worker learns of it; and nobody else may use it."""
    reached = trio.Event()
    closed = trio.Event()

    async def script(wire: Wire, line: bytes) -> None:
        if moment == "stream":
            await wire.send_all(b'{"harp":1,"stream_result":true}\n{"stream":1}\n')
            await trio.sleep(0.05)
        reached.set()
        await wire.wait_closed()
        closed.set()

    context = server_context(trustme.CA(), alpn=("harp/2",))
    is_silent = moment == "handshake"
    async with (
        open_fake_worker(
            script,
            tls=context,
            handshakes=not is_silent,
            reads_request=not is_silent,
        ) as worker,
        a_runner(a_host(worker)) as runner,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(runner.carry_out, a_claim("w"), Notes().progress)
        await reached.wait()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True), trio.fail_after(20):
            await closed.wait()

    assert worker.connections == 1
