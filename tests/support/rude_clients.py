"""Clients that no server would wish for; each behaves badly until it is stopped."""

from __future__ import annotations

import random
import struct
from collections.abc import Awaitable, Callable
from socket import SO_LINGER, SOL_SOCKET
from typing import TypeAlias

import trio

LOOPBACK = "127.0.0.1"
PAUSE_S = 0.05
HELP = b"help\n" * 64
HALF = b'{"harpcaller":1,"host":"worker","proc'

Rude: TypeAlias = Callable[[trio.SocketStream, random.Random], Awaitable[None]]


async def be_rude(rude: Rude, port: int, seed: int) -> None:
    """Connect and be rude, again and again."""
    chance = random.Random(seed)  # noqa: S311 (no secret)
    while True:
        stream = await trio.open_tcp_stream(LOOPBACK, port)
        try:
            await rude(stream, chance)
        except trio.BrokenResourceError:
            pass  # that was rude enough
        finally:
            await trio.aclose_forcefully(stream)
        await trio.sleep(chance.uniform(0, PAUSE_S))


async def keep_silent(stream: trio.SocketStream, chance: random.Random) -> None:
    """Say nothing."""
    await trio.sleep(chance.uniform(0, 10))


async def stop_halfway(stream: trio.SocketStream, chance: random.Random) -> None:
    """Begin a line, and wait for whatever comes."""
    await stream.send_all(HALF[: chance.randrange(1, len(HALF))])
    await stream.receive_some()


async def drip(stream: trio.SocketStream, chance: random.Random) -> None:
    """Send a line byte by byte, for as long as it takes."""
    for byte in HALF * 10:
        await stream.send_all(bytes([byte]))
        await trio.sleep(chance.uniform(0, 2 * PAUSE_S))


async def send_garbage(stream: trio.SocketStream, chance: random.Random) -> None:
    """Send lines that are none, and read what they are answered."""
    await stream.send_all(chance.randbytes(20_000) + b"\n")
    await stream.receive_some()


async def never_end_a_line(stream: trio.SocketStream, chance: random.Random) -> None:
    """Send more than any line may hold."""
    for _ in range(40):
        await stream.send_all(b"x" * 2**16)


async def ask_and_reset(stream: trio.SocketStream, chance: random.Random) -> None:
    """Ask for much, and be gone in the middle of the reply."""
    await stream.send_all(HELP)
    await stream.receive_some(100)
    stream.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))


async def never_read(stream: trio.SocketStream, chance: random.Random) -> None:
    """Ask for more than the socket's buffers hold, and read nothing of it."""
    with trio.move_on_after(chance.uniform(0, 5)):
        for _ in range(200):
            await stream.send_all(HELP)
        await trio.sleep_forever()


async def leave_at_once(stream: trio.SocketStream, chance: random.Random) -> None:
    """Only look whether somebody is there, as load balancers do."""


async def end_at_once(stream: trio.SocketStream, chance: random.Random) -> None:
    """Half-close without a word."""
    await stream.send_eof()
    await stream.receive_some()


async def speak_tls(stream: trio.SocketStream, chance: random.Random) -> None:
    """Send what looks like the beginning of a handshake."""
    await stream.send_all(
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" + chance.randbytes(500)
    )
    await stream.receive_some()


KINDS: tuple[Rude, ...] = (
    keep_silent,
    stop_halfway,
    drip,
    send_garbage,
    never_end_a_line,
    ask_and_reset,
    never_read,
    leave_at_once,
    end_at_once,
    speak_tls,
)
