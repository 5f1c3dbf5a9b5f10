"""The connections of dispatchers: each is served here, one call after the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import structlog
import trio

from harpcaller.addresses import TcpAddress
from harpcaller.peerlog import PeerLog
from harpcaller.worker.calls import Calls
from harpcaller.worker.fences import Fences
from harpcaller.worker.listen import keep_alive, peer_of
from harpcaller.worker.peer import Peer
from harpcaller.worker.terms import Terms
from protocol import harp_worker
from protocol.harp import ALPN_PROTOCOL, HarpCall
from protocol.harp_worker import Refusal, Refused, read_call

log = structlog.get_logger()

HANDSHAKE_S = 10
FIRST_LINE_S = 30
_CONNECTIONS_PER_CALL = 4  # idle ones and strangers included; more are closed
IDLE_S = 600  # for the next call; a dispatcher closes its idle connections earlier


class Server:
    """Serves connections; owns who is between two calls, and so may go at a stop."""

    def __init__(
        self,
        terms: Callable[[], Terms],
        calls: Calls,
        peer_log: PeerLog,
        *,
        max_calls: int,
        max_line_bytes: int,
    ) -> None:
        self._terms = terms
        self._peer_log = peer_log
        self._fences = Fences()
        self._calls = calls
        self._connections = trio.Semaphore(_CONNECTIONS_PER_CALL * max_calls)
        self._max_line_bytes = max_line_bytes
        self._idle: set[trio.CancelScope] = set()
        self._is_stopping = False

    def stop(self) -> None:
        """Let every connection end as soon as no call runs on it."""
        self._is_stopping = True
        for scope in self._idle:
            scope.cancel()

    async def serve_tls(self, transport: trio.SocketStream) -> None:
        """Serve a connection that has to begin with a TLS handshake."""
        keep_alive(transport)
        tls = self._terms().tls
        assert tls is not None  # noqa: S101 (settings see to it)
        stream = trio.SSLStream(transport, tls, server_side=True, https_compatible=True)
        address = peer_of(transport)
        with structlog.contextvars.bound_contextvars(peer=str(address)):
            serve = partial(self._serve_tls, stream, address)
            await self._admit(stream, address.host, serve)

    async def serve(self, stream: trio.SocketStream, *, is_kept: bool) -> None:
        """Serve a connection without TLS, from this machine."""
        serve = partial(self._serve_calls, stream, None, is_kept)
        await self._admit(stream, "unix", serve)

    async def _admit(
        self,
        stream: trio.abc.Stream,
        host: str,
        serve: Callable[[], Awaitable[None]],
    ) -> None:
        """Serve one connection, if there is room for it; leave nothing of it."""
        try:
            self._connections.acquire_nowait()
        except trio.WouldBlock:
            self._peer_log.warn("connection.refused", host, reason="too many")
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

    async def _serve_tls(
        self, stream: trio.SSLStream[trio.SocketStream], address: TcpAddress
    ) -> None:
        try:
            with trio.fail_after(HANDSHAKE_S):
                await stream.do_handshake()
        except (trio.BrokenResourceError, trio.TooSlowError) as error:
            reason = str(error.__cause__ or "no handshake in time")
            self._peer_log.warn("handshake.failed", address.host, reason=reason)
            return
        is_kept = stream.selected_alpn_protocol() == ALPN_PROTOCOL
        await self._serve_calls(stream, address, is_kept)

    async def _serve_calls(
        self, stream: trio.abc.Stream, address: TcpAddress | None, is_kept: bool
    ) -> None:
        """Serve call after call, then close so that the last reply arrives."""
        peer = Peer(
            stream,
            max_line_bytes=self._max_line_bytes,
            is_kept=is_kept,
            address=address,
        )
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
            ending = await self._answer(peer, read_call(line))
        except Refused as complaint:
            ending = harp_worker.refused(complaint)
        if ending is not None:
            await peer.send(ending)
        return ending is not None

    async def _answer(self, peer: Peer, call: HarpCall) -> bytes | None:
        terms = self._terms()
        is_description = terms.has_description(call.procedure)
        await terms.door.admit(call, peer.host, is_open=is_description)
        if is_description:
            return terms.describe(call)
        if peer.is_kept:
            self._fences.check(call)
            self._calls.end_older(call)
        # What is in force now: it may have changed while a password was checked.
        return await self._calls.carry_out(peer, call, self._terms().children)
