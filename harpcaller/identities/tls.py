"""The certificate that we show to clients, and which certificates of theirs count."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

# Which kind of name wins where a certificate bears several.
NAME_KINDS = ("DNS", "email", "URI")


class CertificateError(Exception):
    """A file cannot be used; `key` names it in the configuration."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@attrs.frozen(kw_only=True)
class TlsFiles:
    """Where certificate and key are; `client_ca_file` has who signs those of clients.

    `may_show_none`: a client without one is let in, to say who he is in words.
    """

    cert_file: Path
    key_file: Path | None = None
    client_ca_file: Path | None = None
    may_show_none: bool = False


class ClientTls:
    """The context of handshakes, loaded from files as they are now.

    Raises:
        CertificateError: one of them cannot be used.
    """

    def __init__(self, files: TlsFiles) -> None:
        self.asks_for_certificates = files.client_ca_file is not None
        self.context = _load(files)


def names_in(certificate: Mapping[str, Any] | None) -> Sequence[str]:
    """Return the names that a verified certificate bears, the one that wins first.

    Of `ssl.SSLSocket.getpeercert`; host names are in lower case.
    """
    found = (certificate or {}).get("subjectAltName", ())
    return [
        name.lower() if kind == "DNS" else name
        for wanted in NAME_KINDS
        for kind, name in found
        if kind == wanted
    ]


def _load(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    try:
        # Without a password of ours OpenSSL would ask for one on the terminal.
        context.load_cert_chain(files.cert_file, files.key_file, password="")
    except ssl.SSLError:
        raise CertificateError(
            "cert_file", "not a certificate with its key (PEM, without a password)"
        ) from None
    except OSError as error:
        message = f"certificate or key cannot be read: {error.strerror}"
        raise CertificateError("cert_file", message) from None
    if files.client_ca_file is not None:
        _ask_for_certificates(context, files.client_ca_file, files.may_show_none)
    return context


def _ask_for_certificates(
    context: ssl.SSLContext, ca_file: Path, may_show_none: bool
) -> None:
    try:
        context.load_verify_locations(ca_file)
    except ssl.SSLError:
        message = "holds no certificate that can be read"
        raise CertificateError("client_ca_file", message) from None
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        raise CertificateError("client_ca_file", message) from None
    context.verify_mode = ssl.CERT_OPTIONAL if may_show_none else ssl.CERT_REQUIRED
