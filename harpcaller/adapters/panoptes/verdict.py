"""How a workflow seems to have ended, message by message; it may change.

No client says that a run is over in a way that can be relied on. `error` means that
an attempt failed, also where the next one succeeds, and messages follow the last
`progress`. So the verdict is kept apart from the outcome, which is written once.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Any, Final

import attrs

from harpcaller.adapters.panoptes.updates import level_of

MAX_ERRORS: Final = 20
MAX_ERROR_CHARACTERS: Final = 4096
_NOTHING: Final = "Nothing to be done"
_DRY_RUN: Final = "This was a dry-run"
_END: Final = "Complete log"
_LAST_ERROR: Final = "WorkflowError"


class Verdict(StrEnum):
    """How it seems to have ended."""

    COMPLETED = "completed"
    NO_EXECUTION = "noexec"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class Mark(IntEnum):
    """How sure it is that nothing follows."""

    NONE = 0
    SOFT = 1
    HARD = 2


@attrs.define
class Judge:
    """Owns the verdict on one workflow, and why."""

    verdict: Verdict | None = None
    mark: Mark = Mark.NONE
    errors: list[str] = attrs.field(factory=list)
    done: int | None = None
    total: int | None = None

    #  message            verdict                           mark
    #  job_info, job_started: none, cleared                 unless it is hard
    #  progress, all done     completed, errors forgotten
    #  workflow_success       completed, or noexec          hard
    #  error                  failed                        soft if it is the last
    #  Nothing to be done     noexec
    #  This was a dry-run     noexec                        hard
    #  Complete log           interrupted if there is none  hard
    def take(self, message: Mapping[str, Any], *, has_jobs: bool) -> None:
        """Take the next message; `has_jobs` if one was ever heard of."""
        match level_of(message):
            case "job_info" | "job_started":
                if self.mark is not Mark.HARD:
                    self.verdict, self.mark = None, Mark.NONE
            case "progress":
                self._take_progress(message.get("done"), message.get("total"))
            case "workflow_success":
                self.verdict = Verdict.COMPLETED if has_jobs else Verdict.NO_EXECUTION
                self.mark = Mark.HARD
            case "error":
                self._take_error(_text(message))
            case "info":
                self._take_info(_text(message))
            case _:
                pass

    def _take_progress(self, done: Any, total: Any) -> None:
        if not (_is_count(done) and _is_count(total)):
            return
        self.done, self.total = done, total
        if done >= total > 0:
            self.verdict = Verdict.COMPLETED
            self.errors.clear()

    def _take_error(self, text: str) -> None:
        self.verdict = Verdict.FAILED
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(text)
        if text.startswith(_LAST_ERROR):
            self.mark = max(self.mark, Mark.SOFT)

    def _take_info(self, text: str) -> None:
        if text.startswith(_NOTHING):
            self.verdict = Verdict.NO_EXECUTION
        elif text.startswith(_DRY_RUN):
            self.verdict, self.mark = Verdict.NO_EXECUTION, Mark.HARD
        elif text.startswith(_END):
            self.verdict = self.verdict or Verdict.INTERRUPTED
            self.mark = Mark.HARD


def _text(message: Mapping[str, Any]) -> str:
    text = message.get("msg")
    if not isinstance(text, str):
        text = message.get("log")
    if not isinstance(text, str):
        return ""
    return text.strip()[:MAX_ERROR_CHARACTERS]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
