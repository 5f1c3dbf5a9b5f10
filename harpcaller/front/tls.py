"""Clients that speak TLS: the handshake, and the stream that a session gets."""

from __future__ import annotations

import os
import ssl
from contextlib import suppress

import trio

from harpcaller.peerlog import PeerLog
from harpcaller.tls_stream import READ_BYTES, TlsStream
from protocol import replies
from protocol.errors import ErrorType, WireError

HANDSHAKE_S = 10.0
_HANDSHAKE_RECORD = 0x16  # RFC 8446, section 5.1
NOT_CLEAR = replies.error(
    WireError(
        ErrorType.INVALID_PROTOCOL,
        "this port speaks TLS, not JSON lines in clear; see harpcaller-protocol(7)",
    )
)
NOT_CLEAR_HTTP = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 26\r\n"
    b"Connection: close\r\n\r\nthis port speaks TLS only\n"
)
# What OpenSSL says, and our word for it; what is not here is "tls".
_WORDS = {
    "CERTIFICATE_VERIFY_FAILED": "certificate",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "no_certificate",
    "UNEXPECTED_EOF_WHILE_READING": "closed",
    "UNSUPPORTED_PROTOCOL": "version",
}


class TlsClient(trio.abc.HalfCloseableStream):
    """A client's stream below TLS, which fails as a socket's does."""

    def __init__(self, stream: TlsStream) -> None:
        self._stream = stream
        self._has_said_farewell = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data`."""
        try:
            await self._stream.send_all(bytes(data))
        except ssl.SSLError as error:
            raise trio.BrokenResourceError from error

    async def wait_send_all_might_not_block(self) -> None:
        """Return when there may be room to send."""
        await self._stream.transport.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what came: a read's worth, whatever `max_bytes` says."""
        try:
            return await self._stream.receive_some()
        except ssl.SSLError as error:
            raise trio.BrokenResourceError from error

    async def send_eof(self) -> None:
        """Say that nothing more will be sent, in TLS and below it."""
        transport = self._stream.transport
        if farewell := self._farewell():
            await transport.send_all(farewell)
        await transport.send_eof()

    async def aclose(self) -> None:
        """Close at once; the farewell goes out if there is room for it."""
        if farewell := self._farewell():
            with suppress(OSError):
                os.write(self._stream.transport.socket.fileno(), farewell)
        await self._stream.transport.aclose()

    def _farewell(self) -> bytes:
        if self._has_said_farewell:
            return b""
        self._has_said_farewell = True
        return self._stream.farewell()


async def shake_hands(
    transport: trio.SocketStream,
    context: ssl.SSLContext,
    host: str,
    peer_log: PeerLog,
    not_clear: bytes = NOT_CLEAR,
) -> TlsStream | None:
    """Return the stream of a client with whom keys were agreed on; None: he is lost.

    What kept them from it is told in the log, and to the client where it can be:
    `not_clear` to one who speaks no TLS.
    """
    try:
        with trio.fail_after(HANDSHAKE_S):
            received = bytes(await transport.receive_some(READ_BYTES))
            if not received:
                return None  # somebody looked whether the port is open
            if received[0] != _HANDSHAKE_RECORD:
                _log(peer_log, host, "not_tls", "it did not begin with a TLS handshake")
                await _refuse(transport, not_clear)
                return None
            stream = TlsStream(transport, context, server_name=None, received=received)
            await stream.do_handshake()
            return stream
    except trio.TooSlowError:
        _log(peer_log, host, "timeout", f"not done within {HANDSHAKE_S:.0f} s")
    except ssl.SSLError as error:
        _log(peer_log, host, _WORDS.get(error.reason or "", "tls"), _sentence(error))
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        _log(peer_log, host, "closed", "the client went away")
    return None


async def _refuse(transport: trio.SocketStream, not_clear: bytes) -> None:
    await transport.send_all(not_clear)
    await transport.send_eof()
    while await transport.receive_some(READ_BYTES):
        pass  # a close with unread input would destroy the answer


def _log(peer_log: PeerLog, host: str, code: str, reason: str) -> None:
    peer_log.warn("handshake.failed", host, code=code, reason=reason)


def _sentence(error: ssl.SSLError) -> str:
    """Return what OpenSSL says, without the place in its source."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return (error.reason or "unknown").lower().replace("_", " ")
