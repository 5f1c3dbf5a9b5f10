"""The processes that are measured: ours, its worker, and those to compare with."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import trustme

HERE = Path(__file__).parent
START_S = 20.0
NOOP = """
from harpcaller.worker import procedure

@procedure
def noop():
    return None
"""


@attrs.frozen
class Server:
    """A server that runs: where it listens, and its process."""

    port: int
    pid: int

    @property
    def address(self) -> str:
        """The address for clients."""
        return f"127.0.0.1:{self.port}"


@contextlib.contextmanager
def light_worker(folder: Path) -> Iterator[Server]:
    """Run bench/worker.py, which costs next to nothing, by the certificate there."""
    with _printing_port(
        [HERE / "worker.py", "--cert", folder / "cert.pem", "--key", folder / "key.pem"]
    ) as worker:
        yield worker


@contextlib.contextmanager
def harpd(folder: Path) -> Iterator[Server]:
    """Run our worker daemon with one procedure, `noop`, by the certificate there."""
    procedures, users = folder / "procedures.py", folder / "users"
    procedures.write_text(NOOP)
    users.write_text("u:p\n")
    words = [f"--procedures={procedures}", f"--users={users}", "--listen=127.0.0.1:0"]
    words += [f"--cert={folder}/cert.pem", f"--key={folder}/key.pem"]
    words += [f"--socket={folder}/harpd-admin", "--ready-fd=1"]
    log = (folder / "harpd-log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "harpcaller.worker", "start", *words],
        stdout=subprocess.PIPE,
        stderr=log,
    )
    assert process.stdout is not None
    try:
        [address] = json.loads(process.stdout.readline())["listen"]
        yield Server(int(address.rpartition(":")[2]), process.pid)
    finally:
        _end(process)
        log.close()


@contextlib.contextmanager
def ours(folder: Path, more: str = "") -> Iterator[Server]:
    """Run our dispatcher with a light TLS worker beside it; state in `folder`.

    `more` is text of its configuration.
    """
    make_certificates(folder)
    with light_worker(folder) as worker, dispatcher(folder, worker, more) as server:
        yield server


@contextlib.contextmanager
def dispatcher(folder: Path, worker: Server, more: str = "") -> Iterator[Server]:
    """Run our dispatcher; `worker` is its host `w`, by the certificate in `folder`."""
    config = folder / "harpcaller.toml"
    config.write_text(
        f'listen = "127.0.0.1:0"\nstate_dir = "{folder}/state"\n'
        f'ca_file = "{folder}/ca.pem"\nstop_grace_s = 0.1\nmax_connections = 4000\n'
        f'[hosts.w]\naddress = "127.0.0.1"\nport = {worker.port}\n'
        'user = "u"\npassword = "p"\n'
        f"{more}"
    )
    config.chmod(0o600)
    admin = [sys.executable, "-m", "harpcaller", "--socket", f"{folder}/admin"]
    log = (folder / "log").open("wb")
    process = subprocess.Popen([*admin, "start", "--config", config], stderr=log)
    try:
        status = subprocess.run(
            [*admin, "status", "--wait", "--timeout", str(START_S), "--json"],
            capture_output=True,
            check=True,
        )
        told = json.loads(status.stdout)
        yield Server(int(told["listen"][0].rpartition(":")[2]), process.pid)
    finally:
        _end(process)
        log.close()


def http_of(server: Server, folder: Path) -> Server:
    """Return our dispatcher as its HTTP clients find it."""
    admin = [sys.executable, "-m", "harpcaller", "--socket", f"{folder}/admin"]
    told = subprocess.run([*admin, "status", "--json"], capture_output=True, check=True)
    [address] = json.loads(told.stdout)["http"]
    return Server(int(address.rpartition(":")[2]), server.pid)


@contextlib.contextmanager
def bare_http() -> Iterator[Server]:
    """Run bench/bare_http.py."""
    with _printing_port([HERE / "bare_http.py"]) as server:
        yield server


@contextlib.contextmanager
def bare(folder: Path, kind: str) -> Iterator[Server]:
    """Run bench/bare.py: `echo` or `durable`."""
    with _printing_port([HERE / "bare.py", kind, folder / "bare.db"]) as server:
        yield server


@contextlib.contextmanager
def beanstalkd(folder: Path) -> Iterator[Server]:
    """Run beanstalkd with a log that is synced at every write."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    (folder / "beanstalkd").mkdir()
    where = ["-l", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        ["beanstalkd", *where, "-f0", "-b", folder / "beanstalkd"]
    )
    try:
        _wait_for(port)
        yield Server(port, process.pid)
    finally:
        _end(process)


@contextlib.contextmanager
def _printing_port(command: list[str | Path]) -> Iterator[Server]:
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        yield Server(port, process.pid)
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _wait_for(port: int) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on port {port}")


def make_certificates(folder: Path) -> None:
    """Write ca.pem, cert.pem and key.pem of a worker on loopback."""
    ca = trustme.CA()
    ours = ca.issue_cert("127.0.0.1")
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    ours.private_key_pem.write_to_path(str(folder / "key.pem"))
    for number, pem in enumerate(ours.cert_chain_pems):
        pem.write_to_path(str(folder / "cert.pem"), append=number > 0)
