"""The fakes that stand for other people's workers."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme
from fake_worker import (
    Wire,
    client_context,
    open_fake_worker,
    original_worker,
    says,
    server_context,
)
from harp_peer import a_call, connect, converse

from protocol.harp import Acknowledged, Ended, Packets
from protocol.jsontext import JsonText
from protocol.outcome import Failed, Raised, Returned


def count(n: int) -> Generator[int, None, int]:
    """Stream n numbers."""
    yield from range(n)
    return n


def divide(a: int, b: int) -> float:
    """Return a fraction, if there is one."""
    return a / b


@pytest.mark.parametrize(
    ("line", "ending"),
    [
        (a_call("count", 2), Returned(JsonText(b"2"))),
        (
            a_call("divide", a=1, b=0),
            Raised(type="ZeroDivisionError", message="division by zero"),
        ),
        (
            a_call("nothing"),
            Failed(
                type="no_such_procedure",
                message="refused: no_such_procedure",
                data=JsonText(b'{"from":"worker"}'),
            ),
        ),
    ],
)
async def test_the_fake_of_the_original_ends_each_call(
    line: bytes, ending: Any
) -> None:
    """It must be a worker that a correct dispatcher can work with."""
    ca = trustme.CA()
    script = original_worker({"count": count, "divide": divide})

    async with (
        open_fake_worker(script, tls=server_context(ca)) as worker,
        connect(worker.address, client_context(ca, alpn=("harp/2",))) as stream,
    ):
        events = await converse(stream, line)
        at_end = await stream.receive_some(1)

    assert events[-1] == Ended(ending)
    assert at_end == b""
    assert worker.requests == [line[:-1]]


@pytest.mark.parametrize("field", ["job_id", "fence", "more"])
async def test_the_fake_of_the_original_refuses_other_keys(field: str) -> None:
    """Our extension must never reach a worker that did not agree to it."""
    fields = json.loads(a_call("divide", 1, 1))
    script = original_worker({"divide": divide})

    line = json.dumps({**fields, field: 1}).encode() + b"\n"
    async with open_fake_worker(script) as worker, connect(worker.address) as stream:
        events = await converse(stream, line)

    assert isinstance(events[0], Ended)
    assert isinstance(events[0].outcome, Failed)


async def test_a_script_says_what_it_likes_on_a_unix_socket(tmp_path: Path) -> None:
    """Lies are told byte by byte."""
    said = b'{"harp":1,"stream_result":true}\n{"stream":1}\n{"result":2}\n'
    script = says(*(said[i : i + 7] for i in range(0, len(said), 7)), gap_s=0.001)

    path = tmp_path / "worker"
    async with (
        open_fake_worker(script, path=path) as worker,
        connect(worker.address) as stream,
    ):
        events = await converse(stream, a_call("x"))

    assert events == [
        Acknowledged(True),
        Packets((JsonText(b"1"),)),
        Ended(Returned(JsonText(b"2"))),
    ]


async def test_a_script_may_reset_the_connection() -> None:
    """A reset is not a close, and must be told apart from it."""

    async def script(wire: Wire, line: bytes) -> None:
        assert line
        await wire.reset()

    async with open_fake_worker(script) as worker, connect(worker.address) as stream:
        await stream.send_all(a_call("x"))
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some(1)


async def test_a_script_may_serve_call_after_call() -> None:
    """A worker that agreed on the extension keeps the connection."""
    ca = trustme.CA()

    async def script(wire: Wire, line: bytes) -> None:
        assert wire.alpn == "harp/2"
        while line:
            await wire.send_all(b'{"harp":1,"stream_result":false}\n{"result":1}\n')
            line = await wire.receive_line()

    context = server_context(ca, alpn=("harp/2",))
    async with (
        open_fake_worker(script, tls=context) as worker,
        connect(worker.address, client_context(ca, alpn=("harp/2",))) as stream,
    ):
        for _ in range(2):
            events = await converse(stream, a_call("x"))
            assert events[-1] == Ended(Returned(JsonText(b"1")))

    assert worker.connections == 1
