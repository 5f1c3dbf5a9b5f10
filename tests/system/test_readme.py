"""The quick start of the README and the demo do what they say."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from private_machine import BIN, needs_private_machine, run

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    not (BIN / "harpcallerd").exists(), reason="the project is not installed"
)


def quick_start() -> list[str]:
    """Return the lines of the README's first block of commands."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^```sh\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    assert block is not None
    return block[1].splitlines()


def test_every_path_that_the_readme_names_is_there() -> None:
    """A table of places that are not there is worse than none."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme[readme.index("| to | look at |") : readme.index("## Check a change")]

    named = re.findall(r"(?<![`\w])`?([\w/]+/|[\w./-]+\.\w+)`?(?=[,` ])", table)

    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []


@needs_private_machine
def test_the_quick_start_works_as_it_is_written(tmp_path: Path) -> None:
    """It is the first thing that anybody tries; port and paths are the real ones."""
    install, *lines = quick_start()

    done = run("\n".join(lines), tmp_path, timeout_s=50)

    assert (done.returncode, install) == (0, "make .venv/runs && . .venv/bin/activate")
    told = done.stdout.splitlines()
    counted = told.index("0")
    assert told[counted : counted + 6] == ["0", "1", "2", "3", "4", "5"]
    assert json.loads(told[counted + 6]) == {"any": ["JSON", 1, None]}
    assert re.fullmatch(r'\{"harpcaller":1,"job_id":".{36}"\}', told[counted + 7])
    assert [json.loads(line)["call"]["procedure"] for line in told[counted + 8 :]] == [
        "count",
        "echo",
        "ping",
    ]
    assert len(lines) < 20


def test_the_demo_shows_packets_and_a_result_and_leaves_nothing(tmp_path: Path) -> None:
    """`make demo` is how a newcomer meets the project."""
    paths = {"PATH": f"{BIN}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}

    demo = subprocess.run(
        [ROOT / "examples" / "demo.sh"],
        env={**os.environ, **paths},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert (demo.returncode, demo.stderr) == (0, "")
    assert '< {"packet":4,"data":4}\n< {"result":5}\n' in demo.stdout
    assert "\n0\n1\n2\n3\n4\n5\n" in demo.stdout
    assert demo.stdout.endswith("stopped\n")
    assert list(tmp_path.iterdir()) == []
