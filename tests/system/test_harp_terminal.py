"""`harp` in a terminal, in a pipe, and under Ctrl-C."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess

import pytest
from harp_command import LIMIT_S, run_harp, start_harp
from line_server import ACCEPTED, HOLD, JOB, LineServer, Step, packets

NASTY = "a\x1b]0;title\x07\r\x9b2Jb\u202ec\td"
SHOWN = "a\\u001b]0;title\\u0007\\u000d\\u009b2Jb\\u202ec\td\n"
SHOWN_IN_JSON = '"a\\u001b]0;title\\u0007\\r\\u009b2Jb\\u202ec\\td"}\n'


def reply(value: str) -> bytes:
    """Return the line that says a job returned `value`."""
    return json.dumps({"result": value}).encode() + b"\n"


def next_line(harp: subprocess.Popen[str]) -> str:
    """Return the next line that `harp` prints."""
    assert harp.stdout is not None
    return harp.stdout.readline()


def read_terminal(terminal: int) -> str:
    """Return what is written to the terminal until its last writer has gone."""
    written = b""
    try:
        while chunk := os.read(terminal, 4096):
            written += chunk
    except OSError:  # how Linux says that it is over
        pass
    return written.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("words", "safe"), [([], SHOWN), (["--json"], '{"result":' + SHOWN_IN_JSON)]
)
def test_a_worker_cannot_take_over_the_terminal(words: list[str], safe: str) -> None:
    """Escape sequences of a result would move, retitle and even type."""
    terminal, line = pty.openpty()
    with LineServer([reply(NASTY)]) as server:
        words = ["result", JOB, "--server", server.address, *words]
        with start_harp(*words, stdout=line) as harp:
            os.close(line)
            shown = read_terminal(terminal)
            harp.communicate(timeout=LIMIT_S)
    os.close(terminal)

    assert shown.replace(" " * 7, "\t") == safe  # a terminal may expand tabs


def test_a_file_gets_the_result_as_it_is() -> None:
    """What is not looked at is not changed."""
    with LineServer([reply(NASTY)]) as server:
        done = run_harp("result", JOB, "--server", server.address)

    # Read as text, the carriage return is a line end.
    assert done.stdout == NASTY.replace("\r", "\n") + "\n"


def test_each_packet_is_printed_when_it_comes() -> None:
    """A stream that shows up at its end is no stream."""
    with (
        LineServer([packets(0, "a"), HOLD]) as server,
        start_harp("follow", JOB, "--server", server.address) as harp,
    ):
        assert next_line(harp) == "a\n"
        harp.send_signal(signal.SIGINT)
        harp.communicate(timeout=LIMIT_S)


def test_an_interrupt_leaves_the_job_and_says_how_to_go_on() -> None:
    """A client that goes away ends its session, never its job."""
    with LineServer([ACCEPTED], [packets(0, "a", "b"), HOLD]) as server:
        words = ("call", "web1", "count", "-f", "--server", server.address)
        with start_harp(*words) as harp:
            assert [next_line(harp), next_line(harp)] == ["a\n", "b\n"]
            harp.send_signal(signal.SIGINT)
            _, err = harp.communicate(timeout=LIMIT_S)

    assert harp.returncode == 130
    again = f"harp follow {JOB} --since 2 --server {server.address}"
    assert err == f"harp: job {JOB} goes on; to go on with it: {again}\n"
    assert len(server.requests) == 2


def test_an_interrupt_cancels_the_job_where_that_was_asked_for() -> None:
    """Some calls are only wanted while somebody looks."""
    stream: list[Step] = [packets(0, "a"), HOLD]
    with LineServer([ACCEPTED], stream, [b'{"cancelled":true}\n']) as server:
        words = ("call", "web1", "count", "-f", "--cancel-on-interrupt", "--json")
        with start_harp(*words, "--server", server.address) as harp:
            next_line(harp)
            harp.send_signal(signal.SIGINT)
            _, err = harp.communicate(timeout=LIMIT_S)

    assert harp.returncode == 130
    assert server.requests[2] == {"harpcaller": 1, "cancel": JOB}
    assert json.loads(err)["error"]["data"] == {"job_id": JOB}


def test_an_interrupt_before_there_is_a_job_has_no_hint() -> None:
    """There is no id to go on with; the status is the same."""
    with LineServer([HOLD]) as server:
        words = ("call", "web1", "ping", "--server", server.address)
        with start_harp(*words) as harp:
            server.wait_for_requests(1)
            harp.send_signal(signal.SIGINT)
            _, err = harp.communicate(timeout=LIMIT_S)

    assert (harp.returncode, err) == (130, "harp: interrupted\n")


def test_a_reader_that_leaves_ends_it_quietly() -> None:
    """`harp follow ID | head -1` must not end in a traceback."""
    many = packets(0, *["x" * 1000] * 500)
    with (
        LineServer([many, HOLD]) as server,
        start_harp("follow", JOB, "--server", server.address) as harp,
    ):
        assert harp.stdout is not None
        assert harp.stderr is not None
        next_line(harp)
        harp.stdout.close()
        err = harp.stderr.read()

    assert (harp.returncode, err) == (141, "")
