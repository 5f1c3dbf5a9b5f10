"""Which workers' certificates are accepted, and the TLS contexts that see to it."""

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence
from pathlib import Path

import attrs

from harpcaller.hosts.registry import Host
from protocol.harp import ALPN_PROTOCOL

MAX_TRUST_FILE_BYTES = 64 * 1024 * 1024
_MAX_REMEMBERED = 4096
_PEM = re.compile(
    rb"-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----", re.ASCII
)


class TrustError(Exception):
    """A file of certificates cannot be used; `key` names it in the configuration."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@attrs.frozen(kw_only=True)
class Trust:
    """One way to accept a certificate: what the context verifies, or that it is known.

    `known` are the certificates (DER) that are accepted, None where verifying is all.
    """

    context: ssl.SSLContext
    known: frozenset[bytes] | None = None

    def accepts(self, certificate: bytes | None) -> bool:
        """Tell whether what the handshake let pass may be sent credentials."""
        return self.known is None or certificate in self.known


class WorkerTls:
    """The ways to trust a worker, in the order to try; remembers which one worked.

    It owns the sessions that workers with TLS 1.2 can resume.
    """

    def __init__(self, trusts: Sequence[Trust], warnings: Sequence[str] = ()) -> None:
        self.warnings = tuple(warnings)
        self._trusts = tuple(trusts)
        self._worked: dict[Host, Trust] = {}
        self._sessions: dict[Host, ssl.SSLSession] = {}

    @classmethod
    def load(
        cls,
        *,
        ca_file: Path | None = None,
        known_certs_file: Path | None = None,
        verify_hostname: bool = True,
    ) -> WorkerTls:
        """Return what the files say; with neither of them any certificate is accepted.

        With both, a certificate is accepted that is known or that a CA has signed.

        Raises:
            TrustError: one of them cannot be used.
        """
        trusts: list[Trust] = []
        warnings: list[str] = []
        if known_certs_file is not None:
            known = _read_known(known_certs_file)
            trusts.append(Trust(context=_context(), known=known))
        if ca_file is not None:
            trusts.append(Trust(context=_verifying(ca_file, verify_hostname)))
            if not verify_hostname:
                warnings.append(
                    "verify_hostname = false: one worker can pose as another"
                )
        if not trusts:
            trusts.append(Trust(context=_context()))
            warnings.append("no ca_file, no known_certs_file: any worker is believed")
        return cls(trusts, warnings)

    def trusts_for(self, host: Host) -> list[Trust]:
        """Return the ways to trust a host, the one that worked last first."""
        worked = self._worked.get(host)
        return sorted(self._trusts, key=lambda trust: trust is not worked)

    def session_for(self, host: Host, trust: Trust) -> ssl.SSLSession | None:
        """Return the session to resume with a host that is trusted so."""
        return self._sessions.get(host) if self._worked.get(host) is trust else None

    def remember(self, host: Host, trust: Trust, tls: ssl.SSLObject) -> None:
        """Keep what worked for the next connection to that host."""
        if len(self._worked) >= _MAX_REMEMBERED:
            self._worked.clear()
            self._sessions.clear()
        self._worked[host] = trust
        # TLS 1.3 sends its tickets later, and resuming there saves next to nothing.
        if tls.version() == "TLSv1.2" and tls.session is not None:
            self._sessions[host] = tls.session

    def forget_session(self, host: Host) -> None:
        """Begin with a full handshake next time."""
        self._sessions.pop(host, None)


def _context() -> ssl.SSLContext:
    """Return a context that encrypts and believes anybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols([ALPN_PROTOCOL])
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _verifying(ca_file: Path, verify_hostname: bool) -> ssl.SSLContext:
    context = _context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = verify_hostname
    try:
        context.load_verify_locations(cafile=ca_file)
    except ssl.SSLError:
        raise TrustError("ca_file", "holds no certificate that can be read") from None
    except OSError as error:
        raise TrustError("ca_file", f"cannot be read: {error.strerror}") from error
    return context


def _read_known(path: Path) -> frozenset[bytes]:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_TRUST_FILE_BYTES)
        known = {ssl.PEM_cert_to_DER_cert(pem.decode()) for pem in _PEM.findall(text)}
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        raise TrustError("known_certs_file", message) from error
    except ValueError:
        known = set()
    if not known:
        raise TrustError("known_certs_file", "holds no certificate that can be read")
    return frozenset(known)
