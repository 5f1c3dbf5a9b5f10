"""A worker over TLS that does what a test needs done, also what no worker should.

Run as a program with the files of its certificate and key it prints two ports: the
first speaks as the original does, one call for each connection; the second keeps
connections (harp/2).
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Mapping

import trio

from protocol.harp import ALPN_PROTOCOL, HarpCall
from protocol.harp_worker import (
    Refusal,
    Refused,
    acknowledgement,
    exception,
    packet,
    read_call,
    refused,
    result,
)
from protocol.jsontext import JsonValue, decode, encode
from protocol.lines import LineBuffer

MAX_LINE_BYTES = 2**22
ENDLESS_GAP_S = 0.01


async def serve(stream: trio.abc.Stream, *, keeps: bool) -> None:
    """Carry out one call, or one after the other."""
    lines = LineBuffer(MAX_LINE_BYTES)
    try:
        while data := await stream.receive_some(65536):
            for line in lines.take_lines(bytes(data)):
                await carry_out(read_call(line), stream)
                if not keeps:
                    return
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # the dispatcher closed: that is how a call is cancelled
    finally:
        await trio.aclose_forcefully(stream)


async def carry_out(call: HarpCall, stream: trio.abc.Stream) -> None:
    """Do what one call asks for."""
    arguments = decode(call.arguments)
    given = arguments if isinstance(arguments, dict) else {}
    match call.procedure:
        case "ping":
            await stream.send_all(acknowledgement(streams=False) + result(PONG))
        case "echo":  # the arguments themselves come back
            answer = acknowledgement(streams=False) + result(call.arguments)
            await stream.send_all(answer)
        case "count":
            await count(given, stream)
        case "sleep":
            await stream.send_all(acknowledgement(streams=False))
            await trio.sleep(seconds(given, "seconds"))
            await stream.send_all(result())
        case "fail":
            data = encode(given["data"]) if "data" in given else None
            raised = exception("Failure", str(given.get("message")), data)
            await stream.send_all(acknowledgement(streams=False) + raised)
        case "chatter":
            await chatter(stream)
        case _:
            await misbehave(call.procedure, stream)


async def misbehave(procedure: str, stream: trio.abc.Stream) -> None:
    """Do what no worker should."""
    match procedure:
        case "mute":
            await trio.sleep_forever()
        case "hang":
            await stream.send_all(acknowledgement(streams=True))
            await stream.send_all(b"".join(packet(encode(n)) for n in range(3)))
            await trio.sleep_forever()
        case "leave":
            await stream.send_all(acknowledgement(streams=False))
            await stream.aclose()
        case "babble":
            await stream.send_all(b"I am no worker\n")
        case _:
            complaint = Refused(Refusal.NO_SUCH_PROCEDURE, "no procedure of this name")
            await stream.send_all(refused(complaint))


async def count(given: Mapping[str, JsonValue], stream: trio.abc.Stream) -> None:
    """Stream the numbers below `n`, `gap` seconds apart, and return `n`."""
    number, gap_s = int(str(given.get("n", 0))), seconds(given, "gap")
    await stream.send_all(acknowledgement(streams=True))
    for at in range(number):
        await stream.send_all(packet(encode(at)))
        if gap_s:
            await trio.sleep(gap_s)
    await stream.send_all(result(encode(number)))


async def chatter(stream: trio.abc.Stream) -> None:
    """Stream and never end."""
    await stream.send_all(acknowledgement(streams=True))
    while True:
        await stream.send_all(packet(encode("on and on")))
        await trio.sleep(ENDLESS_GAP_S)


def seconds(given: Mapping[str, JsonValue], name: str) -> float:
    """Return an argument that is a duration; 0 where it is not given."""
    return float(str(given.get(name, 0)))


async def main(cert: str, key: str) -> None:
    """Listen on two free ports and print them."""
    async with trio.open_nursery() as nursery:
        ports = [await _listen(nursery, cert, key, keeps=keeps) for keeps in (0, 1)]
        sys.stdout.write(f"{ports[0]} {ports[1]}\n")
        sys.stdout.flush()


async def _listen(nursery: trio.Nursery, cert: str, key: str, *, keeps: int) -> int:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    if keeps:
        context.set_alpn_protocols([ALPN_PROTOCOL])

    async def meet(tcp: trio.SocketStream) -> None:
        await serve(trio.SSLStream(tcp, context, server_side=True), keeps=bool(keeps))

    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, meet, [listener])
    port: int = listener.socket.getsockname()[1]
    return port


PONG = encode("pong")

if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2])
