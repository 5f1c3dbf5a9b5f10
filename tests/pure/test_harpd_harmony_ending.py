"""How the process of a Harmony service ended, as its result tells it."""

from __future__ import annotations

import pytest

from harpcaller.worker.harmony.cli import ending


@pytest.mark.parametrize(
    ("status", "is_client", "exit_status", "signal"),
    [
        (0, False, 0, None),
        (3, True, 3, None),
        (-9, False, None, 9),
        (137, True, None, 9),
        (143, True, None, 15),
        (128, True, 128, None),
        (137, False, 137, None),
    ],
)
def test_an_end_is_a_status_or_a_signal(
    status: int, is_client: bool, exit_status: int | None, signal: int | None
) -> None:
    """Signal 9 is told to users as "possibly out of memory", in a container too."""
    assert ending(status, is_client=is_client) == {
        "exit": exit_status,
        "signal": signal,
    }
