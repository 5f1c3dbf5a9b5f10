"""How long a line can hold the event loop, measured where nothing else runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BOMBS = Path(__file__).parents[1] / "support" / "bombs.py"
BOUND_S = 0.1


@pytest.mark.timeout(300)  # it takes 15 s where nothing else runs
@pytest.mark.alone
def test_no_line_of_a_mebibyte_holds_the_loop_longer_than_a_tenth_of_a_second() -> None:
    """Promise P6: while one client's line is read nobody else is served."""
    plain = {name: os.environ[name] for name in os.environ if "COVERAGE" not in name}

    run = subprocess.run(
        [sys.executable, BOMBS], env=plain, capture_output=True, check=True
    )

    figures = json.loads(run.stdout)
    slow = {name: took_s for name, took_s in figures.items() if took_s > BOUND_S}
    assert slow == {}
    assert len(figures) > 60
