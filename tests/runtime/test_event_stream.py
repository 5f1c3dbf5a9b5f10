"""A stream over a long time: what is said in silence, and to whom nothing is said."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from starlette.exceptions import HTTPException
from starlette.types import Message
from trio.testing import MockClock

from harpcaller.dispatch.followers import Outbox
from harpcaller.gateway.events import EventStream, Follow
from harpcaller.gateway.house import House
from harpcaller.gateway.rules import Rules
from harpcaller.identities.reception import Reception
from protocol.errors import ErrorType, WireError


class Browser:
    """Takes what is sent, and notes when; it leaves when it is told to."""

    def __init__(self, leaves_after_s: float = 10**6, slow_s: float = 0) -> None:
        self.heard: list[tuple[float, bytes]] = []
        self.statuses: list[int] = []
        self._leaves_after_s = leaves_after_s
        self._slow_s = slow_s

    async def receive(self) -> Message:
        """Say that it left, once it has."""
        await trio.sleep(self._leaves_after_s)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a message, however long that takes."""
        if message["type"] == "http.response.start":
            self.statuses.append(message["status"])
            return
        if message["body"]:
            self.heard.append((trio.current_time(), message["body"]))
            await trio.sleep(self._slow_s)


async def show(follow: Follow, browser: Browser, house: House | None = None) -> None:
    """Have a browser read a stream."""
    stream = EventStream(follow, house or House(Reception()), "somebody")
    await stream({}, browser.receive, browser.send)


def silent(*waits_s: float) -> Follow:
    """Return a stream of packets, each after so many seconds."""

    async def follow(out: Outbox) -> None:
        for number, wait_s in enumerate(waits_s):
            await out.flush()
            await trio.sleep(wait_s)
            await out.write(b'{"packet":%d,"data":0}\n' % number)
        await out.write(b'{"result":0}\n')

    return follow


def failing(type_: ErrorType, *, begins: bool) -> Follow:
    """Return a stream that ends by an error."""

    async def follow(out: Outbox) -> None:
        if begins:
            await out.flush()
        raise WireError(type_, "so it is")

    return follow


async def test_silence_is_broken_every_fifteen_seconds(
    autojump_clock: MockClock,
) -> None:
    """Proxies cut a connection where nothing is said; each packet counts as a word."""
    browser = Browser()

    await show(silent(40, 10, 16), browser)

    comments = [at for at, data in browser.heard if data == b": keep-alive\n\n"]
    assert comments == [15, 30, 65]
    assert browser.heard[0] == (0, b"retry: 3000\n\n")
    assert browser.heard[-1][1].endswith(b'event: end\ndata: {"result":0}\n\n')


async def test_a_slow_reader_is_not_told_that_we_are_here(
    autojump_clock: MockClock,
) -> None:
    """It has more to read than it takes."""
    browser = Browser(slow_s=100)

    await show(silent(0), browser)

    assert [data[:5] for _, data in browser.heard] == [b"retry", b"id: 0"]


async def test_who_leaves_is_followed_for_no_longer(
    autojump_clock: MockClock,
) -> None:
    """What he followed goes on without him."""
    house = House(Reception())

    await show(silent(1000), Browser(leaves_after_s=5), house)

    assert (trio.current_time(), house.followers) == (5, 0)


@pytest.mark.parametrize("type_", [ErrorType.INVALID_JOBID, ErrorType.SHUTTING_DOWN])
async def test_what_is_wrong_before_the_first_word_is_an_error(
    type_: ErrorType, autojump_clock: MockClock
) -> None:
    """A stream that has begun cannot say 404 any more."""
    browser = Browser()

    with pytest.raises(WireError) as caught:
        await show(failing(type_, begins=False), browser)

    assert (caught.value.type, browser.statuses) == (type_, [])


@pytest.mark.parametrize(
    ("type_", "words"),
    [
        (ErrorType.SHUTTING_DOWN, b"event: shutdown\ndata: {}\n\n"),
        (ErrorType.STORAGE_ERROR, b""),
    ],
)
async def test_what_goes_wrong_later_ends_the_stream(
    type_: ErrorType, words: bytes, autojump_clock: MockClock
) -> None:
    """Without its end; so a browser comes again, and is told what is wrong."""
    browser = Browser()

    await show(failing(type_, begins=True), browser)

    assert browser.statuses == [200]
    assert b"".join(data for _, data in browser.heard) == b"retry: 3000\n\n" + words


async def test_much_that_is_written_at_once_is_sent_in_pieces(
    autojump_clock: MockClock,
) -> None:
    """Memory is for what a reader is about to take."""
    browser = Browser()
    line = b'{"packet":0,"data":"%b"}\n' % (b"x" * 40_000)

    async def follow(out: Outbox) -> None:
        for _ in range(4):
            await out.write(line)
        assert len(browser.heard) == 2

    await show(follow, browser)

    assert [data.count(b"id: 0") for _, data in browser.heard] == [2, 2]


async def test_one_has_so_many_seats_and_others_have_theirs(
    autojump_clock: MockClock,
) -> None:
    """Who takes all of his own takes nobody else's."""
    house = House(Reception(), Rules(max_followers=1))
    told: list[str] = []

    def sit(who: str, then: Callable[[], None]) -> None:
        with house.seat(who):
            then()

    with pytest.raises(HTTPException) as caught:
        sit("a", lambda: sit("a", lambda: told.append("no")))
    sit("a", lambda: sit("b", lambda: told.append("yes")))

    assert (caught.value.status_code, told, house.followers) == (503, ["yes"], 0)
