"""The admin socket: a Unix socket, one JSON line a command, one line a reply."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import structlog
import trio

from indira import unixsocket
from indira.commands import CommandTable, Reply, refusal, reply_line
from protocol.errors import WireError
from protocol.lines import LineBuffer

MAX_LINE_BYTES = 1024 * 1024
MAX_CONNECTIONS = 100
_IDLE_S = 600.0  # a connection that asks nothing for so long is closed
_SEND_S = 60.0  # a peer that takes no reply for so long is dropped
_RECEIVE_BYTES = 64 * 1024
_UCRED = struct.Struct("iII")  # unix(7), SO_PEERCRED: pid, uid, gid

log = structlog.get_logger()


@attrs.frozen(kw_only=True)
class Peer:
    """Who connected, as the kernel vouches for it."""

    pid: int
    uid: int
    gid: int


@asynccontextmanager
async def listening(path: Path) -> AsyncIterator[trio.SocketListener]:
    """Listen on `path` while the block runs; nobody else can meanwhile.

    Raises:
        SocketTaken: a daemon is alive there, or a file that is no socket.
        OSError: the file cannot be made.
    """
    bound = unixsocket.bind(path)
    try:
        sock = trio.socket.from_stdlib_socket(bound.sock)
        async with trio.SocketListener(sock) as listener:
            yield listener
    finally:
        bound.remove()


async def serve(
    listener: trio.SocketListener,
    table: CommandTable,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer commands until cancelled; one client never disturbs another."""
    slots = trio.Semaphore(MAX_CONNECTIONS)

    async def meet(stream: trio.SocketStream) -> None:
        async with stream:
            try:
                slots.acquire_nowait()
            except trio.WouldBlock:
                log.warning("admin.refused", reason="too many connections")
                return
            try:
                await _converse(stream, table)
            finally:
                slots.release()

    task_status.started()
    await trio.serve_listeners(meet, [listener])


async def _converse(stream: trio.SocketStream, table: CommandTable) -> None:
    try:
        peer = _peer_of(stream.socket)
        await _answer_lines(stream, table, peer)
    except (trio.BrokenResourceError, trio.TooSlowError) as error:
        log.warning("admin.lost", error=type(error).__name__)
    except Exception:
        log.exception("admin.crashed")


async def _answer_lines(
    stream: trio.SocketStream, table: CommandTable, peer: Peer
) -> None:
    buffer = LineBuffer(MAX_LINE_BYTES)
    while not buffer.is_overflown:
        data = b""
        with trio.move_on_after(_IDLE_S):
            data = await stream.receive_some(_RECEIVE_BYTES)
        lines = buffer.take_lines(data) if data else [buffer.take_rest()]
        for line in filter(None, lines):
            await _send(stream, await _carry_out(line, table, peer))
        if not data:
            return
    await _send(stream, refusal(f"a line of more than {MAX_LINE_BYTES} bytes"))


async def _carry_out(line: bytes, table: CommandTable, peer: Peer) -> Reply:
    """Return what the daemon says to one line, whatever the line is."""
    who = {"peer_pid": peer.pid, "peer_uid": peer.uid, "peer_gid": peer.gid}
    try:
        command, arguments = table.parse(line)
    except WireError as error:
        log.warning("command.refused", error=error.type.value, **who)
        return refusal(error.message)
    log.info("command.received", command=command.name, **who)
    try:
        return await command.run(arguments)
    except WireError as error:
        return refusal(error.message)
    except Exception as error:
        log.exception("command.crashed", command=command.name)
        return refusal(f"{command.name} failed: {type(error).__name__}; see the log")


async def _send(stream: trio.SocketStream, reply: Reply) -> None:
    with trio.fail_after(_SEND_S):
        await stream.send_all(reply_line(reply))


def _peer_of(sock: trio.socket.SocketType) -> Peer:
    packed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, gid = _UCRED.unpack(packed)
    return Peer(pid=pid, uid=uid, gid=gid)
