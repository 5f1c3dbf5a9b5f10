"""What becomes of a job that ran when its dispatcher died; pure."""

from __future__ import annotations

from typing import Final

from harpcaller.store import NewJob, OnLoss
from harpcaller.store.admission import Kind
from protocol.errors import ErrorType
from protocol.outcome import Cancelled, Failed, Outcome

LOST: Final = Failed(
    type=ErrorType.MISSING_RESULT,
    message="the dispatcher died or was stopped while the job ran",
)

_KINDS: Final = {OnLoss.RESUME: Kind.JOURNALLED, OnLoss.FED: Kind.FED}


def on_loss(job: NewJob) -> OnLoss:
    """Return what is to become of a job: a call that asks for retries gets them."""
    if job.on_loss is OnLoss.END and job.call.retries:
        return OnLoss.RETRY
    return job.on_loss


def kind_of(on_loss: OnLoss) -> Kind:
    """Return whose room a job needs while it runs."""
    return _KINDS.get(on_loss, Kind.PLAIN)


def fate(
    on_loss: OnLoss, *, starts: int, retries: int, is_cancel_wished: bool
) -> Outcome | OnLoss:
    """Return how a lost job ends, or RETRY to wait again, or what runs on.

    One that runs on takes a wish to cancel it along: it has more to end than itself.
    """
    if on_loss.goes_on:
        return on_loss
    if is_cancel_wished:
        return Cancelled()
    if on_loss is OnLoss.RETRY and starts <= retries:
        return on_loss
    return LOST
