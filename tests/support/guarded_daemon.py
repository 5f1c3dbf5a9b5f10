"""A real dispatcher that asks its clients who they are, and clients that say it."""

from __future__ import annotations

import contextlib
import datetime
import json
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import trustme
from daemon_process import DaemonProcess, Table, prepared_daemon

from harpcaller.identities.tokens import digest_of, new_token
from indira.client import AdminClient

LIMIT_S = 60


@attrs.frozen
class Guarded:
    """A daemon with a TLS listener on loopback, and the authority it believes."""

    daemon: DaemonProcess
    ca: trustme.CA
    tls_port: int

    def context(self, certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
        """Return a client's context, which shows `certificate`."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        if certificate is not None:
            certificate.configure_cert(context)
        return context

    def by_tls(self, certificate: trustme.LeafCert | None = None) -> Client:
        """Return a client who came in by TLS."""
        plain = self.connect_plain()
        context = self.context(certificate)
        return Client(context.wrap_socket(plain, server_hostname="127.0.0.1"))

    def connect_plain(self) -> socket.socket:
        """Return a connection to the TLS port, and no handshake yet."""
        return socket.create_connection(("127.0.0.1", self.tls_port), LIMIT_S)

    def log_lines(self, event: str) -> list[dict[str, Any]]:
        """Return what the daemon logged of one kind."""
        lines = map(json.loads, self.daemon.log.read_text().splitlines())
        return [line for line in lines if line["event"] == event]

    def wait_for(self, event: str, **facts: str) -> dict[str, Any]:
        """Return a line of the log, once it is there."""
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            for line in self.log_lines(event):
                if facts.items() <= line.items():
                    return line
            time.sleep(0.02)
        raise AssertionError(f"no {event} with {facts}: {self.daemon.last_words()}")


class Client:
    """One connection, asked one thing after the other."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._lines = sock.makefile("rb")

    def ask(self, **request: Any) -> dict[str, Any]:
        """Return the one line that answers `request`."""
        self._socket.sendall(json.dumps({"harpcaller": 1, **request}).encode() + b"\n")
        reply: dict[str, Any] = json.loads(self._lines.readline())
        return reply

    def hello(self, token: str) -> dict[str, Any]:
        """Say who we are."""
        return self.ask(hello={"token": token})

    def submit(self, host: str = "web1", procedure: str = "ping") -> dict[str, Any]:
        """Call; nobody knows the host, so that the job ends at once."""
        return self.ask(host=host, procedure=procedure, arguments=[], session=True)

    def close(self) -> None:
        """Leave."""
        self._lines.close()
        self._socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def error_of(reply: Mapping[str, Any]) -> str | None:
    """Return the word of the error in a reply, None if it is none."""
    error = reply.get("error")
    return None if error is None else str(error["type"])


def expired(ca: trustme.CA) -> trustme.LeafCert:
    """Return a certificate that was good once."""
    then = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    return ca.issue_cert("old.example.net", not_before=then, not_after=then)


@contextmanager
def guarded_daemon(
    directory: Path,
    identities: str = "",
    *,
    asks_for_certificates: bool = False,
    settings: Mapping[str, Any] | None = None,
    hosts: Mapping[str, Table] | None = None,
    more_words: Sequence[str] = (),
) -> Iterator[Guarded]:
    """Run it until the block ends; `identities` are tables of its configuration.

    `more_words` are options of its start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    ca = trustme.CA()
    write_certificate(ca, directory)
    ca.cert_pem.write_to_path(directory / "client-ca.pem")
    given = {"cert_file": "cert.pem", "key_file": "key.pem", **(settings or {})}
    if asks_for_certificates:
        given["client_ca_file"] = "client-ca.pem"
    daemon = prepared_daemon(directory, settings=given, hosts=hosts)
    daemon.config.write_text(f"{daemon.config.read_text()}\n{identities}")
    daemon.more_words = ("--listen", "tls:127.0.0.1:0", *more_words)
    try:
        daemon.start()
        with AdminClient(daemon.admin_socket, timeout_s=LIMIT_S) as admin:
            listen = admin.send("status")["listen"]
        [tls] = [address for address in listen if address.startswith("tls:")]
        yield Guarded(daemon, ca, int(tls.rpartition(":")[2]))
    except BaseException as error:
        error.add_note(f"the end of the daemon's log:\n{daemon.last_words()}")
        raise
    finally:
        if daemon.is_alive:
            daemon.kill()


def write_certificate(ca: trustme.CA, directory: Path) -> trustme.LeafCert:
    """Write cert.pem and key.pem of a dispatcher on loopback."""
    certificate = ca.issue_cert("127.0.0.1")
    (directory / "cert.pem").write_bytes(certificate.cert_chain_pems[0].bytes())
    certificate.private_key_pem.write_to_path(directory / "key.pem")
    return certificate


def with_token(name: str, roles: str, more: str = "") -> tuple[str, str]:
    """Return a table of an identity, and the token that proves it."""
    token = new_token()
    digest = digest_of(token).hex()
    table = f'[identities.{name}]\ntoken_sha256 = "{digest}"\nroles = {roles}\n{more}\n'
    return table, token


def by_unix(guarded: Guarded) -> Client:
    """Return a client of the Unix socket."""
    return Client(guarded.daemon.connect(LIMIT_S))


def by_loopback(guarded: Guarded) -> Client:
    """Return a client in clear, from this machine."""
    address = ("127.0.0.1", guarded.daemon.port)
    return Client(socket.create_connection(address, LIMIT_S))


def heard(sock: socket.socket) -> bytes:
    """Return all that comes until the other side closes."""
    data = b""
    with contextlib.suppress(OSError):
        while piece := sock.recv(65536):
            data += piece
    return data
