"""harpcaller-cumulus(7) says what the adapter does, and its example runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from manual import MAN, section_of

from harpcaller.adapters.cumulus.config import KEYS
from harpcaller.adapters.cumulus.reach import REACH_KEYS
from harpcaller.adapters.cumulus.schemas import FORMATS
from harpcaller.adapters.cumulus.submission import RESOLVE, TASK, VALIDATE
from harpcaller.adapters.cumulus.terms import CallForm

PAGE = MAN / "harpcaller-cumulus.7"
ROOT = Path(__file__).parents[2]
ADAPTER = ROOT / "harpcaller" / "adapters" / "cumulus"


def items(section: str) -> set[str]:
    """Return the words that a section lists."""
    found = re.findall(r"^\.It Ic (.+)$", section_of(PAGE, section), re.MULTILINE)
    return {word for line in found for word in line.split(" , ")}


def test_every_key_is_in_the_manual_and_the_reverse() -> None:
    """An operator looks there first."""
    assert items("CONFIGURATION") == set(KEYS)


def test_every_key_of_a_task_is_in_the_manual() -> None:
    """So does who writes workflows."""
    told = items("Lists of tasks")

    assert told == {*REACH_KEYS, "retry"}
    for word in (*FORMATS, *CallForm):
        assert word in section_of(PAGE, "Lists of tasks")


def test_the_reserved_procedures_are_in_the_manual() -> None:
    """With their names as they are called."""
    assert items("RESERVED PROCEDURES") == {TASK, RESOLVE, VALIDATE}


def test_every_name_of_an_error_is_in_the_manual() -> None:
    """A Retry or a Catch goes by it."""
    source = "".join(file.read_text() for file in ADAPTER.glob("*.py"))
    names = set(re.findall(r'"((?:Cumulus|States|HarpCaller|Lambda)\.\w+)"', source))

    told = section_of(PAGE, "NAMES OF ERRORS")
    assert {name for name in names if name not in told} == set()


def test_the_example_runs() -> None:
    """Two programs on a worker, and the message that comes back."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    done = subprocess.run(
        [ROOT / "examples" / "cumulus" / "run.sh"],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
        env={**os.environ, "PATH": path},
    )

    assert done.returncode == 0, done.stderr
    *packets, end = map(json.loads, done.stdout.splitlines())
    assert end["result"]["payload"] == {"files": 2}
    assert end["result"]["meta"]["manifest"].endswith("/TODAY___1.sha256")
    assert len(packets) == 7
