"""Lies below the conversation: bad handshakes, broken records; one outcome each."""

from __future__ import annotations

import pytest
import trio
import trustme
from calling import a_host, a_runner
from dispatching import a_dispatcher, run_to_end
from fake_worker import Script, Wire, open_fake_worker, says, server_context
from lies import (
    CLOSED,
    NO,
    ONE,
    RESET,
    RESULT,
    SSL,
    TIMEDOUT,
    YES,
    Expected,
    a_call,
    told,
)


async def shake_with_nobody(wire: Wire, line: bytes) -> None:
    """Say nothing where a handshake is due."""
    await wire.wait_closed()


async def speak_plainly(wire: Wire, line: bytes) -> None:
    """Speak in clear where a handshake is due."""
    await wire.send_all(YES)
    await wire.wait_closed()


async def shake_half(wire: Wire, line: bytes) -> None:
    """Send the header of a TLS record and no more of it."""
    await wire.send_all(b"\x16\x03\x03\x40\x00" + b"x" * 100)


async def alert(wire: Wire, line: bytes) -> None:
    """Send a fatal alert: handshake_failure."""
    await wire.send_all(b"\x15\x03\x03\x00\x02\x02\x28")


async def leave(wire: Wire, line: bytes) -> None:
    """Close at once."""


async def reset_at_once(wire: Wire, line: bytes) -> None:
    """Break off."""
    await wire.reset()


HANDSHAKES: dict[str, tuple[Script, Expected]] = {
    "is silent": (shake_with_nobody, TIMEDOUT),
    "speaks in clear": (speak_plainly, SSL),
    "stops half way": (shake_half, CLOSED),
    "sends an alert": (alert, SSL),
    "closes": (leave, CLOSED),
    "resets": (reset_at_once, RESET),
}


@pytest.mark.parametrize("deed", HANDSHAKES)
async def test_a_bad_handshake_has_one_outcome(deed: str) -> None:
    """Nothing has been said yet, so nothing can have been begun."""
    script, expected = HANDSHAKES[deed]
    async with open_fake_worker(script, reads_request=False) as worker:
        host = a_host(worker)
        async with a_runner(host) as runner, a_dispatcher(runner) as dispatcher:
            ending = await run_to_end(dispatcher, a_call(expected))

    assert told(ending.outcome) == expected


async def reset_when_acknowledged(wire: Wire, line: bytes) -> None:
    """Break off in the middle."""
    await wire.send_all(YES)
    await trio.sleep(0.05)
    await wire.reset()


async def garble(wire: Wire, line: bytes) -> None:
    """Speak in clear after the handshake."""
    await wire.send_all(YES)
    await wire.transport.send_all(b"garbage that is no record")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (reset_at_once, RESET),
        (reset_when_acknowledged, RESET),
        (garble, SSL),
        (says(YES), CLOSED),
        (says(NO + RESULT), ONE),
    ],
)
async def test_a_lie_over_tls_has_one_outcome(
    script: Script, expected: Expected
) -> None:
    """TLS adds its own ways to fail, not its own words."""
    context = server_context(trustme.CA())
    async with open_fake_worker(script, tls=context) as worker:
        host = a_host(worker)
        async with a_runner(host) as runner, a_dispatcher(runner) as dispatcher:
            ending = await run_to_end(dispatcher, a_call(expected))

    assert told(ending.outcome) == expected
