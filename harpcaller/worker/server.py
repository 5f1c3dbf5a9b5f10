"""The connections of dispatchers: each is served here, one call after the other."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from functools import partial

import structlog
import trio

from harpcaller.worker.children import Child, Children
from harpcaller.worker.listen import keep_alive, peer_of
from harpcaller.worker.peer import Peer
from harpcaller.worker.relay import Pace, Replies
from harpcaller.worker.users import Users
from protocol import harp_worker
from protocol.harp import ALPN_PROTOCOL, HEARTBEAT, HEARTBEAT_S, HarpCall
from protocol.harp_worker import Refusal, Refused, read_call

log = structlog.get_logger()

HANDSHAKE_S = 10
FIRST_LINE_S = 30
_OVERFLOWN = harp_worker.exception(
    "ValueError", "the procedure's process wrote a line longer than any may be"
)
_CONNECTIONS_PER_CALL = 4  # idle ones and strangers included; more are closed
IDLE_S = 600  # for the next call; a dispatcher closes its idle connections earlier


class Server:
    """Serves connections; owns who is between two calls, and so may go at a stop."""

    def __init__(
        self, children: Children, users: Users, *, max_calls: int, max_line_bytes: int
    ) -> None:
        self._children = children
        self._users = users
        self._room = trio.Semaphore(max_calls)
        self._connections = trio.Semaphore(_CONNECTIONS_PER_CALL * max_calls)
        self._max_line_bytes = max_line_bytes
        self._idle: set[trio.CancelScope] = set()
        self._is_stopping = False

    def stop(self) -> None:
        """Let every connection end as soon as no call runs on it."""
        self._is_stopping = True
        for scope in self._idle:
            scope.cancel()

    async def serve_tls(
        self, transport: trio.SocketStream, context: ssl.SSLContext
    ) -> None:
        """Serve a connection that has to begin with a TLS handshake."""
        keep_alive(transport)
        stream = trio.SSLStream(
            transport, context, server_side=True, https_compatible=True
        )
        with structlog.contextvars.bound_contextvars(peer=peer_of(transport)):
            await self._admit(stream, partial(self._serve_tls, stream))

    async def serve(self, stream: trio.SocketStream, *, is_kept: bool) -> None:
        """Serve a connection without TLS, from this machine."""
        await self._admit(stream, partial(self._serve_calls, stream, is_kept))

    async def _admit(
        self, stream: trio.abc.Stream, serve: Callable[[], Awaitable[None]]
    ) -> None:
        """Serve one connection, if there is room for it; leave nothing of it."""
        try:
            self._connections.acquire_nowait()
        except trio.WouldBlock:
            log.warning("connection.refused", reason="too many")
            await trio.aclose_forcefully(stream)
            return
        try:
            await serve()
        except trio.BrokenResourceError:
            pass  # the peer is gone, and its call with it
        except Exception:
            log.exception("connection.crashed")
        finally:
            self._connections.release()
            await trio.aclose_forcefully(stream)

    async def _serve_tls(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        try:
            with trio.fail_after(HANDSHAKE_S):
                await stream.do_handshake()
        except (trio.BrokenResourceError, trio.TooSlowError) as error:
            reason = str(error.__cause__ or "no handshake in time")
            log.warning("handshake.failed", reason=reason)
            return
        is_kept = stream.selected_alpn_protocol() == ALPN_PROTOCOL
        await self._serve_calls(stream, is_kept)

    async def _serve_calls(self, stream: trio.abc.Stream, is_kept: bool) -> None:
        """Serve call after call, then close so that the last reply arrives."""
        peer = Peer(stream, max_line_bytes=self._max_line_bytes, is_kept=is_kept)
        await self._converse(peer)
        await peer.close()

    async def _converse(self, peer: Peer) -> None:
        line = await self._next_line(peer, FIRST_LINE_S)
        while line is not None:
            is_over = not await self._serve_call(peer, line)
            if is_over or not peer.is_kept:
                return
            line = await self._next_line(peer, IDLE_S)
        if peer.is_overflown:
            message = f"a line of more than {self._max_line_bytes} bytes"
            complaint = Refused(Refusal.INVALID_REQUEST, message)
            await peer.send(harp_worker.refused(complaint))

    async def _next_line(self, peer: Peer, limit_s: float) -> bytes | None:
        if self._is_stopping:
            return None
        with trio.move_on_after(limit_s) as scope:
            self._idle.add(scope)
            try:
                return await peer.receive_line()
            finally:
                self._idle.discard(scope)
        return None

    async def _serve_call(self, peer: Peer, line: bytes) -> bool:
        """Answer one call; tell whether the peer is still there."""
        try:
            call = read_call(line)
            self._check(call)
            ending = await self._carry_out(peer, call)
        except Refused as complaint:
            ending = harp_worker.refused(complaint)
        if ending is not None:
            await peer.send(ending)
        return ending is not None

    def _check(self, call: HarpCall) -> None:
        if not self._users.may_call(call.user, call.password):
            log.warning("call.unauthorized", user=call.user)
            raise Refused(Refusal.AUTH_ERROR, "unknown user or wrong password")

    async def _carry_out(self, peer: Peer, call: HarpCall) -> bytes | None:
        """Run `call`; return how it ended, None if the peer went before that."""
        ending: bytes | None = None
        refusal: Refused | None = None
        began_at = trio.current_time()
        async with trio.open_nursery() as nursery:

            async def cancel_when_gone() -> None:
                await peer.wait_gone()
                nursery.cancel_scope.cancel()

            nursery.start_soon(cancel_when_gone)
            try:
                async with self._room, self._children.run(call) as child:
                    ending = await self._relay(peer, child)
            except Refused as complaint:
                refusal = complaint
            except trio.BrokenResourceError:
                pass  # the peer went while we sent
            nursery.cancel_scope.cancel()
        log.info(
            "call.ended",
            procedure=call.procedure,
            job_id=call.job_id,
            took_s=round(trio.current_time() - began_at, 3),
            cancelled=ending is None and refusal is None,
        )
        if refusal is not None:
            raise refusal
        return ending

    async def _relay(self, peer: Peer, child: Child) -> bytes:
        """Pass on what the call says; return its last lines when it is all gone."""
        replies = Replies(self._max_line_bytes)
        pace = Pace()
        while data := await self._next_data(peer, child):
            lines = replies.receive(data)
            if lines:
                await peer.send(lines)
            if replies.is_overflown:
                return replies.finish(_OVERFLOWN)
            if pause_s := pace.pause_s(trio.current_time(), len(data)):
                await trio.sleep(pause_s)
        return replies.finish(await child.receive_ending())

    async def _next_data(self, peer: Peer, child: Child) -> bytes:
        if not peer.is_kept:
            return await child.receive_some()
        while True:
            with trio.move_on_after(HEARTBEAT_S):
                return await child.receive_some()
            await peer.send(HEARTBEAT)
