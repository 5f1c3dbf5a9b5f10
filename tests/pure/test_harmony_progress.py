"""How far a request is said to be."""

from __future__ import annotations

import pytest

from harpcaller.adapters.harmony.progress import Done, percent


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], 99),
        ([Done(0, 2)], 0),
        ([Done(1, 2)], 50),
        ([Done(2, 2)], 99),
        ([Done(1, 2), Done(1, 1)], 50),
        ([Done(2, 2), Done(1, 2)], 75),
        ([Done(1, 3), Done(0, 0)], 16),
        ([Done(3, 2)], 99),
    ],
)
def test_no_step_is_further_than_the_one_before(
    steps: list[Done], expected: int
) -> None:
    """What a later step will get is known only when the earlier one has ended."""
    assert percent(steps, count_locator=False) == expected


def test_the_locator_may_count() -> None:
    """Harmony's own progress begins with it."""
    assert percent([Done(0, 1)], count_locator=True) == 9
    assert percent([], count_locator=True) == 99
