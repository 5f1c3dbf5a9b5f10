"""Carries calls out on workers that speak harp, over TLS or Unix sockets."""

from __future__ import annotations

import math
from typing import NoReturn, assert_never

import trio

from harpcaller.hosts.registry import Host, Registry
from harpcaller.meters import WorkerMeters
from harpcaller.runners import Progress, failures
from harpcaller.runners.connection import Connection, open_connection
from harpcaller.runners.pool import Pool
from harpcaller.runners.tls import WorkerTls
from harpcaller.store import Claim
from protocol.call import unseal
from protocol.errors import ErrorType, WireError
from protocol.harp import (
    MAX_LINE_BYTES,
    SILENCE_S,
    Acknowledged,
    CallerConversation,
    Ended,
    Event,
    HarpCall,
    Packets,
    request,
)
from protocol.jsontext import encode
from protocol.outcome import Failed, Outcome, Raised, Returned

_SHOWN_CHARACTERS = 80  # of a host that is unknown
# A longer line is read in a thread: it would keep the loop for milliseconds.
_LONG_LINE_BYTES = 256 * 1024


class HarpRunner:
    """Finds the worker of a host, asks it, and listens until the call has ended."""

    def __init__(
        self,
        registry: Registry,
        tls: WorkerTls,
        max_line_bytes: int = MAX_LINE_BYTES,
        *,
        pool: Pool | None = None,
    ) -> None:
        self.meters = WorkerMeters()
        self._registry = registry
        self._tls = tls
        self._max_line_bytes = max_line_bytes
        self._pool = Pool() if pool is None else pool

    def configure(self, tls: WorkerTls, max_line_bytes: int) -> None:
        """Believe workers so from the next call on; kept connections are closed."""
        self._tls = tls
        self._max_line_bytes = max_line_bytes
        self._pool.close()

    async def run(self) -> NoReturn:
        """Look after kept connections, until cancelled; without it none is alive."""
        await self._pool.run()

    async def carry_out(self, claim: Claim, progress: Progress) -> Outcome:
        """Run the call; return how it ended, whatever the worker did."""
        host = self._registry.find(claim.record.host)
        if host is None:
            return _unknown(claim.record.host)
        tls = self._tls
        try:
            connection = await self._connect(host, tls)
        except WireError as error:
            self.meters.failed += 1
            return _failed(error)
        return await self._converse(host, connection, tls, claim, progress)

    async def _connect(self, host: Host, tls: WorkerTls) -> Connection:
        """Return a connection that is fit for a request.

        Raises:
            WireError: `network_error` or `os_error`.
        """
        connection = self._pool.take(host)
        if connection is not None:
            self.meters.reused += 1
            return connection
        begun_at = trio.current_time()
        connection = await open_connection(host, tls)
        self.meters.connects_s.observe(trio.current_time() - begun_at)
        return connection

    async def _converse(
        self,
        host: Host,
        connection: Connection,
        tls: WorkerTls,
        claim: Claim,
        progress: Progress,
    ) -> Outcome:
        conversation = CallerConversation(
            max_line_bytes=self._max_line_bytes, has_heartbeats=connection.is_kept
        )
        is_fit = False
        if connection.is_kept:
            self._pool.use(connection)
        try:
            progress.connected()
            await connection.send(_request(host, claim, connection.is_kept))
            outcome = await self._listen(connection, conversation, progress)
            # A worker that lied is left at once; what ended in order may go on, unless
            # it was believed by a configuration that is no more.
            is_fit = isinstance(outcome, Returned | Raised) and tls is self._tls
        except WireError as error:
            return _failed(error)
        else:
            return outcome
        finally:
            self._pool.leave(connection)
            if is_fit and connection.is_kept and not conversation.has_leftovers:
                self._pool.put(host, connection)
            else:
                connection.close()

    async def _listen(
        self,
        connection: Connection,
        conversation: CallerConversation,
        progress: Progress,
    ) -> Outcome:
        """Return how the call ended; hand on what came before.

        Raises:
            WireError: `network_error`, the connection broke or the heart stopped.
        """
        asked_at = trio.current_time()
        silence_s = SILENCE_S if connection.is_kept else math.inf
        with trio.CancelScope() as alive:
            while True:
                alive.deadline = trio.current_time() + silence_s
                data = await connection.receive()
                alive.deadline = (
                    math.inf
                )  # what follows is ours: a slow store, not silence
                for event in await _hear(conversation, data):
                    progress.heard()
                    match event:
                        case Packets(texts):
                            await progress.emit(texts)
                        case Ended(outcome):
                            return outcome
                        case Acknowledged():
                            acked_s = trio.current_time() - asked_at
                            self.meters.acks_s.observe(acked_s)
                        case _:
                            assert_never(event)
        raise failures.silent(silence_s)


def _request(host: Host, claim: Claim, is_kept: bool) -> bytes:
    return request(
        HarpCall(
            procedure=claim.record.procedure,
            arguments=unseal(claim.record.arguments, claim.sealed),
            user=host.user,
            password=host.password,
            job_id=claim.job_id if is_kept else None,
            fence=claim.fence if is_kept else None,
        )
    )


async def _hear(conversation: CallerConversation, data: bytes) -> list[Event]:
    if not data:
        return conversation.receive_eof()
    if conversation.pending_bytes + len(data) > _LONG_LINE_BYTES and b"\n" in data:
        return await trio.to_thread.run_sync(conversation.receive, data)
    return conversation.receive(data)


def _unknown(host: str) -> Failed:
    # Quoted as in JSON: it may be of any characters, and ends up on terminals.
    shown = encode(host[:_SHOWN_CHARACTERS]).decode()
    message = f"no host of this name: {shown}"
    return Failed(type=ErrorType.UNKNOWN_HOST, message=message)


def _failed(error: WireError) -> Failed:
    data = None if error.data is None else encode(dict(error.data))
    return Failed(type=error.type, message=error.message, data=data)
