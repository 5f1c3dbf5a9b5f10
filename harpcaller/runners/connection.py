"""One connection to a worker, opened, verified, and closed without waiting."""

from __future__ import annotations

import math
import select
import socket
import ssl
from contextlib import suppress

import trio

from harpcaller.addresses import TcpAddress
from harpcaller.hosts.registry import Host
from harpcaller.runners import failures
from harpcaller.runners.tls import Trust, WorkerTls
from harpcaller.tls_stream import READ_BYTES, TlsStream
from protocol.errors import WireError
from protocol.harp import ALPN_PROTOCOL, HEARTBEAT

_CONNECTING = "cannot connect to the worker"
_SPEAKING = "the connection to the worker broke"
_HEARTBEAT_SEND_S = 1  # a socket that does not take one small line is dead

_BROKEN = (OSError, trio.BrokenResourceError, trio.ClosedResourceError)
_NO_CONNECTION = (*_BROKEN, UnicodeError, ValueError)


class Connection:
    """A connection that a request may be sent on.

    `is_kept` tells whether both ends agreed to use it for one call after another.
    """

    def __init__(self, stream: trio.SocketStream | TlsStream, *, is_kept: bool) -> None:
        self.is_kept = is_kept
        self.sent_at = math.inf  # trio's clock; infinite until a request was sent
        self._stream = stream
        self._transport = stream if isinstance(stream, trio.SocketStream) else None
        self._tls = stream if isinstance(stream, TlsStream) else None
        self._turn = trio.StrictFIFOLock()

    @property
    def socket(self) -> trio.socket.SocketType:
        """The socket below."""
        below = self._stream
        return below.transport.socket if isinstance(below, TlsStream) else below.socket

    def is_quiet(self) -> bool:
        """Tell whether nothing came: no data, no end, no error.

        An idle connection where something came is not fit for another request.
        """
        if self._tls is not None and self._tls.has_unread:
            return False
        poll = select.poll()
        poll.register(self.socket.fileno(), select.POLLIN)
        return not poll.poll(0)

    async def send(self, line: bytes) -> None:
        """Send a request.

        Raises:
            WireError: `network_error`.
        """
        self.sent_at = math.inf
        try:
            async with self._turn:
                await self._stream.send_all(line)
        except _BROKEN as error:
            raise failures.complaint(error, _SPEAKING) from error
        self.sent_at = trio.current_time()

    async def receive(self) -> bytes:
        """Return what came; nothing at the end.

        Raises:
            WireError: `network_error`.
        """
        try:
            if self._tls is not None:
                return await self._tls.receive_some()
            assert self._transport is not None  # noqa: S101 (one of the two)
            return bytes(await self._transport.receive_some(READ_BYTES))
        except _BROKEN as error:
            raise failures.complaint(error, _SPEAKING) from error

    async def beat(self) -> None:
        """Send a heartbeat; close the connection if it does not take it."""
        try:
            with trio.fail_after(_HEARTBEAT_SEND_S):
                async with self._turn:
                    await self._stream.send_all(HEARTBEAT)
        except (*_BROKEN, trio.TooSlowError):
            self.close()
        else:
            self.sent_at = trio.current_time()

    def close(self) -> None:
        """Close at once: nothing is awaited, so a cancelled task can do it too."""
        self.socket.close()


async def open_connection(host: Host, tls: WorkerTls) -> Connection:
    """Return a connection to a worker that is who it says it is.

    Raises:
        WireError: `network_error` or `os_error`; nothing was sent but the handshake.
    """
    try:
        if isinstance(host.address, TcpAddress):
            return await _open_tls(host, host.address, tls)
        stream = await trio.open_unix_socket(host.address.path)
    except _NO_CONNECTION as error:
        raise failures.complaint(error, _CONNECTING) from error
    return Connection(stream, is_kept=host.harp2)


async def _open_tls(host: Host, address: TcpAddress, tls: WorkerTls) -> Connection:
    """Try the ways to trust it, each on a connection of its own."""
    first, *others = tls.trusts_for(host)
    try:
        return await _open_trusting(host, address, tls, first)
    except (WireError, ssl.SSLError) as error:
        if not others or not _is_distrust(error):
            raise
    return await _open_trusting(host, address, tls, others[0])


def _is_distrust(error: Exception) -> bool:
    return isinstance(error, WireError | ssl.SSLCertVerificationError)


async def _open_trusting(
    host: Host, address: TcpAddress, tls: WorkerTls, trust: Trust
) -> Connection:
    transport = await trio.open_tcp_stream(address.host, address.port)
    try:
        _keep_alive(transport.socket)
        stream = TlsStream(
            transport,
            trust.context,
            host.server_name or address.host,
            tls.session_for(host, trust),
        )
        await _shake_hands(host, stream, tls)
        _check_known(trust, stream.tls)
    except BaseException:
        transport.socket.close()
        raise
    tls.remember(host, trust, stream.tls)
    is_kept = stream.tls.selected_alpn_protocol() == ALPN_PROTOCOL
    return Connection(stream, is_kept=is_kept)


async def _shake_hands(host: Host, stream: TlsStream, tls: WorkerTls) -> None:
    try:
        await stream.do_handshake()
    except ssl.SSLError:
        tls.forget_session(host)
        raise


def _check_known(trust: Trust, tls: ssl.SSLObject) -> None:
    if not trust.accepts(tls.getpeercert(binary_form=True)):
        raise failures.not_known(_CONNECTING)


def _keep_alive(transport: trio.socket.SocketType) -> None:
    """Have the kernel notice a worker that vanished: after 60 s and 6 probes."""
    with suppress(OSError):
        transport.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        transport.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        transport.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
        transport.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 6)
