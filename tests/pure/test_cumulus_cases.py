"""The public cases of one task: messages of all eras, and what NASA's own code did."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cumulus_task_cases import run_task_case
from json_values import is_same

from protocol.jsontext import decode

FILE = Path(__file__).parents[1] / "corpus" / "cumulus" / "cases.jsonl"
CASES: list[Any] = [decode(line) for line in FILE.read_bytes().splitlines()]


def test_no_case_is_missing() -> None:
    """They are all there, each with a name of its own."""
    assert len({case["name"] for case in CASES}) == 219


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_case_comes_out_as_it_should(case: Mapping[str, Any]) -> None:
    """Values are equal as JSON: 1, 1.0 and true are three."""
    expected = case["expected"]

    run = run_task_case(case)

    assert run["called"] == expected["called"]
    if run["called"]:
        assert is_same(run["arguments"], expected["arguments"])
    error = expected.get("error")
    assert (run["error"] or {}).get("type") == (error or {}).get("type"), run["error"]
    assert is_same(run["next"], expected.get("next"))
    assert is_same(run["stored"], expected.get("stored", {}))
