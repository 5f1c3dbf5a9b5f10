"""`harp-harmony status`: what a job's stream says, folded."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from harmony_container import line
from line_server import JOB, LineServer, packets

from harpcaller.tools.harmony import main

GOING_ON = line({"continue": True})
NOTES = [
    {
        "harmony": "accepted",
        "service": "a/b",
        "request": "r",
        "mode": "async",
        "steps": 2,
        "batches": 2,
        "granules": 3,
    },
    {"harmony": "call", "key": "s1.b0/a0", "host": "h", "procedure": "p"},
    {"harmony": "call", "key": "s1.b1/a0", "host": "h", "procedure": "p"},
    {"event": "ended", "key": "s1.b0/a0", "started_at": 10, "ended_at": 12.5},
    {"event": "slept", "key": "s1.b0/a0"},
    {"event": "ended", "key": "other", "started_at": 1, "ended_at": 2},
    {"harmony": "unit", "key": "s1.b0", "state": "successful", "outputs": 1},
    {"harmony": "call", "key": "s2.b0.0/a0", "host": "h", "procedure": "q"},
    {"event": "ended", "key": "s2.b0.0/a0", "outcome": {"cancelled": True}},
    {"harmony": "progress", "percent": 50},
    {"harmony": "warning", "text": "w"},
    {"harmony": "of another version"},
    "no object",
]


def told(
    capsys: pytest.CaptureFixture[str], *answers: list[bytes], code: int = 0
) -> Any:
    """Return what is printed."""
    with LineServer(*answers) as server:
        assert main(["status", "--dispatcher", server.address, JOB]) == code
    printed = capsys.readouterr()
    return json.loads(printed.out) if code == 0 else printed.err


def test_a_stream_is_folded_by_step(capsys: pytest.CaptureFixture[str]) -> None:
    """An operator asks how far it is, and where it hangs."""
    pages = [packets(0, *NOTES[:5]), GOING_ON], [packets(5, *NOTES[5:]), GOING_ON]
    status = told(capsys, *map(list, pages), [GOING_ON])

    assert status["state"] == "running"
    assert (status["service"], status["granules"]) == ("a/b", 3)
    assert status["percent"] == 50
    assert status["warnings"] == ["w"]
    assert status["by_step"] == [
        {
            "step": 1,
            "units": {"successful": 1, "running": 1},
            "attempts": 2,
            "seconds": 2.5,
        },
        {"step": 2, "units": {"running": 1}, "attempts": 1, "seconds": 0},
    ]


def test_each_call_is_shown_with_its_job(capsys: pytest.CaptureFixture[str]) -> None:
    """So that its own stream can be looked at."""
    status = told(capsys, [packets(0, *NOTES), GOING_ON], [GOING_ON])

    first, second, _ = status["units"]
    assert first == {
        "key": "s1.b0",
        "step": 1,
        "state": "successful",
        "outputs": 1,
        "attempts": [
            {
                "key": "s1.b0/a0",
                "job_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{JOB}/s1.b0/a0")),
                "state": "ended",
                "host": "h",
                "procedure": "p",
                "seconds": 2.5,
            }
        ],
    }
    assert second["attempts"][0]["state"] == "running"


@pytest.mark.parametrize(
    ("end", "state"),
    [
        ({"result": {"status": "successful"}}, "successful"),
        ({"result": "odd"}, "failed"),
        (
            {"exception": {"type": "T", "message": "m", "data": {"status": "partial"}}},
            "partial",
        ),
        ({"exception": {"type": "T", "message": "m"}}, "failed"),
        ({"cancelled": True}, "cancelled"),
        ({"error": {"type": "missing_result", "message": "m"}}, "missing_result"),
    ],
)
def test_an_end_is_told(
    capsys: pytest.CaptureFixture[str], end: Any, state: str
) -> None:
    """In the words of the result, where there is one."""
    status = told(capsys, [line(end)])

    assert (status["state"], status["units"]) == (state, [])


def test_a_job_that_is_not_known_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1, and why."""
    unknown = line({"error": {"type": "invalid_jobid", "message": "no such job"}})

    assert "no such job" in told(capsys, [unknown], code=1)
