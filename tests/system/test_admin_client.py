"""The blocking client, against a daemon of its own process."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from small_daemon import running

from indira.client import AdminClient, NotRunning, Refused, TimedOut, wait_exit


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A small daemon on `tmp_path / "admin"`."""
    with running(tmp_path / "admin") as daemon:
        yield daemon


def test_a_reply_comes_back_as_a_dict(
    daemon: subprocess.Popen[str], tmp_path: Path
) -> None:
    """Programs administer without knowing the wire; one connection serves all."""
    with AdminClient(tmp_path / "admin", timeout_s=60) as client:
        first = client.send("status", wait=False)
        second = client.send("list_queues", after=None)

    assert first == {"result": "running", "pid": daemon.pid}
    assert len(second["queues"]) == 100


def test_nobody_there_is_not_running(tmp_path: Path) -> None:
    """A missing file and a dead daemon's file mean the same."""
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "stale"))
    dead.close()

    for name in ("missing", "stale", "no/such/directory"):
        with pytest.raises(NotRunning, match="nobody listens"):
            AdminClient(tmp_path / name).send("status")


def test_a_path_beyond_the_kernels_limit_is_refused_in_words(tmp_path: Path) -> None:
    """108 bytes are soon reached; "not running" would send people astray."""
    with pytest.raises(Refused, match="too long"):
        AdminClient(tmp_path / ("x" * 120)).send("status")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"what?\n", "no JSON"),
        (b"[1]\n", "no reply to a command"),
        (b'{"job_id":"x"}\n', "no reply to a command"),
    ],
)
def test_a_stranger_on_the_socket_is_refused(
    answer: bytes, words: str, tmp_path: Path
) -> None:
    """A wrong --socket is told as such, not as a traceback."""
    path = tmp_path / "other"
    with answering_once(path, answer) as client, pytest.raises(Refused, match=words):
        client.send("status")


def test_a_daemon_that_goes_while_asked_is_not_running(tmp_path: Path) -> None:
    """`status --wait` then goes on waiting for the next one."""
    words = "closed without an answer"
    path = tmp_path / "other"
    with answering_once(path, b"") as client, pytest.raises(NotRunning, match=words):
        client.send("status")


@contextmanager
def answering_once(path: Path, answer: bytes) -> Iterator[AdminClient]:
    """A client of somebody on `path` who says `answer` and leaves."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        number = listener.fileno()
        with (
            AdminClient(path, timeout_s=60) as client,
            subprocess.Popen(
                [sys.executable, "-c", _ANSWER_ONCE, str(number), answer.hex()],
                pass_fds=[number],
            ),
        ):
            yield client


_ANSWER_ONCE = """
import socket, sys
with socket.socket(fileno=int(sys.argv[1])) as listener:
    with listener.accept()[0] as peer:
        peer.recv(65536)
        peer.sendall(bytes.fromhex(sys.argv[2]))
"""


@pytest.mark.usefixtures("daemon")
def test_an_answer_that_does_not_come_times_out(tmp_path: Path) -> None:
    """A script must not hang for ever on a daemon that does."""
    begun = time.monotonic()

    with AdminClient(tmp_path / "admin", timeout_s=0.3) as client:
        with pytest.raises(TimedOut):
            client.send("refresh_hosts")
        assert client.send("status")["result"] == "running"

    assert 0.25 < time.monotonic() - begun < 5


def test_a_process_that_is_gone_or_goes_is_waited_for() -> None:
    """`stop` returns when the daemon is gone, not when it said so."""
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

    assert not wait_exit(sleeper.pid, 0.05)
    sleeper.kill()
    assert wait_exit(sleeper.pid, 10)
    sleeper.wait()
    assert wait_exit(sleeper.pid, 10)
