"""Log lines as a real process writes them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAM = """
import pathlib
import structlog
from harpcaller import logs
log = structlog.get_logger()
logs.configure(debug={debug})
structlog.contextvars.bind_contextvars(peer="unix")
log.debug("session.opened")
log.info("job.ended", job_id="1", outcome="Returned", path=pathlib.Path("/x"))
try:
    1 / 0
except ZeroDivisionError:
    log.exception("job.crashed")
"""


def lines_of(*, debug: bool) -> list[dict[str, Any]]:
    """Return the log lines of a process whose standard error is a pipe."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(debug=debug)],
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert ran.stdout == b""
    return [json.loads(line) for line in ran.stderr.splitlines()]


def test_programs_read_json_lines() -> None:
    """One event a line, whatever happens: that is what log collectors can read."""
    ended, crashed = lines_of(debug=False)

    assert ended.pop("timestamp").endswith("Z")
    assert ended == {
        "event": "job.ended",
        "level": "info",
        "job_id": "1",
        "outcome": "Returned",
        "path": "/x",
        "peer": "unix",
    }
    assert "ZeroDivisionError" in crashed["exception"]


def test_debug_adds_lines() -> None:
    """An operator can look closer without another version."""
    assert [line["event"] for line in lines_of(debug=True)] == [
        "session.opened",
        "job.ended",
        "job.crashed",
    ]


def test_people_read_plain_lines() -> None:
    """On a terminal somebody is looking."""
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", PROGRAM.format(debug=False)],
        stderr=theirs,
        check=True,
        timeout=30,
    )
    os.close(theirs)
    said = os.read(ours, 65536).decode()
    os.close(ours)

    assert "job.ended" in said
    assert not said.startswith("{")


def test_the_journal_is_told_how_bad_a_line_is(tmp_path: Path) -> None:
    """`journalctl -p warning` shows what an administrator has to see."""
    with (tmp_path / "journal").open("wb") as journal:
        found = os.fstat(journal.fileno())
        stream = f"{found.st_dev}:{found.st_ino}"
        subprocess.run(
            [sys.executable, "-c", PROGRAM.format(debug=True)],
            stderr=journal,
            env=os.environ | {"JOURNAL_STREAM": stream},
            check=True,
            timeout=30,
        )

    lines = (tmp_path / "journal").read_text().splitlines()

    assert [line[:4] for line in lines] == ["<7>{", "<6>{", "<3>{"]
    assert json.loads(lines[1][3:])["event"] == "job.ended"


def test_a_terminal_shows_control_characters(tmp_path: Path) -> None:
    """Names come from strangers, and a terminal obeys what it is sent."""
    program = PROGRAM.format(debug=False).replace('"unix"', repr("\x1b]0;x\x07"))
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", program], stderr=theirs, check=True, timeout=30
    )
    os.close(theirs)
    said = os.read(ours, 65536)
    os.close(ours)

    assert b"\\x1b]0;x" in said
    assert b"\x1b]0;" not in said
