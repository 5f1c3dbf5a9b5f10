"""Where the dispatcher listens, and who may come in."""

from __future__ import annotations

import errno
import socket
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from eventually import eventually
from own_address import own_address

from harpcaller.addresses import (
    Address,
    ListenAddress,
    TcpAddress,
    TlsAddress,
    UnixAddress,
)
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.dispatch.limits import Limits
from harpcaller.front.conversation import Bounds
from harpcaller.front.listen import Caps, Front
from harpcaller.front.session import Terms
from harpcaller.front.sockets import Listening, open_listeners
from harpcaller.runners import Progress
from harpcaller.store import Claim
from harpcaller.store.memory import MemoryStore
from indira.unixsocket import SocketTaken
from protocol.jsontext import NULL
from protocol.outcome import Outcome, Returned
from protocol.replies import HelloLimits

HELLO = b'{"harpcaller":1,"hello":true}\n'
TERMS = Terms(
    bounds=Bounds(),
    hello=HelloLimits(
        max_line_bytes=2**20,
        max_depth=128,
        max_pending=64,
        timeout_s=600,
        max_exec_s=86400,
    ),
)


class NoRunner:
    """Returns null at once: these tests make no calls."""

    async def carry_out(self, claim: Claim, progress: Progress) -> Outcome:
        return Returned(NULL)


@asynccontextmanager
async def serving(
    addresses: Sequence[Address], max_connections: int = 100, max_per_peer: int = 256
) -> AsyncIterator[tuple[list[Listening], Front]]:
    """Serve on all of `addresses` while the block runs."""
    listenings = await open_listeners(addresses)
    async with trio.open_nursery() as nursery:
        store = MemoryStore(clock=lambda: 0.0)
        await store.open("test", 10, 10)
        dispatcher = Dispatcher(store, NoRunner(), Limits(), nursery, lambda: 0.0)
        caps = Caps(max_connections=max_connections, max_per_peer=max_per_peer)
        front = Front(dispatcher, TERMS, caps)
        nursery.start_soon(front.serve, listenings, nursery)
        nursery.start_soon(front.keep_time)
        yield listenings, front
        nursery.cancel_scope.cancel()
    for listening in listenings:
        listening.close()


async def ask(address: ListenAddress) -> bytes:
    """Say hello and return the answer."""
    async with await connect(address) as stream:
        await stream.send_all(HELLO)
        return await stream.receive_some()


def count_open_files() -> int:
    """Return how many descriptors this process holds."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def connect(address: ListenAddress) -> trio.SocketStream:
    """Return a new connection in clear."""
    assert not isinstance(address, TlsAddress)
    if isinstance(address, UnixAddress):
        return await trio.open_unix_socket(address.path)
    return await trio.open_tcp_stream(address.host, address.port)


async def test_many_listeners_serve_at_once(tmp_path: Path) -> None:
    """One daemon has a port for the network and a socket for the machine."""
    addresses = (
        TcpAddress("127.0.0.1", 0),
        TcpAddress("::1", 0),
        UnixAddress(str(tmp_path / "calls")),
    )

    async with serving(addresses) as (listenings, _):
        answers = [await ask(listening.address) for listening in listenings]

    assert len(answers) == 3
    assert all(b'"harpcaller":1' in answer for answer in answers)


async def test_a_star_means_every_interface_at_one_port() -> None:
    """`"*:3502"` is how the original spelled it; IPv6 comes along."""
    async with serving([TcpAddress("*", 0)]) as (listenings, _):
        ports = {port_of(listening) for listening in listenings}
        [port] = ports
        assert port
        for host in ("127.0.0.1", "::1"):
            assert b'"harpcaller":1' in await ask(TcpAddress(host, port))


def port_of(listening: Listening) -> int:
    """Return the real port."""
    assert isinstance(listening.address, TcpAddress)
    return listening.address.port


async def test_a_unix_socket_is_for_owner_and_group(tmp_path: Path) -> None:
    """Others on the machine are not asked who they are, so they may not come in."""
    path = tmp_path / "calls"
    async with serving([UnixAddress(str(path))]):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert not path.exists()


async def test_a_dead_daemons_socket_is_replaced(tmp_path: Path) -> None:
    """After kill -9 the file is still there; the next start must not fail on it."""
    path = tmp_path / "calls"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async with serving([UnixAddress(str(path))]):
        assert b'"harpcaller":1' in await ask(UnixAddress(str(path)))


async def test_a_living_daemons_socket_is_left_alone(tmp_path: Path) -> None:
    """Two daemons must not take turns on one path; nothing else stays open."""
    path = tmp_path / "calls"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        before = count_open_files()

        with pytest.raises(SocketTaken):
            await open_listeners([TcpAddress("127.0.0.1", 0), UnixAddress(str(path))])

        assert count_open_files() == before
        assert path.exists()


async def test_an_address_in_use_is_named() -> None:
    """The operator has to see which of several addresses it was."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(OSError, match=f"127.0.0.1:{port}") as caught:
            await open_listeners([TcpAddress("127.0.0.1", port)])

    assert caught.value.errno == errno.EADDRINUSE


async def test_one_client_too_many_is_told_so() -> None:
    """The cap keeps descriptors for the store; who meets it learns why."""
    async with serving([TcpAddress("127.0.0.1", 0)], max_connections=2) as (
        [listening],
        front,
    ):
        async with (
            await connect(listening.address) as first,
            await connect(listening.address) as second,
        ):
            for stream in (first, second):
                await stream.send_all(HELLO)
                await stream.receive_some()
            async with await connect(listening.address) as third:
                answer = await third.receive_some()
                assert b'"type":"overloaded"' in answer
                assert await third.receive_some() == b""
        await eventually(lambda: len(front.clients) < 2)
        assert b'"harpcaller":1' in await ask(listening.address)


async def test_one_address_may_not_take_every_place() -> None:
    """A single machine gone wild must not shut out all others; ours is exempt."""
    async with serving([TcpAddress("0.0.0.0", 0)], max_per_peer=2) as (  # noqa: S104
        [listening],
        front,
    ):
        assert isinstance(listening.address, TcpAddress)
        port = listening.address.port
        remote, local = TcpAddress(own_address(), port), TcpAddress("127.0.0.1", port)
        async with await connect(remote) as first, await connect(remote) as second:
            for stream in (first, second):
                await stream.send_all(HELLO)
                await stream.receive_some()

            async with await connect(remote) as third:
                answer = await third.receive_some()
                assert b'"type":"overloaded"' in answer
                assert b"from your address" in answer
                assert await third.receive_some() == b""
            assert b'"harpcaller":1' in await ask(local)

        await eventually(lambda: len(front.clients) < 2)
        assert b'"harpcaller":1' in await ask(remote)
