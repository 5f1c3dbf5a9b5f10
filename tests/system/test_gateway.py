"""Bad HTTP clients, on real sockets: each hurts nobody but itself."""

from __future__ import annotations

import socket
import struct

import pytest
import trio
from eventually import eventually
from hpack import Encoder
from hyperframe.frame import HeadersFrame, SettingsFrame
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs
from web_place import Place, a_gateway, get, post, route

from harpcaller.gateway.connection import Patience
from harpcaller.gateway.server import Caps

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked"
TLS_HELLO = bytes.fromhex("16030100c8010000c40303") + b"\0" * 197


async def echo(_request: Request, body: bytes) -> Response:
    """Give the body back."""
    return Response(body or b"hello")


async def crash(_request: Request, _body: bytes) -> Response:
    """Meet a bug."""
    raise ZeroDivisionError


async def hang(_request: Request, _body: bytes) -> Response:
    """Never answer."""
    await trio.sleep_forever()
    raise AssertionError


async def nap(_request: Request, _body: bytes) -> Response:
    """Take longer than a client may be idle."""
    await trio.sleep(0.6)
    return Response(b"awake")


class Endless(Response):
    """An answer that never ends."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            piece = {"body": b"x" * 65536, "more_body": True}
            await send({"type": "http.response.body", **piece})


async def pour(_request: Request, _body: bytes) -> Response:
    """Stream for ever."""
    return Endless()


ROUTES = [
    route("/echo", echo, body_s=0.5),
    route("/large", echo, max_body_bytes=2**22),
    route("/crash", crash),
    route("/hang", hang, answer_s=0.3),
    route("/nap", nap),
    route("/pour", pour),
]
HASTY = Patience(idle_s=0.3, send_s=0.5)


async def assert_serves(place: Place) -> None:
    """Fail unless others are served as if nothing had happened."""
    assert (await place.ask(get("/echo"))).body == b"hello"


def http2_request() -> bytes:
    """Return a request in HTTP/2, its path no ASCII."""
    headers = [(":method", "GET"), (":scheme", "http"), (":authority", "localhost")]
    block = Encoder().encode([*headers, (b":path", b"/\xff\xfe")])
    frame = HeadersFrame(stream_id=1, data=block, flags=["END_HEADERS", "END_STREAM"])
    return PREFACE + SettingsFrame().serialize() + frame.serialize()


async def test_http2_is_refused_and_its_bytes_are_not_executed() -> None:
    """One such request, its path no ASCII, would end a bare server's process."""
    async with a_gateway(ROUTES) as place:
        async with await place.connect() as peer:
            await peer.send(http2_request())
            refused = await peer.receive()
            rest = await peer.receive_end()

        await assert_serves(place)

    assert refused.status == 505
    assert rest == b""


async def test_http2_in_the_middle_of_a_connection_is_refused_too() -> None:
    """The preface is no secret word that works on the second try."""
    async with a_gateway(ROUTES) as place:
        async with await place.connect() as peer:
            await peer.send(get("/echo"))
            first = await peer.receive()
            await peer.send(http2_request())
            second = await peer.receive()

        await assert_serves(place)

    assert (first.status, second.status) == (200, 505)


async def test_an_upgrade_to_http2_is_ignored() -> None:
    """RFC 9110 lets a server stay with the protocol that it speaks."""
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c")
    async with a_gateway(ROUTES) as place:
        answer = await place.ask(get("/echo", *upgrade, "HTTP2-Settings: AAMAAABk"))

    assert (answer.status, answer.body) == (200, b"hello")


async def test_an_upgrade_to_websocket_is_forbidden() -> None:
    """Nothing here speaks it."""
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    async with a_gateway(ROUTES) as place:
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        answer = await place.ask(get("/echo", *upgrade, key))

        await assert_serves(place)

    assert answer.status == 403


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (TLS_HELLO, 400),
        (b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /echo HTTP/1.1\r\n\r\n", 400),
        (b"GET /echo HTTP/1.1\r\nHost: localhost\r\nHost: b\r\n\r\n", 400),
        (get("/echo", "X: " + "x" * 40_000), 431),
        (get("/echo", *(f"X-{n}: {'x' * 200}" for n in range(90))), 431),
        (get("/" + "x" * 9_000), 414),
        (get("/echo?" + "x" * 9_000), 414),
        (post("/echo", "Content-Length: 3", CHUNKED) + b"0\r\n\r\n", 400),
        (post("/echo", "Content-Length: 3", "Content-Length: 4") + b"abcd", 400),
        (post("/echo", CHUNKED) + b"zz\r\n", 400),
        (get("/echo").replace(b"localhost", b"evil.example"), 403),
        (post("/echo", "Content-Length: 1001"), 413),
        (post("/echo", CHUNKED) + b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n", 413),
        (post("/echo", "Content-Length: 9") + b"x", 408),
        (get("/hang"), 503),
        (get("/echo/"), 404),
        (get("/echo").replace(b"GET", b"PUT", 1), 405),
    ],
    ids=lambda value: value[:24] if isinstance(value, bytes) else None,
)
async def test_what_is_wrong_is_refused_and_others_are_served(
    data: bytes, status: int
) -> None:
    """Each is a way into servers that trust what they are sent."""
    async with a_gateway(ROUTES) as place:
        refused = await place.ask(data)

        await assert_serves(place)

    assert refused.status == status


async def test_nothing_behind_a_doubtful_frame_is_executed() -> None:
    """Where the body ends is what two servers would see differently: smuggling."""
    data = post("/echo", "Content-Length: 3", CHUNKED) + b"0\r\n\r\n" + get("/echo")
    async with a_gateway(ROUTES) as place, await place.connect() as peer:
        await peer.send(data)
        refused = await peer.receive()
        rest = await peer.receive_end()

    assert b"connection: close" in refused.head.lower()
    assert rest == b""
    assert place.requests.counts == {("none", "POST", 400): 1}


@pytest.mark.parametrize("path", ["/nothing", "/echo"])
@pytest.mark.parametrize("framing", [CHUNKED, "Content-Length: 4194304"])
async def test_a_large_body_that_nobody_reads_holds_nothing_up(
    path: str, framing: str
) -> None:
    """It is refused before it was read, and the refusal arrives."""
    body = b"10000\r\n" + b"x" * 65536 + b"\r\n" if framing == CHUNKED else b"x" * 65536
    async with a_gateway(ROUTES) as place:
        async with await place.connect() as peer:
            await peer.send(post(path, framing) + body * 64)
            refused = await peer.receive()
            await peer.receive_end()
        await eventually(lambda: place.gateway.connection_count == 0)

        await assert_serves(place)

    assert refused.status in {404, 413}


async def test_a_body_of_the_right_size_arrives_whole() -> None:
    """The pieces in which it comes do not show."""
    body = b"".join(b"%07x\n" % n for n in range(2**18))
    async with a_gateway(ROUTES) as place:
        answer = await place.ask(post("/large", f"Content-Length: {len(body)}") + body)

    assert answer.body == body


async def test_requests_in_a_row_are_answered_in_order() -> None:
    """One connection, many questions, before the first answer was read."""
    async with a_gateway(ROUTES) as place, await place.connect() as peer:
        await peer.send((get("/echo") + get("//nothing") + get("//echo")) * 20)
        statuses = [(await peer.receive()).status for _ in range(60)]

    assert statuses == [200, 404, 200] * 20


async def test_head_is_answered_without_a_body() -> None:
    """Monitors ask so."""
    async with a_gateway(ROUTES) as place, await place.connect() as peer:
        await peer.send(get("/echo", "Connection: close").replace(b"GET", b"HEAD", 1))
        answer = await peer.receive_end()

    assert answer.startswith(b"HTTP/1.1 200")
    assert b"content-length: 5" in answer
    assert answer.endswith(b"\r\n\r\n")


async def test_a_bug_is_told_and_logged_and_the_connection_lives() -> None:
    """It is ours, so its traceback is for our log alone."""
    async with a_gateway(ROUTES) as place, await place.connect() as peer:
        with capture_logs() as logs:
            await peer.send(get("/crash") + get("/echo"))
            answers = [await peer.receive() for _ in range(2)]

    assert [answer.status for answer in answers] == [500, 200]
    assert b"ZeroDivision" not in answers[0].body
    assert [(one["event"], one["route"]) for one in logs] == [
        ("request.crashed", "/crash")
    ]


async def test_a_client_that_leaves_in_mid_body_is_no_error_of_ours() -> None:
    """It happens all day; a traceback for each would hide the others."""
    with capture_logs() as logs:
        async with a_gateway(ROUTES) as place:
            async with await place.connect() as peer:
                await peer.send(post("/echo", "Content-Length: 9") + b"x")
                await trio.sleep(0.1)
                await peer.leave()
            await eventually(lambda: place.gateway.connection_count == 0)

            await assert_serves(place)

    assert place.requests.counts["/echo", "POST", 400] == 1
    assert logs == []


@pytest.mark.parametrize("begun", [b"", b"GET /echo HT", get("/echo")[:-2]])
async def test_a_head_that_does_not_come_in_time_is_not_waited_for(
    begun: bytes,
) -> None:
    """Half-open requests would fill the house."""
    async with a_gateway(ROUTES, HASTY) as place, await place.connect() as peer:
        await peer.send(begun)
        told = await peer.receive_end()

    assert told == b""


async def test_an_idle_connection_is_closed_and_a_busy_one_is_not() -> None:
    """A limit on silence must not cut an answer that takes its time."""
    async with a_gateway(ROUTES, HASTY) as place, await place.connect() as peer:
        await peer.send(get("/nap"))
        answer = await peer.receive()
        begun_at = trio.current_time()
        rest = await peer.receive_end()
        idle_s = trio.current_time() - begun_at

    assert (answer.body, rest) == (b"awake", b"")
    assert 0.2 < idle_s < 5


async def test_a_reader_that_stops_reading_is_dropped() -> None:
    """What it does not take would wait in our memory."""
    with capture_logs() as logs:
        async with a_gateway(ROUTES, HASTY) as place, await place.connect() as peer:
            await peer.send(get("/pour"))
            await eventually(lambda: place.gateway.connection_count == 1)

            await eventually(lambda: place.gateway.connection_count == 0)

            await assert_serves(place)

    assert logs == []  # nor is it a bug of ours


async def test_a_reader_that_stops_reading_does_not_delay_the_end() -> None:
    """The server's own sends are shielded: a stop would wait for it for ever."""
    async with a_gateway(ROUTES) as place, await place.connect() as peer:
        await peer.send(get("/pour"))
        await trio.sleep(0.3)

        with trio.fail_after(2):
            place.sessions.cancel_scope.cancel()
            await eventually(lambda: place.gateway.connection_count == 0)


async def test_the_end_closes_what_is_idle_and_lets_answers_finish() -> None:
    """Until then open connections are served: a stop may take its grace."""
    async with (
        a_gateway(ROUTES) as place,
        await place.connect() as idle,
        await place.connect() as busy,
    ):
        await idle.send(get("/echo"))
        await idle.receive()
        await busy.send(get("/nap"))
        await trio.sleep(0.2)

        place.gateway.end()

        assert await idle.receive_end() == b""
        assert (await busy.receive()).body == b"awake"
        assert await busy.receive_end() == b""


async def test_clients_that_are_gone_at_once_leave_no_trace() -> None:
    """Scanners reset what they have opened: no bug of ours, and nothing to log."""
    reset = struct.pack("ii", 1, 0)  # socket(7), SO_LINGER: at once, and not in order
    with capture_logs() as logs:
        async with a_gateway(ROUTES) as place:
            for number in range(300):
                with socket.socket() as client:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                    client.connect(("127.0.0.1", place.port))
                    client.sendall(get("/echo")[: number % 40])
            await trio.sleep(0.1)
            await eventually(lambda: place.gateway.connection_count == 0)

            await assert_serves(place)

    assert logs == []


async def test_where_there_is_no_room_a_client_is_told_so() -> None:
    """Half-open requests of one do not grow without a bound."""
    async with a_gateway(ROUTES, caps=Caps(max_connections=2)) as place:
        async with await place.connect() as one, await place.connect() as two:
            await one.send(get("/echo"))
            await two.send(get("/echo"))
            statuses = [(await peer.receive()).status for peer in (one, two)]
            refused = await place.ask(get("/echo"))
        await eventually(lambda: place.gateway.connection_count == 0)

        await assert_serves(place)

    assert statuses == [200, 200]
    assert refused.status == 503


async def test_a_thousand_half_open_requests_keep_nobody_out_for_long() -> None:
    """They cost a descriptor each, for as long as a head may take."""
    async with a_gateway(ROUTES, HASTY, Caps(max_connections=200)) as place:
        peers = [await place.connect() for _ in range(1000)]
        for peer in peers:
            await peer.send(b"GET /")
        await eventually(lambda: place.gateway.connection_count == 0)

        await assert_serves(place)

        for peer in peers:
            await peer.leave()


async def test_labels_are_bounded_whatever_is_asked() -> None:
    """A path or a method from outside would fill the monitor's memory."""
    async with a_gateway(ROUTES) as place, await place.connect() as peer:
        for number in range(100):
            await peer.send(get(f"/{number}").replace(b"GET", b"M%d" % number, 1))
            await peer.receive()

    assert place.requests.counts == {("none", "other", 404): 100}
