"""The original's verbs and admin commands, row by row, against a running dispatcher.

    harpcallerd [--socket=PATH] start [--debug] [--config=FILE] [--pidfile=FILE]
    harpcallerd [--socket=PATH] status [--wait] [--timeout=SECONDS]
    harpcallerd [--socket=PATH] stop [--timeout=SECONDS] [--print-pid]
    harpcallerd [--socket=PATH] reload
    harpcallerd [--socket=PATH] list [--all] [--queue=NAME]
    harpcallerd [--socket=PATH] info ID
    harpcallerd [--socket=PATH] cancel ID
    harpcallerd [--socket=PATH] queue-list [NAME]
    harpcallerd [--socket=PATH] queue-cancel NAME
    harpcallerd [--socket=PATH] hosts-list
    harpcallerd [--socket=PATH] hosts-refresh
    harpcallerd [--socket=PATH] prune-jobs [--age=DAYS]
    harpcallerd [--socket=PATH] reopen-logs
    harpcallerd [--socket=PATH] dist-erl-start
    harpcallerd [--socket=PATH] dist-erl-stop

What a script or a program that was written for the original relies on is in the
tables below; more fields than those may come.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from admin_verbs import HARPCALLERD, SLEEP, silent_daemon
from daemon_process import DaemonProcess, prepared_daemon
from shapes import OneOf, Shape, misfits

from indira.client import AdminClient

NAME = {"disk": "sda"}
NAME_TEXT = json.dumps(NAME)
NO_JOB = "00000000-0000-7000-8000-000000000000"
SOON_S = 20

TIME = OneOf(int, float, None)
JOB: Shape = {
    "job": str,
    "call": {"host": str, "procedure": str, "arguments": OneOf(list, dict)},
    "time": {"submit": TIME, "start": TIME, "end": TIME},
}
INFO: Shape = {**JOB, "info": OneOf(str, None)}
QUEUE_JOB: Shape = {**JOB, "running": bool}
HOST: Shape = OneOf(
    {"hostname": str, "address": str, "port": int},
    {"hostname": "silent"},  # its Unix socket is nothing that the original knew
)
PRINTS_NOTHING: Shape = None

OK: Shape = {"result": "ok"}
ERROR: Shape = {"result": "error", "message": str}
NO_SUCH_JOB: Shape = {"result": "no_such_job"}

# The words of a verb, and what each line of its output is: an expression for text,
# a shape for JSON.
VERBS: list[tuple[list[str], Shape]] = [
    (["status"], re.compile("running")),
    (["status", "--wait"], re.compile("running")),
    (["status", "--wait", "--timeout=5"], re.compile("running")),
    (["status", "--timeout=5"], re.compile("running")),
    (["reload"], PRINTS_NOTHING),
    (["list"], JOB),
    (["list", "--all"], JOB),
    (["list", f"--queue={NAME_TEXT}"], JOB),
    (["list", "--all", f"--queue={NAME_TEXT}"], JOB),
    (["info", "ID"], INFO),
    (["cancel", "ID"], PRINTS_NOTHING),
    (["queue-list"], NAME),
    (["queue-list", NAME_TEXT], QUEUE_JOB),
    (["queue-cancel", NAME_TEXT], PRINTS_NOTHING),
    (["hosts-list"], HOST),
    (["hosts-refresh"], PRINTS_NOTHING),
    (["prune-jobs"], PRINTS_NOTHING),
    (["prune-jobs", "--age=1"], PRINTS_NOTHING),
    (["reopen-logs"], PRINTS_NOTHING),
]

# A command as it is sent, and its reply.
COMMANDS: list[tuple[dict[str, Any], Shape]] = [
    ({"command": "status", "wait": False}, {"result": "running"}),
    ({"command": "status", "wait": True}, {"result": "running", "pid": int}),
    ({"command": "reload_config"}, OK),
    ({"command": "prune_jobs", "max_age": 86400}, OK),
    ({"command": "reopen_logs"}, OK),
    ({"command": "list_jobs"}, {**OK, "jobs": [JOB]}),
    ({"command": "list_jobs", "list_all": False}, {**OK, "jobs": [JOB]}),
    ({"command": "list_jobs", "list_all": True}, {**OK, "jobs": [JOB]}),
    ({"command": "job_info", "job": "ID"}, {**OK, "info": INFO}),
    ({"command": "job_info", "job": NO_JOB}, NO_SUCH_JOB),
    ({"command": "cancel_job", "job": "ID"}, OK),
    ({"command": "cancel_job", "job": NO_JOB}, NO_SUCH_JOB),
    ({"command": "list_hosts"}, {**OK, "hosts": [HOST]}),
    ({"command": "refresh_hosts"}, OK),
    ({"command": "list_queues"}, {**OK, "queues": [NAME]}),
    ({"command": "list_queue", "queue": NAME}, {**OK, "jobs": [QUEUE_JOB]}),
    ({"command": "cancel_queue", "queue": NAME}, OK),
    ({"command": "dist_start"}, ERROR),
    ({"command": "dist_stop"}, ERROR),
    ({"command": "no_such_command"}, ERROR),
]


@attrs.frozen
class Place:
    """A running dispatcher, and the ID of a job that runs there."""

    daemon: DaemonProcess
    job_id: str


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A dispatcher whose worker never says a word."""
    settings = {"log_file": "log_file"}
    directory = tmp_path_factory.mktemp("parity")
    with silent_daemon(directory, settings) as daemon:
        yield daemon


@pytest.fixture
def place(daemon: DaemonProcess) -> Iterator[Place]:
    """One job that runs and one that waits in a queue, and one that has ended."""
    call = {**SLEEP, "queue": {"name": NAME}}
    running, _ = daemon.ask(call), daemon.ask(call)
    ended = daemon.ask({"host": "nowhere", "procedure": "p", "arguments": []})
    daemon.ask({"get_result": ended["job_id"]})
    yield Place(daemon, running["job_id"])
    with AdminClient(daemon.admin_socket, timeout_s=SOON_S) as client:
        client.send("cancel_queue", queue=NAME)


def harpcallerd(daemon: DaemonProcess, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a verb to its end, in the original's way of writing."""
    return subprocess.run(
        [*HARPCALLERD, f"--socket={daemon.admin_socket}", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=SOON_S,
    )


@pytest.mark.parametrize(
    ("words", "line"), VERBS, ids=[" ".join(words) for words, _ in VERBS]
)
def test_a_verb_prints_what_the_originals_does(
    words: list[str], line: Shape, place: Place
) -> None:
    """Scripts go by exit code and lines."""
    words = [place.job_id if word == "ID" else word for word in words]

    done = harpcallerd(place.daemon, *words)

    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(lines) is (line is not PRINTS_NOTHING)
    for one in lines:
        if isinstance(line, re.Pattern):
            assert line.fullmatch(one)
        else:
            assert misfits(json.loads(one), line) == []


@pytest.mark.parametrize(
    ("command", "shape"), COMMANDS, ids=[json.dumps(said) for said, _ in COMMANDS]
)
def test_a_command_is_answered_as_by_the_original(
    command: dict[str, Any], shape: Shape, place: Place
) -> None:
    """In one line, which is the reply."""
    said = json.dumps(command).replace('"ID"', f'"{place.job_id}"')

    lines = heard(place.daemon, said)

    assert len(lines) == 1
    assert misfits(json.loads(lines[0]), shape) == []


def heard(daemon: DaemonProcess, said: str) -> list[bytes]:
    """Return the lines that answer one."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(SOON_S)
        client.connect(str(daemon.admin_socket))
        client.sendall(f"{said}\n".encode())
        client.shutdown(socket.SHUT_WR)
        return client.makefile("rb").readlines()


@pytest.mark.parametrize("name", ["dist_start", "dist_stop"])
def test_there_is_no_erlang_to_distribute(name: str, daemon: DaemonProcess) -> None:
    """A program is told so, and a script by the exit code for what cannot be meant."""
    [line] = heard(daemon, json.dumps({"command": name}))
    verb = harpcallerd(daemon, f"dist-erl-{name.removeprefix('dist_')}")

    assert json.loads(line)["message"].startswith("not applicable")
    assert (verb.returncode, "not applicable" in verb.stderr) == (2, True)


def test_a_mistake_in_the_configuration_is_told_in_full(daemon: DaemonProcess) -> None:
    """`errors` has each of them, and the old configuration stays."""
    good = daemon.config.read_text()
    daemon.config.write_text("max_running = true\nmax_queued = -1\n" + good)
    try:
        [line] = heard(daemon, '{"command":"reload_config"}')
        verb = harpcallerd(daemon, "reload")
    finally:
        daemon.config.write_text(good)

    reply = json.loads(line)
    assert misfits(reply, {**ERROR, "errors": [str]}) == []
    assert len(reply["errors"]) == 2
    assert verb.returncode == 1
    assert all(error in verb.stderr for error in reply["errors"])


def test_it_starts_and_stops_as_the_original(tmp_path: Path) -> None:
    """With all that its command line takes; `status` tells both."""
    daemon = prepared_daemon(tmp_path)
    pidfile = tmp_path / "pid"
    with daemon.config.open("a") as config:
        config.write('listen = "127.0.0.1:0"\n')
    words = ["start", "--debug", f"--config={daemon.config}", f"--pidfile={pidfile}"]
    before = harpcallerd(daemon, "status")
    with (
        daemon.log.open("wb") as log,
        subprocess.Popen(
            [*HARPCALLERD, f"--socket={daemon.admin_socket}", *words], stderr=log
        ) as process,
    ):
        during = harpcallerd(daemon, "status", "--wait", "--timeout=15")
        told = pidfile.read_text()
        stopped = harpcallerd(daemon, "stop", "--timeout=15", "--print-pid")
        code = process.wait(SOON_S)

    assert (before.stdout, before.returncode) == ("stopped\n", 3)
    assert (during.stdout, during.returncode) == ("running\n", 0), daemon.last_words()
    assert (told, stopped.stdout) == (f"{process.pid}\n", f"{process.pid}\n")
    assert (code, pidfile.exists()) == (0, False)


def test_a_stop_is_answered_before_it_is_done(tmp_path: Path) -> None:
    """`{"command":"stop"}` tells the pid to wait for."""
    with silent_daemon(tmp_path) as daemon:
        lines = heard(daemon, '{"command":"stop"}')
        daemon.wait()

    assert [json.loads(line) for line in lines] == [{"result": "ok", "pid": daemon.pid}]
