"""A worker in a process of its own that logs each call it begins, apart from us.

    python logging_worker.py --socket PATH --log FILE [--pem FILE]

It listens on the Unix socket and, with a certificate, on a free TCP port that it
prints. Both speak harp/2: it is sent job id and fence. What it streams and returns
follows from the arguments alone, see `value_of`; so a test knows what is right.
"""

from __future__ import annotations

import argparse
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import trio
import trustme

from protocol.harp import ALPN_PROTOCOL, HEARTBEAT, HarpCall
from protocol.harp_worker import acknowledgement, exception, packet, read_call, result
from protocol.jsontext import decode, encode
from protocol.lines import LineBuffer

BEGUN, ENDED, CLOSED = "begun", "ended", "closed"  # closed: by the dispatcher
SENT_AT_ONCE = 4  # packets of one send


@attrs.frozen(kw_only=True)
class Entry:
    """One line of the log: a call was begun, has ended, or was closed."""

    at: float  # time.monotonic(), the same clock for all processes
    event: str
    job_id: str
    fence: int
    tag: str


def value_of(tag: str, fence: int, number: int) -> dict[str, Any]:
    """Return what a call streams as its packet `number`, counted from its start."""
    return {"tag": tag, "fence": fence, "n": number}


def read_entries(log: Path, offset: int = 0) -> tuple[list[Entry], int]:
    """Return the entries behind `offset`, and the offset behind them."""
    with log.open("rb") as file:
        file.seek(offset)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    return [Entry(**json.loads(x)) for x in whole.splitlines()], offset + len(whole)


@attrs.frozen(kw_only=True)
class LoggingWorker:
    """A running worker: where it is reached, and where its log lies."""

    socket: Path
    port: int
    ca_file: Path
    log: Path

    def hosts(self) -> dict[str, dict[str, str | int | float | bool]]:
        """Return the tables for a daemon's configuration: `unix` and `tls`."""
        return {
            "unix": {"unix": str(self.socket), "harp2": True},
            "tls": {"address": "127.0.0.1", "port": self.port},
        }

    def entries(self) -> list[Entry]:
        """Return all of its log."""
        return read_entries(self.log)[0]


@contextmanager
def running_worker(directory: Path) -> Iterator[LoggingWorker]:
    """Run a worker with its files in `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    ca = trustme.CA()
    ca_file, pem = directory / "ca.pem", directory / "worker.pem"
    ca.cert_pem.write_to_path(str(ca_file))
    ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
    socket, log = directory / "worker", directory / "calls.log"
    command = [sys.executable, __file__, "--socket", str(socket)]
    command += ["--log", str(log), "--pem", str(pem)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield LoggingWorker(socket=socket, port=port, ca_file=ca_file, log=log)
        finally:
            process.kill()


class _Log:
    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, event: str, call: HarpCall, tag: str) -> None:
        entry = Entry(
            at=time.monotonic(),
            event=event,
            job_id=str(call.job_id),
            fence=call.fence or 0,
            tag=tag,
        )
        os.write(self._file, json.dumps(attrs.asdict(entry)).encode() + b"\n")


async def _serve(stream: trio.abc.Stream, log: _Log) -> None:
    """Carry out one call after another; a close ends the one that runs."""
    lines = LineBuffer(2**22)
    try:
        async with trio.open_nursery() as calls:
            while data := await stream.receive_some(65536):
                for line in lines.take_lines(bytes(data)):
                    if line + b"\n" != HEARTBEAT:
                        calls.start_soon(_carry_out, read_call(line), stream, log)
            calls.cancel_scope.cancel()
    except* trio.BrokenResourceError:
        pass  # the dispatcher was killed
    finally:
        await trio.aclose_forcefully(stream)


async def _carry_out(call: HarpCall, stream: trio.abc.Stream, log: _Log) -> None:
    arguments: Any = decode(call.arguments)
    tag = arguments["tag"]
    log.write(BEGUN, call, tag)
    has_ended = False
    try:
        await stream.send_all(acknowledgement(streams=call.procedure == "stream"))
        last_line = await _last_line(call, arguments, stream)
        log.write(ENDED, call, tag)  # before the dispatcher can begin a successor
        has_ended = True
        await stream.send_all(last_line)
    finally:
        if not has_ended:
            log.write(CLOSED, call, tag)


async def _last_line(
    call: HarpCall, arguments: Mapping[str, Any], stream: trio.abc.Stream
) -> bytes:
    tag, seconds = arguments["tag"], arguments.get("seconds", 0)
    match call.procedure:
        case "answer":
            await trio.sleep(seconds)
            return result(encode({"tag": tag}))
        case "stream":
            await _stream(tag, call.fence or 0, arguments["n"], seconds, stream)
            return result(encode({"tag": tag}))
        case "fail":
            await trio.sleep(seconds)
            return exception("broken", tag)
        case _:
            await trio.sleep_forever()
            return b""


async def _stream(
    tag: str, fence: int, count: int, seconds: float, stream: trio.abc.Stream
) -> None:
    lot = b""
    for number in range(count):
        lot += packet(encode(value_of(tag, fence, number)))
        if number % SENT_AT_ONCE == SENT_AT_ONCE - 1 or number == count - 1:
            await stream.send_all(lot)
            await trio.sleep(seconds * SENT_AT_ONCE / count)
            lot = b""


async def _main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--pem")
    options = parser.parse_args(arguments)
    log = _Log(Path(options.log))
    server = trio.socket.socket(trio.socket.AF_UNIX)
    await server.bind(options.socket)
    server.listen(1000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            trio.serve_listeners,
            lambda s: _serve(s, log),
            [trio.SocketListener(server)],
        )
        if options.pem:
            await _serve_tls(options.pem, log)


async def _serve_tls(pem: str, log: _Log) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    context.set_alpn_protocols([ALPN_PROTOCOL])
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=1000)
    sys.stdout.write(f"{listeners[0].socket.getsockname()[1]}\n")
    sys.stdout.flush()

    async def meet(tcp: trio.SocketStream) -> None:
        await _serve(trio.SSLStream(tcp, context, server_side=True), log)

    await trio.serve_listeners(meet, listeners)


if __name__ == "__main__":
    trio.run(_main, sys.argv[1:])
