"""What becomes of a job that ran when its dispatcher died."""

from __future__ import annotations

import pytest
from new_jobs import new_job

from harpcaller.store import OnLoss
from harpcaller.store.loss import LOST, fate, on_loss
from protocol.errors import OUTCOME_ERRORS
from protocol.outcome import Cancelled, Outcome


@pytest.mark.parametrize(
    ("asked", "retries", "found"),
    [
        (OnLoss.END, 0, OnLoss.END),
        (OnLoss.END, 1, OnLoss.RETRY),
        (OnLoss.RETRY, 0, OnLoss.RETRY),
        (OnLoss.RESUME, 1, OnLoss.RESUME),
        (OnLoss.FED, 1, OnLoss.FED),
    ],
)
def test_a_call_that_asks_for_retries_gets_them(
    asked: OnLoss, retries: int, found: OnLoss
) -> None:
    """P2: the call itself decides whether it may be run twice."""
    assert on_loss(new_job(on_loss=asked, retries=retries)) is found


@pytest.mark.parametrize(
    ("loss", "starts", "retries", "is_cancel_wished", "end"),
    [
        (OnLoss.END, 1, 0, False, LOST),
        (OnLoss.RETRY, 1, 0, False, LOST),
        (OnLoss.RETRY, 1, 1, False, OnLoss.RETRY),
        (OnLoss.RETRY, 2, 1, False, LOST),
        (OnLoss.RESUME, 9, 0, False, OnLoss.RESUME),
        (OnLoss.END, 1, 0, True, Cancelled()),
        (OnLoss.RETRY, 1, 9, True, Cancelled()),
        (OnLoss.RESUME, 1, 0, True, OnLoss.RESUME),
        (OnLoss.FED, 9, 0, False, OnLoss.FED),
    ],
)
def test_the_fate_of_a_lost_job(
    loss: OnLoss,
    starts: int,
    retries: int,
    is_cancel_wished: bool,
    end: Outcome | OnLoss,
) -> None:
    """Nothing is started more often than it may, and a told cancel holds."""
    assert (
        fate(loss, starts=starts, retries=retries, is_cancel_wished=is_cancel_wished)
        == end
    )


def test_a_lost_job_ends_in_a_documented_way() -> None:
    """Its error is one of the outcomes, never of a request."""
    assert LOST.type in OUTCOME_ERRORS
