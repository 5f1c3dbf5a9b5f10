"""A dispatcher's address with what it takes to be let in: connections come from here.

The token is nowhere shown: no `repr`, no error has it.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from harpcaller.client.address import (
    Address,
    TcpAddress,
    TlsAddress,
    connect,
    is_loopback,
)

if TYPE_CHECKING:
    import ssl

TOKEN_VARIABLE = "HARPCALLER_TOKEN"  # noqa: S105 (its name)


class Access:
    """How one dispatcher is reached.

    Raises:
        ValueError: files are given where no TLS is spoken, or cannot be used, or the
            token would be sent in clear to another machine.
    """

    def __init__(
        self,
        address: Address,
        *,
        ca_file: str | None = None,
        cert_file: str | None = None,
        key_file: str | None = None,
        token: str | None = None,
    ) -> None:
        if not isinstance(address, TlsAddress) and (ca_file or cert_file or key_file):
            raise ValueError(f"certificates are for tls: addresses, not for {address}")
        if key_file and not cert_file:
            raise ValueError("a key without its certificate")
        if token and isinstance(address, TcpAddress) and not is_loopback(address):
            raise ValueError(f"the token is not sent in clear: expected tls:{address}")
        self.address = address
        self.token = token or None
        self._context = (
            _context(ca_file, cert_file, key_file)
            if isinstance(address, TlsAddress)
            else None
        )

    def __str__(self) -> str:
        return str(self.address)

    def connect(self, timeout_s: float) -> socket.socket:
        """Return a new connection, with a dispatcher that has shown who it is.

        Raises:
            OSError: nobody listens there, or it cannot be believed.
        """
        if not isinstance(self.address, TlsAddress):
            return connect(self.address, timeout_s)
        assert self._context is not None  # noqa: S101 (made for such addresses)
        plain = connect(self.address.tcp, timeout_s)
        try:
            return self._context.wrap_socket(
                plain, server_hostname=self.address.tcp.host
            )
        except BaseException:
            plain.close()
            raise


def default_token() -> str | None:
    """Return the token in the environment, if there is one."""
    return os.environ.get(TOKEN_VARIABLE) or None


def _context(
    ca_file: str | None, cert_file: str | None, key_file: str | None
) -> ssl.SSLContext:
    import ssl  # noqa: PLC0415 (slow to import, and only needed here)

    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ValueError(f"{ca_file}: {_reason(error)}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert_file:
        try:
            # Without a password of ours OpenSSL would ask for one on the terminal.
            context.load_cert_chain(cert_file, key_file, password="")
        except OSError as error:
            raise ValueError(f"{cert_file}, its key: {_reason(error)}") from None
    return context


def _reason(error: OSError) -> str:
    is_read = getattr(error, "reason", None) is not None  # of ssl: it is no PEM
    return "expected PEM, without a password" if is_read else str(error.strerror)
