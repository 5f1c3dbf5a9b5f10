"""The real `harpd` with a certificate and one user, and peers that trust it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import trustme
from fake_worker import client_context
from harpd_process import Harpd, running_harpd

from protocol.harp import ALPN_PROTOCOL


@attrs.frozen
class TlsHarpd:
    """A running worker; a peer with the `keeping` context speaks the extension."""

    harpd: Harpd
    plain: ssl.SSLContext
    keeping: ssl.SSLContext

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self.harpd.tcp


@contextmanager
def running_tls_harpd(directory: Path, procedures: str) -> Iterator[TlsHarpd]:
    """Run a worker on a TCP port of loopback until the block ends."""
    ca = trustme.CA()
    options = tls_options(ca, directory)
    with running_harpd(directory, procedures, *options, listen="127.0.0.1:0") as harpd:
        keeping = client_context(ca, alpn=(ALPN_PROTOCOL,))
        yield TlsHarpd(harpd, client_context(ca), keeping)


def tls_options(ca: trustme.CA, directory: Path) -> list[str]:
    """Return the options of a worker with a certificate of `ca` and one user."""
    certificate = ca.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(directory / "cert.pem")
    certificate.private_key_pem.write_to_path(directory / "key.pem")
    (directory / "users").write_text("# who may call\n\nuser:pass\n")
    return [
        *("--cert", str(directory / "cert.pem")),
        *("--key", str(directory / "key.pem")),
        *("--users", str(directory / "users")),
    ]
