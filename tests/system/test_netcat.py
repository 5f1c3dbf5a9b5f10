"""Every netcat, fed by a pipe, is answered and then ends by itself."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

import attrs
import pytest
from practice_daemon import LOOPBACK, practice_daemon

TOOLS: dict[str, Sequence[str]] = {
    "nc.openbsd": ("nc.openbsd",),
    "nc.openbsd -N": ("nc.openbsd", "-N"),
    "nc.openbsd -q0": ("nc.openbsd", "-q0"),
    "nc.traditional": ("nc.traditional",),
    "ncat": ("ncat",),
    "ncat --no-shutdown": ("ncat", "--no-shutdown"),
    "socat": ("socat", "-"),
}
# These tell the dispatcher when their input is at its end.
HALF_CLOSING = {"nc.openbsd -N", "nc.openbsd -q0", "ncat", "socat"}
CALL = b'{"harpcaller":1,"host":"worker","procedure":"ping","arguments":[]}'
CANCEL = b'{"harpcaller":1,"cancel":"nothing"}'
INPUTS = {
    "one request": CALL + b"\n",
    "three pipelined": CALL + b"\n" + CANCEL + b"\nno JSON\n",
    "unterminated": CANCEL + b"\n" + CALL,
    "CRLF": CALL + b"\r\n" + CANCEL + b"\r\n",
}
ANSWERS = {
    "one request": ["job_id"],
    "three pipelined": ["job_id", "cancelled", "parse_error"],
    "unterminated": ["cancelled", "job_id"],
    "CRLF": ["job_id", "cancelled"],
}
WITHIN_S = 2.5
UNTERMINATED_WITHIN_S = 4
GIVE_UP_S = 15
AT_A_TIME = 4  # more of them only wait for a CPU to start on, and that is measured


@attrs.frozen(kw_only=True)
class Run:
    """What one netcat printed, how it ended, and how long that took."""

    printed: bytes
    status: int
    took_s: float


Runs: TypeAlias = Mapping[tuple[str, str], Future[Run]]
"""What became of each netcat with each input; without those not installed."""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Start one dispatcher for all of them."""
    with practice_daemon(tmp_path_factory.mktemp("netcat")) as daemon:
        yield daemon.port


@pytest.fixture(scope="module")
def runs(port: int) -> Iterator[Runs]:
    """Run some of them side by side: most of their time they only wait."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield {
            (tool, name): pool.submit(run, words, text, port)
            for tool, words in TOOLS.items()
            if shutil.which(words[0])
            for name, text in INPUTS.items()
        }


def run(tool: Sequence[str], text: bytes, port: int) -> Run:
    """Do as `printf … | nc …` does, where the pipe is closed at once."""
    words = [*tool, LOOPBACK, str(port)]
    if tool[0] == "socat":
        words = [*tool, f"TCP:{LOOPBACK}:{port}"]
    begun = time.monotonic()
    ended = subprocess.run(
        words, input=text, capture_output=True, check=False, timeout=GIVE_UP_S
    )
    took_s = time.monotonic() - begun
    return Run(printed=ended.stdout, status=ended.returncode, took_s=took_s)


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("tool", TOOLS)
def test_a_netcat_is_answered_and_ends_by_itself(
    runs: Runs, tool: str, name: str
) -> None:
    """Somebody's first contact is this, and nobody knows which netcat they have."""
    if (tool, name) not in runs:
        pytest.skip(f"{TOOLS[tool][0]} is not installed")

    ended = runs[tool, name].result()

    expected = list(ANSWERS[name])
    is_cut = name == "unterminated" and tool not in HALF_CLOSING
    if is_cut:
        expected[-1] = "parse_error"
    assert [kind_of(line) for line in ended.printed.splitlines()] == expected
    assert ended.status == 0
    assert ended.took_s < (UNTERMINATED_WITHIN_S if is_cut else WITHIN_S)


def kind_of(line: bytes) -> str:
    """Return the word that tells what a reply is."""
    reply = json.loads(line)
    error: str = reply.get("error", {}).get("type", list(reply)[-1])
    return error


def test_bash_alone_is_enough(port: int) -> None:
    """Where there is no netcat there is `/dev/tcp`."""
    script = 'exec 3<>/dev/tcp/$1/$2; echo "$3" >&3; cat <&3'

    printed = subprocess.check_output(
        ["bash", "-c", script, "bash", LOOPBACK, str(port), CANCEL.decode()],
        timeout=GIVE_UP_S,
    )

    assert printed == b'{"cancelled":false}\n'


@pytest.mark.alone
def test_the_originals_client_waits_for_no_linger(port: int) -> None:
    """It opens a connection, sends a line, reads a line, and closes."""
    call: dict[str, object] = {"info": None, "host": "original", "harpcaller": 1}
    call |= {"procedure": "ping", "arguments": []}
    begun = time.monotonic()

    job = ask_as_original(port, call)["job_id"]
    result = ask_as_original(port, {"harpcaller": 1, "get_result": job, "wait": True})

    assert result == {"result": "pong"}
    assert time.monotonic() - begun < 1


def ask_as_original(port: int, request: Mapping[str, object]) -> dict[str, object]:
    """Return the reply to one request, as the original's client gets it."""
    with socket.create_connection((LOOPBACK, port)) as client:
        client.sendall(json.dumps(request).encode() + b"\n")
        reply: dict[str, object] = json.loads(client.makefile().readline())
        return reply
