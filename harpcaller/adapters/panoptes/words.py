"""How a workflow is, in the words of those who ask for it over the older paths."""

from __future__ import annotations

from typing import Final

from harpcaller.adapters.panoptes.settings import Settings
from harpcaller.adapters.panoptes.verdict import Verdict
from harpcaller.adapters.panoptes.workflow import Workflow
from protocol.job import JobRecord
from protocol.jsontext import decode
from protocol.outcome import Cancelled, Outcome, Returned

RUNNING: Final = "Running"
STALE: Final = "Stale"
DONE: Final = "Done"
NO_EXECUTION: Final = "No Execution"
ERROR: Final = "Error"
CANCELLED: Final = "Cancelled"

_NOEXEC: Final = Verdict.NO_EXECUTION.value
_OF_VERDICTS: Final = {
    Verdict.COMPLETED: DONE,
    Verdict.NO_EXECUTION: NO_EXECUTION,
    Verdict.FAILED: ERROR,
    Verdict.INTERRUPTED: ERROR,
}


def status_word(
    record: JobRecord, workflow: Workflow, settings: Settings, at: float
) -> str:
    """Return how a workflow is at `at`, UTC seconds."""
    if record.outcome is not None:
        return _of_outcome(record.outcome)
    if workflow.judge.verdict is not None:
        return _OF_VERDICTS[workflow.judge.verdict]
    heard_at = workflow.received or record.submitted_at
    return STALE if at - heard_at > settings.stale_after_s else RUNNING


def _of_outcome(outcome: Outcome) -> str:
    match outcome:
        case Returned(value=text):
            value = decode(text)
            is_noexec = isinstance(value, dict) and value.get("status") == _NOEXEC
            return NO_EXECUTION if is_noexec else DONE
        case Cancelled():
            return CANCELLED
        case _:
            return ERROR
