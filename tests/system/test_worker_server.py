"""How `harpd` treats connections: TLS, users, lines, kept connections, a stop."""

from __future__ import annotations

import signal
import ssl
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import attrs
import pytest
import trio
from harp_peer import (
    a_call,
    a_harp_call,
    connect,
    open_stream,
    outcome_of,
    read_all,
)
from harpd_process import running_harpd
from tls_harpd import TlsHarpd, running_tls_harpd

from protocol.harp import HEARTBEAT, HEARTBEAT_S, HarpCall, request
from protocol.job import JobId
from protocol.jsontext import JsonText
from protocol.outcome import Failed, Returned

PROCEDURES = "from harpcaller.worker.local import *\n"
PONG = Returned(JsonText(b'"pong"'))


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsHarpd]:
    """Run one worker with TLS and one user for all tests that leave it alive."""
    directory = tmp_path_factory.mktemp("harpd")
    with running_tls_harpd(directory, PROCEDURES) as running:
        yield running


async def test_without_alpn_the_connection_is_closed_after_one_call(
    worker: TlsHarpd,
) -> None:
    """A dispatcher of the original waits for the close."""
    async with connect(worker.address, worker.plain) as stream:
        await stream.send_all(a_call("ping"))
        with trio.fail_after(1):
            said = await read_all(stream)

    assert said == b'{"harp":1,"stream_result":false}\n{"result":"pong"}\n'


async def test_with_alpn_the_connection_is_kept(worker: TlsHarpd) -> None:
    """The handshake is the dear part of a call."""
    async with connect(worker.address, worker.keeping) as stream:
        for number in range(3):
            outcome = await outcome_of(stream, a_call("echo", number))
            assert outcome == Returned(JsonText(b"%d" % number))


async def test_a_request_that_comes_early_is_served_in_its_turn(
    worker: TlsHarpd,
) -> None:
    """On a kept connection the next request may cross the last result."""
    async with connect(worker.address, worker.keeping) as stream:
        await stream.send_all(a_call("sleep", 0.1))
        await trio.sleep(0.05)
        await stream.send_all(HEARTBEAT + a_call("ping") + HEARTBEAT)
        said = b""
        with trio.fail_after(60):
            while said.count(b'"result"') < 2:
                said += await stream.receive_some(1000)

    assert said.endswith(b'{"result":"pong"}\n')


async def test_the_extension_may_name_job_and_fence(worker: TlsHarpd) -> None:
    """They are in the log, so that a call can be found from both ends."""
    job_id = JobId("3f1c3a52-0d6e-4ad2-9bd1-5a7a2f0b8d11")
    call = attrs.evolve(a_harp_call("ping"), job_id=job_id, fence=3)

    async with connect(worker.address, worker.keeping) as stream:
        assert await outcome_of(stream, request(call)) == PONG

    assert f'"job_id":"{job_id}"' in worker.harpd.log


async def test_a_claim_that_is_over_is_refused(worker: TlsHarpd) -> None:
    """A dispatcher that was frozen while another took over must run nothing twice."""
    job_id = JobId("3f1c3a52-0d6e-4ad2-9bd1-5a7a2f0b8d12")
    call = attrs.evolve(a_harp_call("ping"), job_id=job_id)
    async with connect(worker.address, worker.keeping) as stream:
        outcomes = [
            await outcome_of(stream, request(attrs.evolve(call, fence=fence)))
            for fence in (3, 2, 3, 4)
        ]

    refused = outcomes.pop(1)
    assert outcomes == [PONG] * 3
    assert isinstance(refused, Failed)
    assert refused.type == "fenced"


async def test_a_new_claim_ends_what_runs_by_the_old_one(worker: TlsHarpd) -> None:
    """Its dispatcher is as good as gone, and one job must not run twice at a time."""
    job_id = JobId("3f1c3a52-0d6e-4ad2-9bd1-5a7a2f0b8d13")
    old = attrs.evolve(a_harp_call("sleep", 600), job_id=job_id, fence=1)
    new = attrs.evolve(a_harp_call("ping"), job_id=job_id, fence=2)
    async with (
        connect(worker.address, worker.keeping) as first,
        connect(worker.address, worker.keeping) as second,
    ):
        await first.send_all(request(old))
        assert await first.receive_some(1000) == b'{"harp":1,"stream_result":false}\n'
        assert await outcome_of(second, request(new)) == PONG
        with trio.fail_after(60):
            said = await first.receive_some(1000)

    assert b'"Killed"' in said


def call_of(user: str, password: str) -> HarpCall:
    """Return a call of somebody."""
    return HarpCall(
        procedure="ping", arguments=JsonText(b"[]"), user=user, password=password
    )


@pytest.mark.parametrize(
    ("user", "password"),
    [("user", "wrong-canary"), ("nobody", "pass"), ("", ""), ("user", "päss")],
)
async def test_a_wrong_password_is_refused(
    worker: TlsHarpd, user: str, password: str
) -> None:
    """The word is the original's, and the log does not have the password."""
    async with connect(worker.address, worker.plain) as stream:
        outcome = await outcome_of(stream, request(call_of(user, password)))

    assert isinstance(outcome, Failed)
    assert outcome.type == "auth_error"
    assert "canary" not in worker.harpd.log


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (b"hello\n", "parse_error"),
        (b'{"harp":3}\n', "invalid_protocol"),
        (b'{"harp":1,"procedure":"ping"}\n', "invalid_request"),
        (b"x" * 5_000_000 + b"\n", "invalid_request"),
    ],
)
async def test_a_bad_request_is_answered(
    worker: TlsHarpd, line: bytes, word: str
) -> None:
    """Also a line that is still being sent when it is too long already."""
    said = b""
    async with (
        connect(worker.address, worker.plain) as stream,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(send_quietly, stream, line)
        said = await read_all(stream)
        nursery.cancel_scope.cancel()

    assert said.startswith(b'{"harp":1,"error":{"type":"%b"' % word.encode())


async def send_quietly(stream: trio.abc.Stream, data: bytes) -> None:
    """Send as much as the peer takes."""
    with suppress(trio.BrokenResourceError):
        await stream.send_all(data)


async def test_silent_and_babbling_peers_disturb_nobody(worker: TlsHarpd) -> None:
    """One silent TCP client blocked the original worker whole."""
    async with trio.open_nursery() as nursery:
        for greeting in (b"", b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01", b"\0" * 999):
            for _ in range(10):
                peer = await trio.open_tcp_stream(*worker.address)
                nursery.start_soon(hold, peer, greeting)
        with trio.fail_after(2):
            async with connect(worker.address, worker.plain) as stream:
                assert await outcome_of(stream, a_call("ping")) == PONG
        nursery.cancel_scope.cancel()


async def hold(stream: trio.SocketStream, greeting: bytes) -> None:
    """Greet, and keep the connection open."""
    async with stream:
        if greeting:
            await stream.send_all(greeting)
        await trio.sleep_forever()


async def test_old_tls_is_refused(worker: TlsHarpd) -> None:
    """TLS 1.1 is broken; every worker and dispatcher alive speaks 1.2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1

    async with connect(worker.address, context) as stream:
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(a_call("ping"))


async def test_a_unix_socket_speaks_the_extension_where_it_is_told_to(
    tmp_path: Path,
) -> None:
    """There is no ALPN there; and the file is its own user's alone."""
    with running_harpd(tmp_path, PROCEDURES, "--harp2") as harpd:
        assert harpd.path.stat().st_mode & 0o777 == 0o600
        async with connect(harpd.path) as stream:
            for _ in range(2):
                assert await outcome_of(stream, a_call("ping")) == PONG
            await stream.send_all(a_call("sleep", HEARTBEAT_S + 0.5))
            said = b""
            while not said.endswith(b'{"result":null}\n'):
                said += await stream.receive_some(1000)

    assert said.count(HEARTBEAT) == 1
    assert not harpd.path.exists()


async def test_connections_are_bounded(tmp_path: Path) -> None:
    """A flood is closed at the door, and descriptors are left for calls."""
    config = tmp_path / "harpd.toml"
    config.write_text("max_calls = 2\n")
    with running_harpd(tmp_path, PROCEDURES, "--config", str(config)) as harpd:
        async with AsyncExitStack() as stack:
            held = [
                await stack.enter_async_context(connect(harpd.path)) for _ in range(8)
            ]
            async with connect(harpd.path) as one_more:
                with trio.fail_after(1):
                    assert await one_more.receive_some(1) == b""
            assert await outcome_of(held[0], a_call("ping")) == PONG

        await trio.sleep(0.5)  # until harpd has noticed that they left
        async with connect(harpd.path) as stream:
            assert await outcome_of(stream, a_call("ping")) == PONG


async def test_calls_beyond_the_bound_wait(tmp_path: Path) -> None:
    """They run when others have ended; who leaves the line is forgotten."""
    config = tmp_path / "harpd.toml"
    config.write_text("max_calls = 1\n")
    with running_harpd(tmp_path, PROCEDURES, "--config", str(config)) as harpd:
        async with connect(harpd.path) as first, connect(harpd.path) as second:
            await first.send_all(a_call("sleep", 0.6))
            await trio.sleep(0.2)
            async with connect(harpd.path) as impatient:
                await impatient.send_all(a_call("sleep", 600))
                await trio.sleep(0.1)
            began_at = trio.current_time()
            assert await outcome_of(second, a_call("ping")) == PONG

    assert 0.1 < trio.current_time() - began_at < 5


async def test_a_stop_lets_calls_end(tmp_path: Path) -> None:
    """Nothing new is accepted, idle connections close, what runs has its grace."""
    with running_harpd(tmp_path, PROCEDURES, "--harp2") as harpd:
        async with connect(harpd.path) as idle, connect(harpd.path) as busy:
            assert await outcome_of(idle, a_call("ping")) == PONG
            await busy.send_all(a_call("sleep", 0.5))
            await trio.sleep(0.1)
            harpd.process.send_signal(signal.SIGTERM)

            with trio.fail_after(0.3):
                assert await idle.receive_some(1) == b""
            with pytest.raises(OSError):  # noqa: PT011 (refused, or no such file)
                await open_stream(harpd.path)
            said = await read_all(busy)

        assert said.endswith(b'{"result":null}\n')
        assert harpd.process.wait(5) == 0


async def test_a_second_signal_means_now(tmp_path: Path) -> None:
    """Who asks twice does not want to wait for a call."""
    with running_harpd(tmp_path, PROCEDURES) as harpd:
        async with connect(harpd.path) as busy:
            await busy.send_all(a_call("sleep", 600))
            await trio.sleep(0.2)
            harpd.process.send_signal(signal.SIGTERM)
            await trio.sleep(0.2)
            harpd.process.send_signal(signal.SIGINT)

            assert harpd.process.wait(5) == 0


async def test_the_end_of_input_stops_it_where_that_was_asked(tmp_path: Path) -> None:
    """So it never outlives the dispatcher that brought it along."""
    with running_harpd(tmp_path, PROCEDURES, "--stop-at-eof") as harpd:
        assert harpd.process.stdin is not None
        harpd.process.stdin.close()

        assert harpd.process.wait(5) == 0
