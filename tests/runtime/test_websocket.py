"""How long a client by WebSocket is waited for, and what it may send."""

from __future__ import annotations

import pytest
import structlog
import trio
from message_visit import MAX_BYTES, REQUEST, a_message_visit, farewell
from scripted_runner import ScriptedRunner, a_call, hang, sleeping
from trio.testing import MockClock, lockstep_stream_pair
from websocket_client import BINARY, CLOSE, PING, PONG, TEXT, frame

CANCEL = b'{"harpcaller":1,"cancel":"nothing"}'
CANCELLED = (TEXT, b'{"cancelled":false}')
NORMAL, GOING_AWAY, TOO_BIG = farewell(1000), farewell(1001), farewell(1009)
SWITCHED = b"HTTP/1.1 101 Switching Protocols"


async def test_a_client_that_asks_nothing_stays_as_long_as_a_session(
    autojump_clock: MockClock,
) -> None:
    """A page is open while nothing happens; it is told when that was too long."""
    async with a_message_visit() as visit:
        assert await visit.open() == SWITCHED

        assert await visit.hear_frame() == NORMAL
        assert trio.current_time() == 600


async def test_each_message_renews_that(autojump_clock: MockClock) -> None:
    """Whoever asks now and then is not left."""
    async with a_message_visit() as visit:
        await visit.open()
        for _ in range(3):
            await trio.sleep(500)
            await visit.say(CANCEL)
            assert await visit.hear_frame() == CANCELLED

        assert await visit.hear_frame() == NORMAL
        assert trio.current_time() == 3 * 500 + 600


async def test_a_ping_renews_nothing(autojump_clock: MockClock) -> None:
    """A client that only keeps its connection alive asks nothing."""
    async with a_message_visit() as visit:
        await visit.open()
        for _ in range(2):
            await trio.sleep(250)
            await visit.client.send_all(frame(PING, b"here"))
            assert await visit.hear_frame() == (PONG, b"here")

        assert await visit.hear_frame() == NORMAL
        assert trio.current_time() == 600


@pytest.mark.parametrize("sent", [b"", REQUEST, CANCEL + b"\n"])
async def test_a_handshake_has_ten_seconds(
    sent: bytes, autojump_clock: MockClock
) -> None:
    """A place that is taken and not used is given to others."""
    with structlog.testing.capture_logs() as logs:
        async with a_message_visit() as visit:
            if sent:
                await visit.client.send_all(sent)

            heard, _ = await visit.hear_out()
            await visit.served.wait()

    assert heard == b""
    assert trio.current_time() == pytest.approx(10, abs=3)
    assert [line["code"] for line in logs] == ["timeout"]


async def test_empty_fragments_without_end_are_cut(autojump_clock: MockClock) -> None:
    """Each costs a place in a list, and the size of a message never grows."""
    async with a_message_visit() as visit:
        await visit.open()
        await visit.client.send_all(frame(TEXT, b"", is_last=False))

        with pytest.raises(trio.BrokenResourceError):
            await visit.say_for_ever(frame(0, b"", is_last=False) * 100)
        await visit.served.wait()

    assert trio.current_time() <= 2


async def test_a_flood_of_pings_is_cut(autojump_clock: MockClock) -> None:
    """Each is an answer's work, and asks nothing."""
    async with a_message_visit() as visit:
        await visit.open()

        with pytest.raises(trio.BrokenResourceError):
            await visit.say_for_ever(frame(PING) * 100)
        await visit.served.wait()

    assert trio.current_time() <= 2


async def test_who_takes_no_answer_is_left_after_a_minute(
    autojump_clock: MockClock,
) -> None:
    """Pings are answered too: a flood of them must not hold a task for ever."""
    async with a_message_visit(pair=lockstep_stream_pair) as visit:
        await visit.open()

        await visit.client.send_all(frame(PING))
        await visit.served.wait()

    assert trio.current_time() == pytest.approx(60, abs=3)


@pytest.mark.parametrize("size", [MAX_BYTES, MAX_BYTES + 1])
async def test_a_message_may_be_as_long_as_a_line(
    size: int, autojump_clock: MockClock
) -> None:
    """And one that is longer ends the connection, as its code says."""
    async with a_message_visit() as visit:
        await visit.open()

        await visit.say(CANCEL.ljust(size))
        answer = await visit.hear_frame()

    assert answer[:2] == CANCELLED if size == MAX_BYTES else answer[1][:2] == TOO_BIG[1]


async def test_the_length_is_that_of_bytes(autojump_clock: MockClock) -> None:
    """As it is of lines: a letter may be four of them."""
    async with a_message_visit() as visit:
        await visit.open()

        await visit.say("😀".encode() * (MAX_BYTES // 4 + 1))

        assert await visit.hear_frame() == TOO_BIG


async def test_fragments_add_up(autojump_clock: MockClock) -> None:
    """Or the bound would bound nothing."""
    async with a_message_visit() as visit:
        await visit.open()
        await visit.client.send_all(frame(TEXT, CANCEL[:10], is_last=False))
        await visit.client.send_all(frame(PING))
        await visit.client.send_all(frame(0, CANCEL[10:]))
        assert await visit.hear_frame() == (PONG, b"")
        assert await visit.hear_frame() == CANCELLED

        await visit.client.send_all(frame(TEXT, b" " * MAX_BYTES, is_last=False))
        await visit.client.send_all(frame(0, b" "))

        assert (await visit.hear_frame())[0] == CLOSE


async def test_a_binary_message_is_refused_and_no_more(
    autojump_clock: MockClock,
) -> None:
    """It may be a mistake of one request; the others are good."""
    async with a_message_visit() as visit:
        await visit.open()
        await visit.client.send_all(frame(BINARY, CANCEL) + frame(TEXT, CANCEL))

        opcode, refusal = await visit.hear_frame()

        assert (opcode, b'"type":"invalid_request"' in refusal) == (TEXT, True)
        assert await visit.hear_frame() == CANCELLED


async def test_line_ends_do_not_divide_a_message(autojump_clock: MockClock) -> None:
    """A page may send JSON as it is laid out for people."""
    async with a_message_visit() as visit:
        await visit.open()

        await visit.say(b'{\n  "harpcaller": 1,\r\n  "cancel": "nothing"\n}\n')
        await visit.say(CANCEL)

        assert await visit.hear_frame() == CANCELLED
        assert await visit.hear_frame() == CANCELLED


async def test_who_says_farewell_while_waiting_is_gone(
    autojump_clock: MockClock,
) -> None:
    """A page that was closed must not hold a place until the job ends."""
    async with a_message_visit(ScriptedRunner(hang=hang)) as visit:
        job_id = (await visit.dispatcher.submit(a_call("hang"))).job_id
        await visit.open()
        await visit.say(b'{"harpcaller":1,"follow_stream":"%b"}' % job_id.encode())
        await trio.sleep(1)
        await visit.client.send_all(frame(PING) + frame(CLOSE, NORMAL[1]))

        assert await visit.hear_frame() == (PONG, b"")
        assert await visit.hear_frame() == NORMAL
        await visit.client.aclose()
        await visit.served.wait()

        assert trio.current_time() <= 5
        assert visit.dispatcher.running_count == 1


async def test_what_was_asked_before_a_farewell_is_done(
    autojump_clock: MockClock,
) -> None:
    """A page may send and be closed; its calls were sent."""
    runner = ScriptedRunner(ping=sleeping(0))
    call = b'{"harpcaller":1,"host":"h","procedure":"ping","arguments":[]}'
    wait = b'{"harpcaller":1,"get_result":"nothing"}'
    async with a_message_visit(runner) as visit:
        await visit.open()

        said = frame(TEXT, call) * 4 + frame(TEXT, wait) + frame(TEXT, call)
        await visit.client.send_all(said + frame(CLOSE, NORMAL[1]))
        await visit.hear_out()
        await visit.served.wait()

        assert sum((await visit.dispatcher.store.counts()).values()) == 5


async def test_a_stop_says_that_we_go(autojump_clock: MockClock) -> None:
    """A client that is told so comes again, instead of showing an error."""
    async with a_message_visit(ScriptedRunner(hang=hang)) as visit:
        job_id = (await visit.dispatcher.submit(a_call("hang"))).job_id
        await visit.open()
        await visit.say(b'{"harpcaller":1,"get_result":"%b"}' % job_id.encode())
        await trio.sleep(1)

        await visit.dispatcher.stop(0)

        _, outcome = await visit.hear_frame()
        assert b'"type":"missing_result"' in outcome
        assert await visit.hear_frame() == GOING_AWAY


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
        REQUEST.replace(b"localhost", b"xn--" + b"\xff" * 300) + b"\r\n",
        REQUEST.replace(b"Version: 13", b"Version: 12") + b"\r\n",
        REQUEST + b"X: " + b"x" * 2**16,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" + b"\x00" * 100,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
async def test_what_is_no_handshake_is_the_clients_fault(
    sent: bytes, autojump_clock: MockClock
) -> None:
    """Whatever it is, it is no crash of ours, and it is over soon."""
    with structlog.testing.capture_logs() as logs:
        async with a_message_visit() as visit:
            await visit.client.send_all(sent)
            heard, _ = await visit.hear_out()
            await visit.served.wait()

    assert not heard or heard.startswith(b"HTTP/1.1 4")
    assert trio.current_time() <= 3
    assert {line["event"] for line in logs} <= {"handshake.failed"}


@pytest.mark.parametrize(
    "sent",
    [
        frame(TEXT, b"\xff"),
        frame(0, b"x"),
        frame(3, b"x"),
        frame(CLOSE, b"x"),
        b"\x81\x02{}",
        frame(TEXT, b"{")[:3],
        b"\xff" * 100,
        frame(CLOSE, NORMAL[1]) + frame(PING) + frame(TEXT, CANCEL),
    ],
    ids=range(8),  # masks are made up
)
async def test_bad_frames_end_the_connection_and_nothing_else(
    sent: bytes, autojump_clock: MockClock
) -> None:
    """Framing is lost; nobody knows what comes next."""
    with structlog.testing.capture_logs() as logs:
        async with a_message_visit() as visit:
            await visit.open()
            await visit.client.send_all(sent)
            await visit.client.send_eof()
            await visit.hear_out()
            await visit.served.wait()

    assert trio.current_time() <= 3
    assert logs == []
