"""Certificates for a laboratory: who gets them is believed, and nobody else."""

from __future__ import annotations

import os
import ssl
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from daemon_process import DaemonProcess, Table, prepared_daemon
from harp_command import run_harp
from harpd_process import running_harpd

from indira.client import AdminClient

GEN_CERTS = [sys.executable, "-m", "harpcaller", "gen-certs"]
PROCEDURES = """
    from harpcaller.worker import procedure

    @procedure
    def double(value):
        return 2 * value
"""
IDENTITY = """
[identities.ci]
certificate = "ci"
roles = ["submit"]
"""
SOON_S = 20


def gen_certs(*words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the verb to its end."""
    return subprocess.run(
        [*GEN_CERTS, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=SOON_S,
        env={**os.environ, **variables},
    )


def test_a_call_goes_all_the_way_by_them(tmp_path: Path) -> None:
    """From a client who shows one, by a dispatcher that has one, to a worker."""
    lab = tmp_path / "lab"
    names = ["--name", "localhost", "--name", "127.0.0.1", "--client", "ci"]
    made = gen_certs(lab, *names)
    assert made.returncode == 0, made.stderr
    (tmp_path / "users").write_text("user:pass\n")

    with running_harpd(
        tmp_path,
        PROCEDURES,
        *("--cert", str(lab / "localhost.pem"), "--key", str(lab / "localhost.key")),
        *("--users", str(tmp_path / "users")),
        listen="127.0.0.1:0",
    ) as harpd:
        daemon = dispatcher(tmp_path / "daemon", lab, harpd.tcp[1])
        try:
            daemon.start()
            server = ["--server", tls_address(daemon), "--ca-file", str(lab / "ca.pem")]
            call = ["call", "web1", "double", "21", *server]
            known = run_harp(*call, *shown(lab / "client-ci"))
            stranger = run_harp(*call)
        finally:
            daemon.kill()

    assert (known.returncode, known.stdout) == (0, "42\n"), known.stderr
    assert stranger.returncode != 0


def shown(pair: Path) -> list[str]:
    """Return the options of a client who shows a certificate."""
    return ["--cert-file", f"{pair}.pem", "--key-file", f"{pair}.key"]


def dispatcher(directory: Path, lab: Path, port: int) -> DaemonProcess:
    """Return a dispatcher that believes and shows what was made."""
    settings: Table = {
        "ca_file": str(lab / "ca.pem"),
        "cert_file": str(lab / "127.0.0.1.pem"),
        "key_file": str(lab / "127.0.0.1.key"),
        "client_ca_file": str(lab / "ca.pem"),
    }
    web1: Table = {
        "address": "127.0.0.1",
        "port": port,
        "server_name": "localhost",
        "user": "user",
        "password": "pass",
    }
    daemon = prepared_daemon(directory, hosts={"web1": web1}, settings=settings)
    daemon.config.write_text(daemon.config.read_text() + IDENTITY)
    daemon.more_words = ("--listen", "tls:127.0.0.1:0")
    return daemon


def tls_address(daemon: DaemonProcess) -> str:
    """Return where clients begin with TLS."""
    with AdminClient(daemon.admin_socket, timeout_s=SOON_S) as client:
        listen = client.send("status")["listen"]
    return next(str(address) for address in listen if address.startswith("tls:"))


def test_keys_are_their_owners(tmp_path: Path) -> None:
    """Whatever the umask is; all that was written is told."""
    lab = tmp_path / "lab"
    told = gen_certs(lab, "--client", "me@example.net").stdout.split()

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in lab.iterdir()}
    assert modes == {
        "ca.pem": 0o644,
        "ca.key": 0o600,
        "localhost.pem": 0o644,
        "localhost.key": 0o600,
        "client-me@example.net.pem": 0o644,
        "client-me@example.net.key": 0o600,
    }
    assert {Path(path).name for path in told} == modes.keys()


def test_they_satisfy_the_strict_rules(tmp_path: Path) -> None:
    """RFC 5280 to the letter, as newer programs want it; good for so many days."""
    lab = tmp_path / "lab"
    gen_certs(lab, "--name", "::1", "--days", "7")
    context = ssl.create_default_context(cafile=lab / "ca.pem")
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(lab / "::1.pem", lab / "::1.key")

    certificate = met(server, context, "::1")

    assert ("IP Address", "0:0:0:0:0:0:0:1") in certificate["subjectAltName"]
    begin, end = (
        ssl.cert_time_to_seconds(certificate[name])
        for name in ("notBefore", "notAfter")
    )
    assert end - begin == 7 * 86400 + 3600


def met(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> dict[str, Any]:
    """Return what a client learns of a server's certificate in a handshake."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (ours, theirs, ours, theirs):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    certificate = ours.getpeercert()
    assert certificate
    return certificate


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Another authority under the same name would shut everybody out."""
    (tmp_path / "localhost.key").write_text("mine")
    refused = gen_certs(tmp_path)

    assert (refused.returncode, "exists already" in refused.stderr) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["localhost.key"]


@pytest.mark.parametrize(
    "words",
    [
        ["--name", "a/b"],
        ["--name", "../up"],
        ["--name", "no space"],
        ["--name", "ca"],
        ["--name", "twice", "--name", "twice"],
        ["--client", ""],
        ["--client", "me@"],
        ["--days", "0"],
        ["--days", "36501"],
    ],
)
def test_what_no_certificate_can_bear_is_usage(
    words: list[str], tmp_path: Path
) -> None:
    """Exit code 2, and no file is made."""
    refused = gen_certs(tmp_path / "lab", *words)

    assert refused.returncode == 2, refused.stderr
    assert not (tmp_path / "lab").exists()


def test_without_the_package_it_is_told_what_is_missing(tmp_path: Path) -> None:
    """Most dispatchers do without; whoever does not learns what to install."""
    (tmp_path / "cryptography.py").write_text('raise ImportError("not here")\n')
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    refused = gen_certs(tmp_path / "lab", PYTHONPATH=path.rstrip(os.pathsep))

    assert refused.returncode == 1
    assert "harpcaller[certs]" in refused.stderr
    assert "Traceback" not in refused.stderr
