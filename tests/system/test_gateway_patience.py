"""HTTP clients that are slow, leave, or are too many: nobody waits for them."""

from __future__ import annotations

import socket
import struct

import pytest
import trio
from eventually import eventually
from own_address import own_address
from structlog.testing import capture_logs
from web_place import a_gateway, get, post
from web_routes import HASTY, ROUTES, assert_serves, troubles

from harpcaller.gateway.server import Caps


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
    assert troubles(logs) == []


@pytest.mark.parametrize("begun", [b"", b"GET /echo HT", get("/echo")[:-2]])
async def test_a_head_that_does_not_come_in_time_is_not_waited_for(
    begun: bytes,
) -> None:
    """Half-open requests would fill the house."""
    async with a_gateway(ROUTES, HASTY) as place, await place.connect() as peer:
        await peer.send(begun)
        told = await peer.receive_end()

    assert told == b""


async def test_who_wants_a_websocket_and_asks_badly_is_not_kept() -> None:
    """A handshake that is none would fill the house: it is no idle connection."""
    upgrade = ("Connection: Upgrade", "Upgrade: websocket")
    async with a_gateway(ROUTES) as place, await place.connect() as peer:
        await peer.send(get("/echo", *upgrade))
        refused = await peer.receive()
        rest = await peer.receive_end()

    assert (refused.status, rest) == (403, b"")


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

    assert troubles(logs) == []  # nor is it a bug of ours


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

    assert troubles(logs) == []


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


async def test_one_peer_of_another_machine_cannot_take_all_the_room() -> None:
    """Its share is bounded, and free again once it has left."""
    caps, host = Caps(max_per_peer=2), own_address()
    hello = get("/echo").replace(b"localhost", host.encode())
    async with a_gateway(ROUTES, caps=caps, host=host) as place:
        async with await place.connect() as one, await place.connect() as two:
            await one.send(hello)
            await two.send(hello)
            statuses = [(await peer.receive()).status for peer in (one, two)]
            refused = await place.ask(hello)
        await eventually(lambda: place.gateway.connection_count == 0)
        again = await place.ask(hello)

    assert (statuses, refused.status, again.status) == ([200, 200], 503, 200)
