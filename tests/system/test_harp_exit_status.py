"""Each way a call can end, as `harp` prints it and as its exit status."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from harp_command import HARP, LIMIT_S, harp_environment, run_harp, start_harp
from line_server import ACCEPTED, JOB, LineServer, packets

STATUS: dict[str, Any] = {
    "call": {"host": "web1", "procedure": "ping", "arguments": [5]},
    "time": {"submit": 1_700_000_000, "start": None, "end": None},
    "info": {"who": "me"},
    "limits": {"timeout": 600, "max_exec_time": 86400},
}
NO_JOB = {"error": {"type": "invalid_jobid", "message": "no job with this ID"}}


def line(fields: dict[str, Any]) -> bytes:
    """Return a reply of the dispatcher."""
    return json.dumps(fields).encode() + b"\n"


@pytest.mark.parametrize(
    ("reply", "status", "out", "err"),
    [
        ({"result": "a\nb"}, 0, "a\nb\n", ""),
        ({"result": {"a": [1, "é"]}}, 0, '{"a":[1,"é"]}\n', ""),
        (
            {"exception": {"type": "ValueError", "message": "bad", "data": [1]}},
            1,
            "",
            "harp: the procedure raised ValueError: bad\nharp: data: [1]\n",
        ),
        (
            {"error": {"type": "timeout", "message": "silent for 5 s"}},
            3,
            "",
            "harp: the call failed: timeout: silent for 5 s\n",
        ),
        (
            {"error": {"type": "storage_error", "message": "m"}},
            3,
            "",
            "harp: the dispatcher refused: storage_error: m\n",
        ),
        ({"cancelled": True}, 4, "", "harp: the job was cancelled\n"),
        ({"no_result": True}, 5, "", "harp: the job has not finished yet\n"),
        (NO_JOB, 6, "", "harp: invalid_jobid: no job with this ID\n"),
    ],
)
def test_each_end_has_its_exit_status(
    reply: dict[str, Any], status: int, out: str, err: str
) -> None:
    """Scripts go by the status, people by the text, programs by the JSON."""
    with LineServer([line(reply)], [line(reply)]) as server:
        at = ("--server", server.address)

        plain = run_harp("result", JOB, "--no-wait", *at)
        in_json = run_harp("result", JOB, "--no-wait", "--json", *at)

    assert (plain.returncode, plain.stdout, plain.stderr) == (status, out, err)
    assert in_json.returncode == status
    told, silent = in_json.stdout, in_json.stderr
    if status:
        told, silent = silent, told
    assert (json.loads(told), silent) == (reply, "")
    assert told.count("\n") == 1


def test_a_call_waits_and_prints_the_result() -> None:
    """The shortest thing to type is the thing people want."""
    with LineServer([ACCEPTED], [b'{"result":"pong"}\n']) as server:
        done = run_harp("call", "web1", "ping", "5", "--server", server.address)

    assert (done.returncode, done.stdout, done.stderr) == (0, "pong\n", "")
    assert [request.get("arguments") for request in server.requests] == [[5], None]


def test_a_followed_call_prints_its_packets_first() -> None:
    """In JSON the lines are the dispatcher's own."""
    stream = [packets(0, "a", {"b": 1}), b'{"result":2}\n']
    with LineServer([ACCEPTED], stream, [ACCEPTED], stream) as server:
        at = ("--server", server.address)

        plain = run_harp("call", "web1", "count", "-f", *at)
        in_json = run_harp("call", "web1", "count", "-f", "--json", *at)

    assert (plain.returncode, plain.stdout) == (0, 'a\n{"b":1}\n2\n')
    assert (in_json.returncode, in_json.stdout) == (
        0,
        '{"packet":0,"data":"a"}\n{"packet":1,"data":{"b":1}}\n{"result":2}\n',
    )


def test_a_stream_ends_with_the_status_of_its_job() -> None:
    """Packets that were printed do not make a failed call a success."""
    with LineServer([packets(4, "a"), b'{"cancelled":true}\n']) as server:
        done = run_harp("follow", JOB, "--since", "4", "--server", server.address)

    assert (done.returncode, done.stdout) == (4, "a\n")
    assert server.requests[0]["since"] == 4


def test_a_detached_call_prints_the_id_and_nothing_else() -> None:
    """`id=$(harp call ... --detach)` is all a script needs."""
    with LineServer([ACCEPTED], [ACCEPTED]) as server:
        at = ("--server", server.address)

        plain = run_harp("call", "web1", "ping", "--detach", *at)
        in_json = run_harp("call", "web1", "ping", "--detach", "--json", *at)

    assert (plain.returncode, plain.stdout, plain.stderr) == (0, f"{JOB}\n", "")
    assert json.loads(in_json.stdout) == {"job_id": JOB}


def test_all_options_of_a_call_are_sent() -> None:
    """An option that is read and then forgotten would be worse than none."""
    with LineServer([ACCEPTED]) as server:
        run_harp(
            *("call", "db1", "dump", "password=x", "--detach", "--timeout", "5"),
            *("--max-exec-time", "60", "--queue", '{"a":1}', "--concurrency", "2"),
            *("--info", '"i"', "--key", "k", "--retries", "1", "--seal", "/password"),
            *("--server", server.address),
        )

    assert server.requests == [
        {
            "harpcaller": 1,
            "host": "db1",
            "procedure": "dump",
            "arguments": {"password": "x"},
            "timeout": 5,
            "max_exec_time": 60,
            "queue": {"name": {"a": 1}, "concurrency": 2},
            "info": "i",
            "key": "k",
            "retries": 1,
            "sealed": ["/password"],
        }
    ]


def test_arguments_can_be_kept_from_the_command_line(tmp_path: Path) -> None:
    """Others see command lines; a secret goes through a file or a pipe."""
    path = tmp_path / "arguments.json"
    path.write_text('{"password":"x"}')
    with LineServer([ACCEPTED]) as server:
        words = ("call", "db1", "dump", "--detach", "--server", server.address)
        run_harp(*words, "--arguments", str(path))
        path.write_text('"x"')
        wrong = run_harp(*words, "--arguments", str(path))
        empty = run_harp(*words, "--arguments", "-")
        absent = run_harp(*words, "--arguments", str(tmp_path / "none"))

    assert [request["arguments"] for request in server.requests] == [{"password": "x"}]
    assert wrong.returncode == empty.returncode == absent.returncode == 2
    assert "expected a JSON list or object" in wrong.stderr


@pytest.mark.parametrize(
    ("answers", "status", "out"),
    [
        ([{"cancelled": True}], 0, "cancelled\n"),
        ([{"cancelled": False}, STATUS], 0, "had ended already\n"),
        ([{"cancelled": False}, NO_JOB], 6, ""),
    ],
)
def test_a_cancel_tells_an_ended_job_from_none(
    answers: list[dict[str, Any]], status: int, out: str
) -> None:
    """The dispatcher answers false to both; a mistyped id must not look cancelled."""
    with LineServer(*([line(answer)] for answer in answers)) as server:
        done = run_harp("cancel", JOB, "--server", server.address)

    assert (done.returncode, done.stdout) == (status, out)


def test_a_status_is_printed_for_people_and_for_programs() -> None:
    """In JSON it is the reply itself, so that nothing is lost."""
    with LineServer([line(STATUS)], [line(STATUS)]) as server:
        at = ("--server", server.address)

        plain = run_harp("status", JOB, *at, TZ="UTC")
        in_json = run_harp("status", JOB, "--json", *at)

    assert plain.stdout == (
        "call       web1 ping\n"
        "arguments  [5]\n"
        "state      queued\n"
        "submitted  2023-11-14 22:13:20 +0000\n"
        "started    -\n"
        "ended      -\n"
        'info       {"who":"me"}\n'
        'limits     {"timeout":600,"max_exec_time":86400}\n'
    )
    assert json.loads(in_json.stdout) == STATUS


def test_nobody_there_is_a_status_of_its_own() -> None:
    """A script must tell "the dispatcher is down" from "the call failed"."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    plain = run_harp("call", "web1", "ping", "--server", address)
    in_json = run_harp("call", "web1", "ping", "--json", "--server", address)

    assert plain.returncode == in_json.returncode == 7
    assert plain.stderr == f"harp: the dispatcher at {address}: Connection refused\n"
    assert json.loads(in_json.stderr)["error"]["type"] == "unreachable"


def test_a_usage_error_is_a_status_of_its_own() -> None:
    """Also in JSON, also where the variable is at fault."""
    plain = run_harp("call", "web1")
    in_json = run_harp("call", "web1", "--json")
    variable = run_harp("call", "web1", "ping", HARPCALLER_SERVER="h:x")

    assert plain.returncode == in_json.returncode == variable.returncode == 2
    assert plain.stderr == 'harp: PROCEDURE is missing\nharp: see "harp --help"\n'
    assert json.loads(in_json.stderr) == {
        "error": {"type": "usage", "message": "PROCEDURE is missing"}
    }
    assert variable.stderr.startswith("harp: HARPCALLER_SERVER: 'h:x' is no address")


def test_the_environment_names_the_dispatcher(tmp_path: Path) -> None:
    """Programs are moved between dispatchers without being edited."""
    with LineServer([ACCEPTED], path=tmp_path / "s") as server:
        done = run_harp(
            "call", "web1", "ping", "--detach", HARPCALLER_SERVER=server.address
        )

    assert done.stdout == f"{JOB}\n"


def test_help_and_version_go_to_the_output() -> None:
    """`harp --help | less` must show something."""
    assert run_harp("--help").stdout.startswith("usage: harp [--server ADDR]")
    assert run_harp("call", "--help").stdout.startswith("usage: harp call HOST")
    assert run_harp("--version").stdout.startswith("harp 0")


def test_output_that_cannot_be_written_is_an_error() -> None:
    """A result that was lost on a full disk must not end with status 0."""
    with LineServer([b'{"result":1}\n']) as server, Path("/dev/full").open("w") as full:
        words = ("result", JOB, "--server", server.address)
        with start_harp(*words, stdout=full.fileno()) as harp:
            _, err = harp.communicate(timeout=LIMIT_S)

    assert harp.returncode == 3
    assert err == "harp: the output cannot be written: No space left on device\n"
    closed = subprocess.run(
        ["bash", "-c", 'exec "$@" >&-', "bash", *HARP, "--help", "--json"],
        stderr=subprocess.PIPE,
        timeout=LIMIT_S,
        check=False,
        env=harp_environment(),
    )
    assert closed.returncode == 3
    assert json.loads(closed.stderr)["error"]["type"] == "os_error"


def test_nothing_but_the_standard_library_is_imported() -> None:
    """The command starts in a fraction of a second and runs where nothing is."""
    script = (
        "import sys, harpcaller.client.cli\n"
        "known = sys.stdlib_module_names | {'harpcaller'}\n"
        "print(*{name.partition('.')[0] for name in sys.modules} - known)\n"
        "print(*(n for n in sys.modules if n.startswith('harpcaller.')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env=harp_environment(PYTHONPATH=str(Path(__file__).parents[2])),
    )

    strangers, ours = done.stdout.splitlines()
    assert strangers in {"", "__main__"}
    assert all(name.startswith("harpcaller.client") for name in ours.split())
