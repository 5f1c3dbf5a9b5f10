"""The completions of the shells: they are the code's, and the shells can use them."""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Set
from importlib.util import find_spec
from pathlib import Path

import pytest
from daemon_process import DaemonProcess, running_daemon
from eventually import wait_until
from harp_peer import a_call
from harpd_process import running_harpd
from shells import COMPLETIONS, Desk, commands_for, in_bash, in_fish, in_zsh

QUEUE = {"pool": "db one"}
PROCEDURES = """
import time
from harpcaller.worker import procedure

@procedure
def wait():
    time.sleep(60)
"""


def shell(name: str, ask: Callable[..., Set[str]]) -> object:
    """Return a shell to be asked, if it is installed."""
    missing = shutil.which(name) is None
    mark = pytest.mark.skipif(missing, reason=f"{name} is not installed")
    return pytest.param(ask, id=name, marks=mark)


SHELLS = [shell("bash", in_bash), shell("zsh", in_zsh), shell("fish", in_fish)]
in_every_shell = pytest.mark.parametrize("ask", SHELLS)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A dispatcher with one host, which accepts and says nothing."""
    directory = tmp_path_factory.mktemp("asked")
    hosts = {"web7": {"unix": str(directory / "silent")}}
    settings = {"stop_grace_s": 0.2}
    with (
        socket.socket(socket.AF_UNIX) as silent,
        running_daemon(directory, hosts=hosts, settings=settings) as daemon,
    ):
        silent.bind(str(directory / "silent"))
        silent.listen()
        yield daemon


@pytest.fixture(scope="module")
def job(daemon: DaemonProcess) -> str:
    """The ID of a job that runs, in a queue of its own."""
    queue = {"name": QUEUE, "concurrency": 1}
    call = {"host": "web7", "procedure": "ping", "arguments": [], "queue": queue}
    return str(daemon.ask(call)["job_id"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file in it."""
    folder = tmp_path_factory.mktemp("typed")
    (folder / "some.toml").touch()
    return folder


@pytest.fixture
def desk(daemon: DaemonProcess, folder: Path, tmp_path: Path) -> Desk:
    """A place to type at."""
    return desk_at(folder, tmp_path, daemon.admin_socket)


def desk_at(folder: Path, place: Path, socket: Path) -> Desk:
    """Return a place to type at, whose commands ask at `socket`."""
    return Desk(folder, commands_for(place / "bin", socket), folder / ".zcompdump")


@pytest.mark.skipif(find_spec("shtab") is None, reason="shtab is not installed")
def test_the_completions_are_those_of_the_code(tmp_path: Path) -> None:
    """Who adds an option and forgets `make completions` is told so."""
    renew = [sys.executable, str(COMPLETIONS / "renew.py"), str(tmp_path)]
    subprocess.run(renew, check=True, timeout=30)

    made = {path.relative_to(tmp_path) for path in tmp_path.glob("*/*")}
    kept = {path.relative_to(COMPLETIONS) for path in COMPLETIONS.glob("*/*")}
    assert len(made) == 12
    assert made == {path for path in kept if "__pycache__" not in path.parts}
    for path in made:
        assert (tmp_path / path).read_text() == (COMPLETIONS / path).read_text(), path


@in_every_shell
def test_verbs_are_offered(ask: Callable[..., Set[str]], desk: Desk) -> None:
    """The verb for programs is nobody's candidate."""
    assert ask(desk, "harpcallerd", "sta") >= {"start", "status"}
    assert ask(desk, "harpd", "k") >= {"kill"}
    assert ask(desk, "harp", "") >= {"call", "follow", "procedures", "cancel"}
    assert "complete" not in ask(desk, "harpcallerd", "")


@in_every_shell
def test_the_options_of_a_verb_are_offered(
    ask: Callable[..., Set[str]], desk: Desk
) -> None:
    """And no other verb's."""
    offered = ask(desk, "harpcallerd", "start", "--")

    assert offered >= {"--config", "--listen", "--dev"}
    assert "--older-than" not in offered
    assert ask(desk, "harpcallerd", "list", "--state", "") >= {"queued", "ended"}
    assert ask(desk, "harp", "follow", "--") >= {"--since", "--recent", "--token-file"}


@in_every_shell
def test_files_are_offered_where_they_are_read(
    ask: Callable[..., Set[str]], desk: Desk
) -> None:
    """Paths are what is typed most."""
    assert "some.toml" in ask(desk, "harpcallerd", "check", "--config", "s")
    assert "some.toml" in ask(desk, "harp", "call", "--arguments", "s")
    assert "some.toml" not in ask(desk, "harpcallerd", "list", "--limit", "s")


@in_every_shell
def test_a_running_daemon_is_asked_for_names(
    ask: Callable[..., Set[str]], desk: Desk, job: str
) -> None:
    """Nobody types the ID of a job."""
    assert job in ask(desk, "harpcallerd", "cancel", "")
    assert job in ask(desk, "harp", "follow", job[:6])
    assert "web7" in ask(desk, "harp", "call", "w")
    assert "web7" in ask(desk, "harpcallerd", "list", "--host", "")
    [queue] = [
        word for word in ask(desk, "harpcallerd", "queue-pause", "") if "{" in word
    ]
    assert json.loads(queue if ask is in_fish else shlex.split(queue)[0]) == QUEUE


def test_a_worker_is_asked_at_the_socket_that_was_typed(tmp_path: Path) -> None:
    """Who runs two of them gets the calls of the one he means."""
    desk = desk_at(tmp_path, tmp_path, tmp_path / "no-such-socket")
    with (
        running_harpd(tmp_path, PROCEDURES) as harpd,
        socket.socket(socket.AF_UNIX) as caller,
    ):
        caller.connect(str(harpd.path))
        caller.sendall(a_call("wait"))
        wait_until(lambda: harpd.verb("calls").stdout != "")
        for sign in ([], ["="]):
            typed = ["--socket", *sign, str(harpd.admin)]
            assert in_bash(desk, "harpd", *typed, "kill", "") == {"1"}


@in_every_shell
def test_of_a_daemon_that_does_not_run_nothing_is_said(
    ask: Callable[..., Set[str]], folder: Path, tmp_path: Path
) -> None:
    """A message in the middle of a line that is typed would spoil it."""
    desk = desk_at(folder, tmp_path, tmp_path / "no-such-socket")

    assert ask(desk, "harpcallerd", "cancel", "") == set()
