"""The configuration is read again while the dispatcher works."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from daemon_process import DaemonProcess, running_daemon
from eventually import wait_until
from practice_daemon import practice_daemon

COUNT = {"host": "worker", "procedure": "count", "arguments": {"n": 3, "gap": 0.01}}
RELOADS = 50


def reload(daemon: DaemonProcess) -> subprocess.CompletedProcess[str]:
    """Run the verb."""
    command = [sys.executable, "-m", "harpcaller", "--socket", str(daemon.admin_socket)]
    return subprocess.run(
        [*command, "reload"], capture_output=True, text=True, check=False, timeout=30
    )


def put(daemon: DaemonProcess, line: str) -> None:
    """Have one key more in the configuration, before all tables."""
    text = daemon.config.read_text()
    daemon.config.write_text(f"{line}\n{text}")
    daemon.config.chmod(0o600)


def limits_of(daemon: DaemonProcess) -> Mapping[str, Any]:
    """Return the limits that a client is told."""
    limits: Mapping[str, Any] = daemon.ask({"hello": True})["limits"]
    return limits


def test_new_settings_hold_for_what_comes_then(tmp_path: Path) -> None:
    """Nobody has to stop a data centre to change a limit."""
    with practice_daemon(tmp_path) as daemon:
        put(daemon, "default_timeout = 77\nmax_pending = 7")

        done = reload(daemon)

        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        told = limits_of(daemon)
        assert (told["timeout"], told["max_pending"]) == (77, 7)
        job = daemon.ask(COUNT)["job_id"]
        assert daemon.ask({"get_status": job})["limits"]["timeout"] == 77


def test_a_host_that_is_new_can_be_called(tmp_path: Path) -> None:
    """And one that is gone is unknown."""
    with practice_daemon(tmp_path) as daemon:
        text = daemon.config.read_text()
        daemon.config.write_text(text.replace('"worker"', '"fresh"'))
        reload(daemon)

        job = daemon.ask({**COUNT, "host": "fresh"})["job_id"]
        gone = daemon.ask(COUNT)["job_id"]

        assert daemon.ask({"get_result": job}) == {"result": 3}
        assert daemon.ask({"get_result": gone})["error"]["type"] == "unknown_host"


def test_more_room_is_used_at_once(tmp_path: Path) -> None:
    """What waits because of max_running starts when that is raised."""
    slow = {"host": "worker", "procedure": "count", "arguments": {"n": 2, "gap": 30}}
    with practice_daemon(tmp_path) as daemon:
        put(daemon, "max_running = 1")
        reload(daemon)
        daemon.ask(slow)
        waiting = daemon.ask(COUNT)["job_id"]
        assert daemon.ask({"get_status": waiting})["time"]["start"] is None

        daemon.config.write_text(
            daemon.config.read_text().replace("max_running = 1", "max_running = 2")
        )
        reload(daemon)

        assert daemon.ask({"get_result": waiting}) == {"result": 3}


def test_workers_are_believed_by_the_new_certificates(tmp_path: Path) -> None:
    """A connection that was kept by the old ones is not used any more."""
    with practice_daemon(tmp_path) as daemon:
        assert daemon.ask({"get_result": daemon.ask(COUNT)["job_id"]}) == {"result": 3}
        trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))

        reload(daemon)

        outcome = daemon.ask({"get_result": daemon.ask(COUNT)["job_id"]})
        assert outcome["error"]["type"] == "network_error"


def test_clients_are_asked_who_they_are_from_then_on(tmp_path: Path) -> None:
    """Identities can be given, and taken away, while the dispatcher works."""
    with practice_daemon(tmp_path) as daemon:
        before = daemon.config.read_text()
        digest = "0" * 64
        daemon.config.write_text(
            f"require_identity = true\n{before}\n[identities.a]\n"
            f'token_sha256 = "{digest}"\nroles = ["submit"]\n'
        )
        assert reload(daemon).returncode == 0
        assert daemon.ask(COUNT)["error"]["type"] == "unauthorized"

        daemon.config.write_text(before)
        assert reload(daemon).returncode == 0
        assert "job_id" in daemon.ask(COUNT)


def test_a_mistake_leaves_everything_as_it_was(tmp_path: Path) -> None:
    """All of it is told, the exit code too, and calls go on."""
    with practice_daemon(tmp_path) as daemon:
        put(daemon, "default_timeout = 77\nmax_runing = 1\nlinger_s = -1")

        done = reload(daemon)

        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.splitlines() == [
            "harpcallerd: the old configuration is kept",
            f"{daemon.config}:2:1: max_runing: unknown key, "
            'did you mean "max_running"?',
            f"{daemon.config}:3:1: linger_s: expected a number of seconds above 0",
        ]
        assert limits_of(daemon)["timeout"] == 600
        assert daemon.ask({"get_result": daemon.ask(COUNT)["job_id"]}) == {"result": 3}
        assert "config.refused" in daemon.log.read_text()


def test_keys_that_need_a_restart_are_named(tmp_path: Path) -> None:
    """Else an operator would wait for them."""
    with practice_daemon(tmp_path) as daemon:
        put(daemon, "max_queued = 7\nreserve_bytes = 0\ndefault_timeout = 77")

        done = reload(daemon)

        assert done.returncode == 0
        assert done.stderr.splitlines() == [
            '"reserve_bytes" takes effect at the next start',
            '"max_queued" takes effect at the next start',
        ]
        assert limits_of(daemon)["timeout"] == 77


def test_a_hangup_reloads_too(tmp_path: Path) -> None:
    """As administrators expect of a daemon."""
    with practice_daemon(tmp_path) as daemon:
        put(daemon, "default_timeout = 77")
        daemon.process.send_signal(signal.SIGHUP)

        wait_until(lambda: limits_of(daemon)["timeout"] == 77)


def test_a_new_registry_script_is_run_at_once(tmp_path: Path) -> None:
    """And when it is taken out, its hosts are gone."""
    script = tmp_path / "hosts-script"
    script.write_text(
        "#!/bin/sh\n"
        'echo \'{"hostname":"learned","address":"127.0.0.1","port":1,'
        '"credentials":{"user":"u","password":"p"}}\'\n'
    )
    script.chmod(0o700)
    with running_daemon(tmp_path) as daemon:
        before = daemon.config.read_text()
        put(daemon, f'host_db_script = "{script}"')
        reload(daemon)
        wait_until(lambda: hosts_of(daemon) == ["learned"])

        daemon.config.write_text(before)
        reload(daemon)
        wait_until(lambda: hosts_of(daemon) == [])


def hosts_of(daemon: DaemonProcess) -> list[str]:
    """Return the names of the hosts that it knows."""
    with socket.socket(socket.AF_UNIX) as admin, admin.makefile("rb") as replies:
        admin.connect(str(daemon.admin_socket))
        admin.sendall(b'{"command":"list_hosts"}\n')
        return [host["hostname"] for host in json.loads(replies.readline())["hosts"]]


@contextmanager
def callers(daemon: DaemonProcess, count: int) -> Iterator[list[Any]]:
    """Have clients call, each over kept and new connections, while the block runs."""
    answers: list[Any] = []
    is_over = threading.Event()

    def call() -> None:
        while not is_over.is_set():
            with daemon.connect() as sock, sock.makefile("rb") as replies:
                for _ in range(5):
                    request = {"harpcaller": 1, "session": True, **COUNT}
                    sock.sendall(json.dumps(request).encode() + b"\n")
                    job = json.loads(replies.readline())["job_id"]
                    sock.sendall(b'{"harpcaller":1,"get_result":"%b"}\n' % job.encode())
                    answers.append(json.loads(replies.readline()))

    threads = [threading.Thread(target=call) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        is_over.set()
        for thread in threads:
            thread.join(30)


@pytest.mark.timeout(120)
def test_fifty_reloads_under_load_disturb_nobody(tmp_path: Path) -> None:
    """No request fails, and the admin socket is the same file."""
    with practice_daemon(tmp_path) as daemon:
        inode = daemon.admin_socket.stat().st_ino
        with (
            callers(daemon, 4) as answers,
            socket.socket(socket.AF_UNIX) as admin,
            admin.makefile("rb") as replies,
        ):
            admin.connect(str(daemon.admin_socket))
            original = daemon.config.read_text()
            for number in range(RELOADS):
                broken = "no_such_key = 1\n" if number % 5 == 4 else ""
                text = f"{broken}default_timeout = {100 + number}\n{original}"
                daemon.config.write_text(text)
                admin.sendall(b'{"command":"reload_config"}\n')
                told = json.loads(replies.readline())["result"]
                assert told == ("error" if broken else "ok")

            wait_until(lambda: len(answers) > RELOADS)

        assert all(answer == {"result": 3} for answer in answers)
        assert daemon.admin_socket.stat().st_ino == inode
        assert limits_of(daemon)["timeout"] == 148
