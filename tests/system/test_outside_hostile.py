"""Posts to servers that mean no good: bounded in time and memory."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
import trio
from eventually import eventually
from http_peer import Act, answer, for_ever, half, http_peer, listening, silence
from posting import SHORT_S, a_post, poster

from harpcaller.runners.outside.http import MAX_HEARD_BYTES
from harpcaller.runners.transfers import Reply

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
OPEN_END = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    "act",
    [
        silence,
        half(b"HTTP/1.1 200 OK\r\nContent-Le"),
        for_ever(b"HTTP/1.1 200 OK\r\n", b"X-Header: " + b"x" * 9000 + b"\r\n"),
        for_ever(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 9000),
        for_ever(b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.01),
        for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        for_ever(b"", b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n", 0.01),
        for_ever(b"", b"\r\n"),
        b"",
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nX y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n",
        b"\x16\x03\x01\0",
    ],
)
async def test_a_server_that_does_not_answer_is_left(act: bytes | Act) -> None:
    """However it goes about that, and without filling our memory."""
    async with http_peer(act) as peer:
        with trio.fail_after(30):
            reply = await poster(timeout_s=SHORT_S).post(a_post(peer.url))
        await eventually(peer.is_left)

    assert reply == Reply(status=None)


@pytest.mark.parametrize(
    ("act", "body"),
    [
        (for_ever(OPEN_END, b"x" * 9000), b"x" * MAX_HEARD_BYTES),
        (answer(200, b"ab")[:-1], b"a"),
        (CHUNKED + b"3\r\nabc\r\nNONE\r\n", b"abc"),
        (CHUNKED + b"3\r\nabc\r\n0\r\nX: y\r\n\r\n", b"abc"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabmore", b"ab"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nab",
            b"ab",
        ),
        (b"HTTP/1.0 200 OK\r\n\r\nab", b"ab"),
    ],
)
async def test_a_status_is_an_answer_whatever_follows(
    act: bytes | Act, body: bytes
) -> None:
    """What was posted has been taken; it is not to be posted again."""
    async with http_peer(act) as peer:
        with trio.fail_after(30):
            reply = await poster().post(a_post(peer.url))
        await eventually(peer.is_left)

    assert reply.status == 200
    assert reply.body == body


async def test_a_server_that_falls_silent_has_answered() -> None:
    """What it said before is told when the time is over."""
    async with http_peer(half(OPEN_END + b"abc")) as peer:
        with trio.fail_after(60):
            reply = await poster(timeout_s=3).post(a_post(peer.url))

    assert reply == Reply(status=200, body=b"abc")


@pytest.mark.parametrize(
    "act",
    [for_ever(OPEN_END, b"x", 0.02), for_ever(CHUNKED, b"1\r\nx\r\n" * 999)],
)
async def test_a_drip_ends_with_the_time_for_all(act: Act) -> None:
    """A byte now and then is no reason to go on, nor are very many."""
    async with http_peer(act) as peer:
        with trio.fail_after(30):
            reply = await poster(timeout_s=SHORT_S).post(a_post(peer.url))

    assert reply.status in {200, None}
    assert set(reply.body) <= {ord("x")}
    assert len(reply.body) <= MAX_HEARD_BYTES


async def test_nobody_at_home_is_no_answer() -> None:
    """As is a name that there is not."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    posts = poster(timeout_s=20)

    with trio.fail_after(60):
        assert await posts.post(a_post(f"http://127.0.0.1:{port}/")) == Reply(
            status=None
        )
        for host in (
            "none.invalid",
            "a" * 64 + ".invalid",
            "a..b",
            "%41",
            "-",
            "1.2.3",
        ):
            reply = await posts.post(a_post(f"http://{host}:{port}/"))
            assert reply == Reply(status=None)


async def test_a_file_that_nobody_takes_is_given_up(tmp_path: Path) -> None:
    """Its own limit is how long nothing goes on."""
    with (tmp_path / "big").open("wb") as file:
        file.truncate(2**33)

    async def hold(_: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with listening(hold) as url:
        with trio.fail_after(30):
            post = a_post(url, file=str(tmp_path / "big"))
            reply = await poster(tmp_path, timeout_s=SHORT_S).post(post)

    assert reply == Reply(status=None)


async def test_a_file_that_grows_shorter_is_given_up(tmp_path: Path) -> None:
    """Its length has been told, and cannot be kept to."""
    path = tmp_path / "a"
    path.write_bytes(b"a" * 2**24)

    async def shorten(stream: trio.SocketStream) -> None:
        await stream.receive_some(1)
        os.truncate(path, 0)
        while await stream.receive_some():
            pass

    async with listening(shorten) as url:
        with trio.fail_after(30):
            reply = await poster(tmp_path).post(a_post(url, file=str(path)))

    assert reply == Reply(status=None)


async def test_headers_that_would_be_two_are_not_sent() -> None:
    """A line end in a value begins another header."""
    async with http_peer(answer()) as peer:
        for header in (("X", "a\r\nY: b"), ("X\n", "a"), ("", "a"), ("X", "\udc80")):
            reply = await poster().post(a_post(peer.url, headers=(header,)))
            assert reply == Reply(status=None)

    assert peer.heard == []


async def test_a_cancel_leaves_a_server_at_once() -> None:
    """A parent that is cancelled does not wait for it."""
    async with http_peer(silence) as peer:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(poster().post, a_post(peer.url))
            await eventually(lambda: len(peer.heard) == 1)
            nursery.cancel_scope.cancel()
        await eventually(peer.is_left)


async def test_many_wait_until_others_are_done() -> None:
    """Sockets are the dispatcher's too."""

    async def take_time(stream: trio.abc.Stream) -> None:
        await trio.sleep(0.05)
        await stream.send_all(answer())

    async with http_peer(take_time) as peer:
        posts = poster(concurrency=2)
        async with trio.open_nursery() as nursery:
            for _ in range(6):
                nursery.start_soon(posts.post, a_post(peer.url))

    assert (len(peer.heard), peer.most) == (6, 2)
