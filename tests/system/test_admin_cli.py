"""The admin verbs of harpcallerd, against a daemon of its own process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from small_daemon import GRACE_S, running

HARPCALLERD = [sys.executable, "-m", "harpcaller"]
IMPORTS_TIMED = [sys.executable, "-X", "importtime"]
FIRST_LINE = ["sh", "-c", '"$@" | head -1', "sh"]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A small daemon on `tmp_path / "admin"`."""
    with running(tmp_path / "admin") as daemon:
        yield daemon


def harpcallerd(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one command line to its end."""
    return subprocess.run(
        [*HARPCALLERD, *words], capture_output=True, text=True, check=False, timeout=30
    )


def test_status_tells_by_its_exit_code_whether_the_daemon_runs(
    tmp_path: Path,
) -> None:
    """LSB: 0 runs, 3 does not; scripts look at nothing else."""
    with running(tmp_path / "admin") as daemon:
        before = harpcallerd("status", "--socket", tmp_path / "admin", "--json")
    after = harpcallerd("status", "--socket", tmp_path / "admin", "--json")

    assert before.returncode == 0
    assert orjson.loads(before.stdout) == {"result": "running", "pid": daemon.pid}
    assert after.returncode == 3
    assert orjson.loads(after.stdout) == {"result": "stopped"}
    assert after.stderr == ""


@pytest.mark.usefixtures("daemon")
def test_the_socket_may_stand_before_or_after_the_verb(tmp_path: Path) -> None:
    """The original takes it before; people type it at the end."""
    path = tmp_path / "admin"

    assert harpcallerd("--socket", path, "status").stdout == "running\n"
    assert harpcallerd(f"--socket={path}", "status").stdout == "running\n"
    assert harpcallerd("status", "--socket", path).stdout == "running\n"
    assert harpcallerd("--socket", "/nowhere", "status", "--socket", path).stdout


def test_status_waits_until_the_daemon_runs(tmp_path: Path) -> None:
    """A script that starts the daemon in the background needs no sleep."""
    path = tmp_path / "admin"
    waiting = subprocess.Popen(
        [*HARPCALLERD, "status", "--wait", "--timeout", "20", "--socket", path],
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(0.2)
    assert waiting.poll() is None

    with running(path):
        told, _ = waiting.communicate(timeout=60)

    assert (told, waiting.returncode) == ("running\n", 0)


def test_status_waits_no_longer_than_it_may(tmp_path: Path) -> None:
    """Waiting for what never comes ends as not running."""
    begun = time.monotonic()

    gave_up = harpcallerd(
        "status", "--wait", "--timeout", "0.2", "--socket", tmp_path / "admin"
    )

    assert (gave_up.stdout, gave_up.returncode) == ("stopped\n", 3)
    assert time.monotonic() - begun < 5


def test_stop_returns_when_the_process_is_gone(
    daemon: subprocess.Popen[str], tmp_path: Path
) -> None:
    """The next start must find socket, port and lock free."""
    begun = time.monotonic()

    stopped = harpcallerd("stop", "--print-pid", "--socket", tmp_path / "admin")

    assert (stopped.stdout, stopped.returncode) == (f"{daemon.pid}\n", 0)
    assert time.monotonic() - begun >= GRACE_S
    assert daemon.wait(1) == 0
    assert not (tmp_path / "admin").exists()


@pytest.mark.usefixtures("daemon")
def test_stop_gives_up_after_its_timeout(tmp_path: Path) -> None:
    """The caller learns that the daemon is still there."""
    gave_up = harpcallerd("stop", "--timeout", "0.1", "--socket", tmp_path / "admin")

    assert gave_up.returncode == 1
    assert "still open" in gave_up.stderr


@pytest.mark.usefixtures("daemon")
def test_a_list_is_read_page_after_page(tmp_path: Path) -> None:
    """A million lines never stand in memory; each is one JSON value."""
    listed = harpcallerd("queue-list", "--socket", tmp_path / "admin")

    assert listed.returncode == 0
    assert listed.stdout == "".join(f"{number}\n" for number in range(250))


@pytest.mark.usefixtures("daemon")
def test_a_reader_that_leaves_early_gets_no_traceback(tmp_path: Path) -> None:
    """`harpcallerd list | head -1` is what people type."""
    piped = subprocess.run(
        [*FIRST_LINE, *HARPCALLERD, "queue-list", "--socket", tmp_path / "admin"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert (piped.stdout, piped.stderr) == ("0\n", "")


@pytest.mark.usefixtures("daemon")
def test_what_the_daemon_refuses_is_told_and_fails(tmp_path: Path) -> None:
    """Exit code 1 and the daemon's own words."""
    refused = harpcallerd("info", "1234", "--socket", tmp_path / "admin")

    assert (refused.stdout, refused.returncode) == ("", 1)
    assert refused.stderr.startswith('harpcallerd: unknown command "job_info"')


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["sotp"],
        ["status", "--tiemout", "1"],
        ["status", "--timeout", "-1"],
        ["status", "--timeout", "nan"],
        ["list", "--queue", "[1]"],
        ["queue-list", "{"],
        ["info"],
    ],
)
def test_a_wrong_command_line_is_usage(words: list[str]) -> None:
    """Exit code 2, and nobody was asked anything."""
    wrong = harpcallerd(*words)

    assert wrong.returncode == 2
    assert "usage: harpcallerd" in wrong.stderr


@pytest.mark.parametrize("verb", ["stop", "list", "hosts-list", "hosts-refresh"])
def test_verbs_without_a_daemon_end_as_not_running(verb: str, tmp_path: Path) -> None:
    """3, so that a script can tell it from a refusal."""
    alone = harpcallerd(verb, "--socket", tmp_path / "admin")

    assert (alone.stdout, alone.returncode) == ("", 3)
    assert "nobody listens on" in alone.stderr


def test_admin_verbs_load_no_event_loop(tmp_path: Path) -> None:
    """They are typed and scripted often; trio alone takes longer than the answer."""
    listed = subprocess.run(
        [*IMPORTS_TIMED, "-m", "harpcaller", "status", "--socket", tmp_path / "admin"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    loaded = {line.rpartition("|")[2].strip() for line in listed.stderr.splitlines()}
    assert "indira.client" in loaded
    assert not loaded & {"trio", "attr", "orjson", "structlog", "apsw"}
