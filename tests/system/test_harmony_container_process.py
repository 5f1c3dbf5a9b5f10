"""The process of `harp-harmony --harmony-action invoke`: logs, signals, usage."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from harmony_container import (
    CATALOG,
    MESSAGE,
    TOKEN,
    done,
    line,
    run_in_place,
    started,
)
from line_server import ACCEPTED, HOLD, JOB, LineServer, packets

from harpcaller.tools.harmony import main


def test_what_happens_is_logged_as_json_lines(tmp_path: Path) -> None:
    """Harmony collects them; nothing secret is among them."""
    noted = packets(0, {"harmony": "call", "key": "s1.b0/a0"}, {"event": "ended"})
    with LineServer([ACCEPTED], [noted, done()]) as server:
        run = run_in_place(server, tmp_path)

    assert [one["message"] for one in run.log] == [
        "request.submitted",
        "request.call",
        "request.ended",
    ]
    assert run.log[1]["note"]["key"] == "s1.b0/a0"
    assert {one["requestId"] for one in run.log} == {
        "e0e08e1a-b0bb-5209-a14f-f1cf790e4987"
    }
    assert TOKEN not in json.dumps(run.log)


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """There is no place for an error.json."""
    (tmp_path / "file").touch()

    run = run_in_place("127.0.0.1:1", tmp_path / "file" / "out")

    assert run.code == 1
    assert run.log[-1]["message"].endswith("Not a directory")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_a_signal_cancels_the_job(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """H-24: the library leaves no error.json then."""
    cancelled = [line({"cancelled": True})]
    with LineServer([ACCEPTED], [HOLD], cancelled, cancelled) as server:
        words = invocation(tmp_path, server)
        container = started(*words)
        server.wait_for_requests(2)
        assert container.stdout is not None
        said = container.stdout.readline()  # as it happens
        container.send_signal(number)
        container.communicate(timeout=30)

    assert container.returncode == code
    assert json.loads(said)["job_id"] == JOB
    assert server.requests[2] == {"harpcaller": 1, "cancel": JOB}
    assert json.loads((tmp_path / "error.json").read_bytes()) == {
        "error": "Request was canceled",
        "category": "Canceled",
        "level": "Error",
    }


def test_a_job_whose_id_is_not_known_yet_is_cancelled_too(tmp_path: Path) -> None:
    """Its key tells the ID."""
    cancelled = [line({"cancelled": True})]
    with LineServer([HOLD], [ACCEPTED], cancelled, cancelled) as server:
        container = started(*invocation(tmp_path, server))
        server.wait_for_requests(1)
        container.terminate()
        container.communicate(timeout=30)

    assert container.returncode == 143
    assert server.requests[0] == server.requests[1]
    assert server.requests[2]["cancel"] == JOB


def test_a_second_signal_means_now(tmp_path: Path) -> None:
    """Who sends it knows why."""
    with LineServer([ACCEPTED], [HOLD], [HOLD]) as server:
        container = started(*invocation(tmp_path, server))
        server.wait_for_requests(2)
        container.terminate()
        server.wait_for_requests(3)
        container.terminate()
        container.communicate(timeout=60)

    assert container.returncode == 143
    assert (tmp_path / "error.json").exists()


def invocation(folder: Path, server: LineServer) -> list[str]:
    """Return the words that Harmony starts a container with, and two of ours."""
    return [
        *("--service", "test/copy", "--dispatcher", server.address),
        *("--harmony-action", "invoke", "--harmony-input-file", str(MESSAGE)),
        *("--harmony-sources", str(CATALOG), "--harmony-metadata-dir", str(folder)),
        "--harmony-wrap-stdout",
    ]


def test_service_and_dispatcher_may_come_from_the_environment(tmp_path: Path) -> None:
    """Harmony gives its own words and no others."""
    with LineServer([ACCEPTED], [done()]) as server:
        words = invocation(tmp_path, server)[4:]
        environment = {
            **os.environ,
            "HARP_HARMONY_SERVICE": "from/environment",
            "HARP_DISPATCHER": server.address,
        }
        container = started(*words, environment=environment)
        told, _ = container.communicate(timeout=30)

    assert container.returncode == 0, told
    assert server.requests[0]["procedure"] == "from/environment"
    assert all(json.loads(one)["application"] for one in told.splitlines())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "--harmony-action"),
        (["--harmony-action", "start"], "invalid choice"),
        (["--harmony-action", "invoke"], "--harmony-input"),
        (["--harmony-action", "invoke", "--harmony-input", "{}"], "metadata-dir"),
        (
            [
                *("--harmony-action", "invoke", "--harmony-input", "{}"),
                *("--harmony-metadata-dir", "s3://b/k"),
            ],
            "a directory of this machine",
        ),
        (
            [
                *("--harmony-action", "invoke", "--harmony-input", "{}"),
                *("--harmony-metadata-dir", "d"),
            ],
            "--service",
        ),
        (
            [
                *("--harmony-action", "invoke", "--harmony-input", "{}"),
                *("--harmony-metadata-dir", "d", "--service", "s"),
                *("--dispatcher", "unix:"),
            ],
            "no address",
        ),
    ],
)
def test_an_incomplete_command_line_is_a_usage_error(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """E23: exit 2, on stderr; nothing is written."""
    with pytest.raises(SystemExit) as caught:
        main(words)

    assert caught.value.code == 2
    assert told in capsys.readouterr().err


def test_a_message_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    """E23: there is no input."""
    words = [
        *("--service", "s", "--harmony-action", "invoke"),
        *("--harmony-input-file", str(tmp_path / "gone")),
        *("--harmony-metadata-dir", str(tmp_path / "out")),
    ]

    assert main(words) == 2
    assert not (tmp_path / "out").exists()
