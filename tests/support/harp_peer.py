"""A dispatcher's end of the worker conversation, for tests that are one."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from protocol.harp import CallerConversation, Ended, Event, HarpCall, Packets, request
from protocol.jsontext import decode, encode
from protocol.outcome import Outcome

WORDS = ("user", "pass")


def a_call(procedure: str, *args: Any, **kwargs: Any) -> bytes:
    """Return the request for one call."""
    return request(a_harp_call(procedure, *args, **kwargs))


def a_harp_call(procedure: str, *args: Any, **kwargs: Any) -> HarpCall:
    """Return one call with positional or named arguments."""
    user, password = WORDS
    return HarpCall(
        procedure=procedure,
        arguments=encode(kwargs or list(args)),
        user=user,
        password=password,
    )


@asynccontextmanager
async def connect(
    address: tuple[str, int] | Path, tls: ssl.SSLContext | None = None
) -> AsyncIterator[trio.abc.Stream]:
    """Connect as a dispatcher would, until the block ends."""
    stream = await open_stream(address, tls)
    try:
        yield stream
    finally:
        await trio.aclose_forcefully(stream)


async def open_stream(
    address: tuple[str, int] | Path, tls: ssl.SSLContext | None = None
) -> trio.abc.Stream:
    """Return a connection."""
    if isinstance(address, Path):
        return await trio.open_unix_socket(address)
    stream = await trio.open_tcp_stream(*address)
    if tls is None:
        return stream
    return trio.SSLStream(
        stream, tls, server_hostname="localhost", https_compatible=True
    )


async def converse(
    stream: trio.abc.Stream, line: bytes, *, has_heartbeats: bool = False
) -> list[Event]:
    """Send `line`; return all events up to the end."""
    conversation = CallerConversation(has_heartbeats=has_heartbeats)
    events: list[Event] = []
    await stream.send_all(line)
    while not conversation.is_ended:
        data = bytes(await stream.receive_some(65536))
        events += conversation.receive(data) if data else conversation.receive_eof()
    return events


async def outcome_of(stream: trio.abc.Stream, line: bytes) -> Outcome:
    """Send `line`; return how the call ended."""
    last = (await converse(stream, line))[-1]
    assert isinstance(last, Ended)
    return last.outcome


async def read_all(stream: trio.abc.Stream) -> bytes:
    """Return what comes until the peer closes."""
    data = b""
    while more := await stream.receive_some(65536):
        data += more
    return data


def packets_of(events: list[Event]) -> list[Any]:
    """Return the values that were streamed."""
    lots = [event.texts for event in events if isinstance(event, Packets)]
    return [decode(text) for lot in lots for text in lot]
