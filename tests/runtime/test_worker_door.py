"""Passwords that arrive: checked once, guessed slowly, and logged a few times."""

from __future__ import annotations

import attrs
import pytest
import structlog
import trio

from harpcaller.failures import MAX_FAILURES, FailureLog
from harpcaller.peerlog import MAX_OF_ALL, MAX_OF_ONE_PEER, PERIOD_S, PeerLog
from harpcaller.worker.door import Door
from harpcaller.worker.passwords import hashed
from harpcaller.worker.users import Users
from protocol.harp import HarpCall
from protocol.harp_worker import Refused
from protocol.jsontext import JsonText

WORDS = ("p", "q")
RIGHT = HarpCall(
    procedure="ping", arguments=JsonText(b"[]"), user="a", password=WORDS[0]
)
WRONG = attrs.evolve(RIGHT, password=WORDS[1])


def a_door(failures: FailureLog | None = None) -> Door:
    """Return a door for one user."""
    users = Users(entries={"a": hashed("p")}, allowed={"a": ["ping"]})
    return Door(users, failures or FailureLog(), PeerLog(trio.current_time))


async def test_a_password_is_checked_once() -> None:
    """The second call of a kept connection must not cost 50 ms."""
    door = a_door()
    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(door.admit, RIGHT, "192.0.2.1")

    began_at = trio.current_time()
    for _ in range(50):
        await door.admit(RIGHT, "192.0.2.1")

    assert trio.current_time() - began_at < 0.2


async def test_a_wrong_password_waits_and_is_refused() -> None:
    """The first mistake costs a second, and says nothing about what was wrong."""
    began_at = trio.current_time()
    said = set()
    for call in (WRONG, attrs.evolve(RIGHT, user="b")):
        with pytest.raises(Refused) as caught:
            await a_door().admit(call, "192.0.2.1")
        said.add((caught.value.type, caught.value.message))

    assert len(said) == 1
    assert trio.current_time() - began_at > 2


async def test_guessing_shuts_the_door_but_for_who_was_inside() -> None:
    """An attacker behind the same address must not lock a dispatcher out."""
    failures = FailureLog()
    door = a_door(failures)
    await door.admit(RIGHT, "192.0.2.1")
    for _ in range(MAX_FAILURES):
        failures.count("192.0.2.1", trio.current_time())

    with pytest.raises(Refused, match="too many wrong passwords"):
        await door.admit(WRONG, "192.0.2.1")
    await door.admit(RIGHT, "192.0.2.1")
    await a_door(failures).admit(RIGHT, "192.0.2.2")
    with pytest.raises(Refused, match="too many wrong passwords"):
        await a_door(failures).admit(RIGHT, "192.0.2.1")


async def test_many_guesses_at_a_time_are_not_all_checked() -> None:
    """Else a thousand connections would be a thousand guesses before the first wait."""
    door = a_door()
    said: list[str] = []

    async def guess(number: int) -> None:
        call = attrs.evolve(RIGHT, password=str(number))
        with pytest.raises(Refused) as caught:
            await door.admit(call, "192.0.2.1")
        said.append(caught.value.message)

    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(guess, number)

    assert said.count("unknown user or wrong password") == MAX_FAILURES


async def test_what_a_user_may_not_call_is_refused_at_once() -> None:
    """Whether it exists or not."""
    door = a_door()
    with pytest.raises(Refused, match="may not call") as caught:
        await door.admit(attrs.evolve(RIGHT, procedure="secret"), "192.0.2.1")

    assert caught.value.type == "auth_error"


def test_a_flood_of_bad_peers_is_a_few_lines() -> None:
    """A log is read by people, and a disk is finite."""
    now = 0.0
    peer_log = PeerLog(lambda: now)
    with structlog.testing.capture_logs() as lines:
        for host in range(200):
            for _ in range(100):
                peer_log.warn("handshake.failed", str(host))
        assert len(lines) == MAX_OF_ALL
        peer_log.warn("call.unauthorized", "0")
        assert len(lines) == MAX_OF_ALL + 1
        now = PERIOD_S
        for _ in range(100):
            peer_log.warn("handshake.failed", "0")

    assert len(lines) == MAX_OF_ALL + 1 + MAX_OF_ONE_PEER
    told = sum(line.get("dropped_lines", 0) for line in lines)
    assert told == 200 * 100 - MAX_OF_ALL
