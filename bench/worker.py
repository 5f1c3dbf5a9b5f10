"""A worker that costs next to nothing, to measure the dispatcher and not the work.

    python bench/worker.py --cert FILE --key FILE    TLS, kept connections (harp/2)

Prints the port it listens on. Procedures: `noop` returns null; `burst(n, size)` streams
n strings as fast as they are taken and returns n; `ticks(n, interval)` streams n
numbers, one each interval; `hang` never returns.
"""

from __future__ import annotations

import argparse
import ssl
from collections.abc import Mapping

import trio

from protocol.harp import ALPN_PROTOCOL, HEARTBEAT, HEARTBEAT_S, HarpCall
from protocol.harp_worker import acknowledgement, packet, read_call, result
from protocol.jsontext import JsonValue, decode, encode
from protocol.lines import LineBuffer

LOT = 500  # packets in one send


async def serve(stream: trio.abc.Stream) -> None:
    """Carry out one call after another."""
    lines = LineBuffer(2**22)
    try:
        while data := await stream.receive_some(65536):
            for line in lines.take_lines(bytes(data)):
                if line.strip() != HEARTBEAT.strip():  # sent while a call was long
                    await carry_out(read_call(line), stream)
    except trio.BrokenResourceError:
        pass  # the dispatcher closed: that is how a call is cancelled
    finally:
        await trio.aclose_forcefully(stream)


async def carry_out(call: HarpCall, stream: trio.abc.Stream) -> None:
    """Answer one call."""
    arguments = decode(call.arguments)
    given = arguments if isinstance(arguments, dict) else {}
    match call.procedure:
        case "noop":
            await stream.send_all(acknowledgement(streams=False) + result())
        case "burst":
            await stream.send_all(acknowledgement(streams=True))
            await burst(given, stream)
        case "ticks":
            await stream.send_all(acknowledgement(streams=True))
            for number in range(count(given)):
                await stream.send_all(packet(encode(number)))
                await trio.sleep(float(str(given["interval"])))
            await stream.send_all(result())
        case _:
            await stream.send_all(acknowledgement(streams=False))
            while True:
                await trio.sleep(HEARTBEAT_S)
                await stream.send_all(HEARTBEAT)


def count(given: Mapping[str, JsonValue]) -> int:
    """Return how many packets were asked for."""
    return int(str(given["n"]))


async def burst(given: Mapping[str, JsonValue], stream: trio.abc.Stream) -> None:
    """Stream as fast as the other side takes it."""
    number = count(given)
    line = packet(encode("x" * int(str(given["size"]))))
    for start in range(0, number, LOT):
        await stream.send_all(line * min(LOT, number - start))
    await stream.send_all(result(encode(number)))


async def main() -> None:
    """Listen on a free port and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cert", required=True)
    parser.add_argument("--key", required=True)
    options = parser.parse_args()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.cert, options.key)
    context.set_alpn_protocols([ALPN_PROTOCOL])

    async def meet(tcp: trio.SocketStream) -> None:
        await serve(trio.SSLStream(tcp, context, server_side=True))

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=4096)
    print(listeners[0].socket.getsockname()[1], flush=True)
    await trio.serve_listeners(meet, listeners)


if __name__ == "__main__":
    trio.run(main)
