"""Bad HTTP requests, on real sockets: each hurts nobody but its sender."""

from __future__ import annotations

import json

import pytest
from eventually import eventually
from hpack import Encoder
from hyperframe.frame import HeadersFrame, SettingsFrame
from structlog.testing import capture_logs
from web_place import a_gateway, get, post
from web_routes import ROUTES, assert_serves, troubles

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked"
TLS_HELLO = bytes.fromhex("16030100c8010000c40303") + b"\0" * 197


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
    assert json.loads(answer.body)["error"]["type"] == "forbidden"


@pytest.mark.parametrize(
    ("data", "status", "word"),
    [
        (TLS_HELLO, 400, "invalid_request"),
        (get("/echo", "X: a\rb"), 400, "invalid_request"),
        (get("/echo", "X: " + "x" * 40_000), 431, "too_large"),
        (post("/echo", CHUNKED) + b"zz\r\n", 400, "invalid_request"),
        (post("/echo", "Transfer-Encoding: gzip"), 501, "invalid_request"),
    ],
    ids=["no HTTP", "header", "head", "chunk", "coding"],
)
async def test_what_nobody_could_read_is_told_of_in_the_usual_shape(
    data: bytes, status: int, word: str
) -> None:
    """GW-6: a client that reads errors reads these too."""
    async with a_gateway(ROUTES) as place:
        async with await place.connect() as peer:
            await peer.send(data)
            answer = await peer.receive()
            rest = await peer.receive_end()

        await assert_serves(place)

    assert (answer.status, rest) == (status, b"")
    assert json.loads(answer.body)["error"]["type"] == word


async def test_a_websocket_with_a_body_is_no_bug_of_ours() -> None:
    """Its bytes are no frames before there is a WebSocket."""
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", CHUNKED)
    with capture_logs() as logs:
        async with a_gateway(ROUTES) as place:
            answer = await place.ask(get("/echo", *upgrade) + b"0\r\n\r\n")

            await assert_serves(place)

    assert (answer.status, troubles(logs)) == (403, [])


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
    assert [(one["event"], one["route"]) for one in troubles(logs)] == [
        ("request.crashed", "/crash")
    ]


async def test_labels_are_bounded_whatever_is_asked() -> None:
    """A path or a method from outside would fill the monitor's memory."""
    async with a_gateway(ROUTES) as place, await place.connect() as peer:
        for number in range(100):
            await peer.send(get(f"/{number}").replace(b"GET", b"M%d" % number, 1))
            await peer.receive()

    assert place.requests.counts == {("none", "other", 404): 100}


@pytest.mark.parametrize(
    ("data", "closes"),
    [
        (post("/echo", "Content-Length: 2000") + b"x" * 2000, True),
        (post("/nothing", "Content-Length: 3") + b"abc", True),
        (post("/nothing", "Content-Length: 0"), True),
        (get("/nothing"), False),
        (post("/echo", "Content-Length: 3") + b"abc", False),
    ],
    ids=range(5),
)
async def test_a_connection_whose_request_was_not_read_is_said_to_end(
    data: bytes, closes: bool
) -> None:
    """A client that sent its next request there would not know what became of it."""
    async with a_gateway(ROUTES) as place, await place.connect() as peer:
        await peer.send(data)
        told = await peer.receive()
        if not closes:
            await peer.send(get("/echo"))
            assert (await peer.receive()).status == 200

    assert (b"connection: close" in told.head.lower()) is closes
