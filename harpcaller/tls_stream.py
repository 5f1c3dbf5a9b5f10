"""TLS over a trio stream, for either side of a conversation in lines.

Unlike trio's own it gives all records of one read at once: a burst of small records
costs one wake-up, and nothing that was received stays unseen inside.
"""

from __future__ import annotations

import ssl
from contextlib import suppress

import trio

READ_BYTES = 64 * 1024
_HEADER_BYTES = 5  # RFC 8446, section 5.1: type, version, length of what follows


class Records:
    """Follows the records of a stream of bytes, to know whether the last one is whole.

    The TLS library keeps a part of one to itself, and does not tell.
    """

    def __init__(self) -> None:
        self._header = b""
        self._missing_bytes = 0

    @property
    def is_cut(self) -> bool:
        """Tell whether a record has begun that has not ended."""
        return bool(self._header or self._missing_bytes)

    def receive(self, data: bytes) -> None:
        """Take what came next."""
        at = self._missing_bytes
        self._missing_bytes = max(0, at - len(data))
        while at < len(data):
            header = self._header + data[at : at + _HEADER_BYTES - len(self._header)]
            at += len(header) - len(self._header)
            if len(header) < _HEADER_BYTES:
                self._header = header
                return
            self._header = b""
            at += int.from_bytes(header[3:])
            self._missing_bytes = max(0, at - len(data))


class TlsStream:
    """Sends and receives through TLS; one sender and one receiver at a time.

    Without a `server_name` it is the server's side. `received` is what was read from
    the transport already.
    """

    def __init__(
        self,
        transport: trio.SocketStream,
        context: ssl.SSLContext,
        server_name: str | None,
        session: ssl.SSLSession | None = None,
        received: bytes = b"",
    ) -> None:
        self.transport = transport
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=server_name is None,
            server_hostname=server_name,
            session=session,
        )
        self._turn = trio.StrictFIFOLock()
        self._failure: ssl.SSLError | None = None
        self._records = Records()
        self._take_in(received)

    @property
    def has_unread(self) -> bool:
        """Tell whether bytes were received that `receive_some` has not returned."""
        if self._records.is_cut:
            return True
        return bool(self._incoming.pending or self.tls.pending())

    async def do_handshake(self) -> None:
        """Agree on keys; nothing was verified but what the context verifies.

        Raises:
            ssl.SSLError: it failed; the other side was told so.
        """
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()
            except ssl.SSLError:
                with suppress(trio.BrokenResourceError):
                    await self._flush()  # the alert, if anybody still listens
                raise
            else:
                return await self._flush()

    async def send_all(self, data: bytes) -> None:
        """Send `data`."""
        self.tls.write(data)
        await self._flush()

    def farewell(self) -> bytes:
        """Return what tells the other side that nothing follows, the first time."""
        with suppress(ssl.SSLError):  # it has not said the same, or is gone
            self.tls.unwrap()
        return self._outgoing.read()

    async def receive_some(self) -> bytes:
        """Return what came, waiting for at least a byte; nothing at the end."""
        while True:
            data, is_over = self._decrypt()
            if self._outgoing.pending:
                await self._flush()  # an answer to a key update
            if data or is_over:
                return data
            await self._fill()

    def _decrypt(self) -> tuple[bytes, bool]:
        """Return all that is there, and whether nothing can follow."""
        if self._failure is not None:
            raise self._failure
        pieces: list[bytes] = []
        try:
            while piece := self.tls.read(READ_BYTES):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            return b"".join(pieces), False
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError):
            # Many workers just close; lines tell by themselves that they are whole.
            pass
        except ssl.SSLError as error:
            if not pieces:
                raise
            self._failure = error  # told when what came before it was read
        return b"".join(pieces), True

    async def _fill(self) -> None:
        data = await self.transport.receive_some(READ_BYTES)
        if data:
            self._take_in(bytes(data))
        else:
            self._incoming.write_eof()

    def _take_in(self, data: bytes) -> None:
        self._records.receive(data)
        self._incoming.write(data)

    async def _flush(self) -> None:
        async with self._turn:
            data = self._outgoing.read()
            if data:
                await self.transport.send_all(data)
