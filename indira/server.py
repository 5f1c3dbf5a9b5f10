"""The admin socket: a Unix socket, one JSON line a command, one line a reply.

A long command may send lines of progress before its reply.
"""

from __future__ import annotations

import select
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path

import structlog
import trio

from indira import unixsocket
from indira.commands import (
    Arguments,
    Command,
    CommandTable,
    Long,
    Reply,
    progress_line,
    refusal,
    reply_line,
)
from indira.peers import Allowed, Peer, peer_of
from protocol.errors import WireError
from protocol.jsontext import JsonValue
from protocol.lines import LineBuffer

MAX_LINE_BYTES = 1024 * 1024
MAX_CONNECTIONS = 100
IDLE_S = 600.0  # a connection that asks nothing for so long is closed
SEND_S = 60.0  # a peer that takes no reply for so long is dropped
_LOOK_S = 0.5  # how soon a long command notices that its client has gone
_RECEIVE_BYTES = 64 * 1024

log = structlog.get_logger()


@asynccontextmanager
async def listening(
    path: Path,
    group: int | str | None = None,
    passed: socket.socket | None = None,
) -> AsyncIterator[trio.SocketListener]:
    """Listen on `path` while the block runs; nobody else can meanwhile.

    A socket that was `passed` to us listens there already, and its file is not ours.
    Else the file, mode 0660, is our own group's unless `group` names another. It stays
    the same one, whatever is loaded anew behind it.

    Raises:
        SocketTaken: a daemon is alive there, or a file that is no socket.
        OSError: the file cannot be made, or not be given to the group.
        LookupError: there is no such group.
    """
    with nullcontext(passed) if passed else _bound(path, group) as sock:
        ours = trio.socket.from_stdlib_socket(sock)
        async with trio.SocketListener(ours) as listener:
            yield listener


@contextmanager
def _bound(path: Path, group: int | str | None) -> Iterator[socket.socket]:
    bound = unixsocket.bind(path, group=group)
    try:
        yield bound.sock
    finally:
        bound.remove()


async def serve(
    listener: trio.SocketListener,
    table: CommandTable,
    allowed: Allowed | None = None,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer commands until cancelled; one client never disturbs another.

    Without `allowed`, whoever could open the socket may ask.
    """
    slots = trio.Semaphore(MAX_CONNECTIONS)

    async def meet(stream: trio.SocketStream) -> None:
        async with stream:
            try:
                slots.acquire_nowait()
            except trio.WouldBlock:
                log.warning("admin.refused", reason="too many connections")
                return
            try:
                await _converse(_Client(stream, table), allowed)
            finally:
                slots.release()

    task_status.started()
    await trio.serve_listeners(meet, [listener])


async def _converse(client: _Client, allowed: Allowed | None) -> None:
    try:
        if allowed is None or allowed.admits(client.peer):
            await client.answer_lines()
        else:
            await client.turn_away()
    except (trio.BrokenResourceError, trio.TooSlowError) as error:
        log.warning("admin.lost", error=type(error).__name__)
    except Exception:
        log.exception("admin.crashed")


class _Client:
    """One connection: its commands are carried out one after the other."""

    def __init__(self, stream: trio.SocketStream, table: CommandTable) -> None:
        self.peer: Peer = peer_of(stream.socket)
        self._stream = stream
        self._table = table
        self._is_lost = False  # nothing more can be sent
        self._who = {
            "peer_pid": self.peer.pid,
            "peer_uid": self.peer.uid,
            "peer_gid": self.peer.gid,
        }

    async def turn_away(self) -> None:
        """Tell the peer that he may not ask."""
        log.warning("admin.refused", reason="not allowed", **self._who)
        await self._send(
            reply_line(refusal(f"uid {self.peer.uid} may not administer this daemon"))
        )

    async def answer_lines(self) -> None:
        """Carry out each line that comes, whatever it is, until the last one."""
        buffer = LineBuffer(MAX_LINE_BYTES)
        while not buffer.is_overflown:
            data = b""
            with trio.move_on_after(IDLE_S):
                data = await self._stream.receive_some(_RECEIVE_BYTES)
            lines = buffer.take_lines(data) if data else [buffer.take_rest()]
            for line in filter(None, lines):
                await self._answer(line)
            if not data:
                return
        complaint = refusal(f"a line of more than {MAX_LINE_BYTES} bytes")
        await self._send(reply_line(complaint))

    async def _answer(self, line: bytes) -> None:
        try:
            command, arguments = self._table.parse(line)
        except WireError as error:
            log.warning("command.refused", error=error.type.value, **self._who)
            await self._send(reply_line(refusal(error.message)))
            return
        log.info("command.received", command=command.name, **self._who)
        if isinstance(command.run, Long) and not command.run.outlives_client:
            reply = await self._carry_out_while_here(command, arguments)
        else:
            reply = await self._carry_out(command, arguments)
        await self._send(reply_line(reply))

    async def _carry_out_while_here(
        self, command: Command, arguments: Arguments
    ) -> Reply:
        """Carry out a command that ends with its client.

        Raises:
            BrokenResourceError: he has gone.
        """
        reply: Reply | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._cancel_when_gone, nursery.cancel_scope)
            reply = await self._carry_out(command, arguments)
            nursery.cancel_scope.cancel()
        if reply is None:
            log.info("command.cancelled", command=command.name, **self._who)
            raise trio.BrokenResourceError("the client has gone")
        return reply

    async def _cancel_when_gone(self, scope: trio.CancelScope) -> None:
        # A client that has closed his half only still listens: that is no POLLHUP.
        poll = select.poll()
        poll.register(self._stream.socket.fileno(), 0)
        while not poll.poll(0):  # noqa: ASYNC110 (the kernel sets no event for it)
            await trio.sleep(_LOOK_S)
        scope.cancel()

    async def _carry_out(self, command: Command, arguments: Arguments) -> Reply:
        """Return what the daemon says, whatever becomes of the command."""
        try:
            return await command.carry_out(arguments, self._tell)
        except WireError as error:
            return refusal(error.message)
        except Exception as error:
            log.exception("command.crashed", command=command.name)
            return refusal(
                f"{command.name} failed: {type(error).__name__}; see the log"
            )

    async def _tell(self, progress: Mapping[str, JsonValue]) -> None:
        if self._is_lost:
            await trio.lowlevel.checkpoint()
            return
        try:
            await self._send(progress_line(progress))
        except (trio.BrokenResourceError, trio.TooSlowError):
            # The command goes on, or ends when it is noticed that he has gone.
            self._is_lost = True

    async def _send(self, line: bytes) -> None:
        if self._is_lost:  # half a line may have been sent
            raise trio.BrokenResourceError("the client takes nothing more")
        with trio.fail_after(SEND_S):
            await self._stream.send_all(line)
