"""The machine of a run: tells its steps what happened, and ends it when it must.

Only a child is waited for once the run is to end; all else is given up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harpcaller.adapters.cumulus.execution import Steps
from harpcaller.adapters.machine import (
    Action,
    Cancel,
    Cancelled,
    End,
    Ended,
    Event,
    Fetch,
    Post,
    Reason,
    Save,
    Sleep,
    Submit,
)
from protocol import outcome as ends
from protocol.outcome import Outcome


class StepsMachine:
    """Carries out steps, whose last word is how to end.

    `overdue` says how they end if they take too long.
    """

    def __init__(
        self, steps: Steps[Sequence[Action]], overdue: Callable[[], Outcome]
    ) -> None:
        self._steps = steps
        self._overdue = overdue
        self._open: dict[str, bool] = {}  # by key: is it a child?
        self._reason: Reason | None = None

    def start(self, at: float) -> Sequence[Action]:
        """Return what to do first."""
        return self._go_on(lambda: next(self._steps))

    def on(self, event: Event) -> Sequence[Action]:
        """Return what to do now."""
        if isinstance(event, Cancelled):
            return self._stop(event.reason)
        self._open.pop(event.key, None)
        if self._reason is None:
            return self._go_on(lambda: self._steps.send(event))
        return [self._end()] if isinstance(event, Ended) else []

    def _go_on(self, step: Callable[[], Sequence[Action]]) -> Sequence[Action]:
        try:
            actions = step()
        except StopIteration as over:
            last: Sequence[Action] = over.value
            return last
        for action in actions:
            self._keep_book(action)
        return actions

    def _keep_book(self, action: Action) -> None:
        match action:
            case Submit(key=key):
                self._open[key] = True
            case Fetch(key=key) | Save(key=key) | Sleep(key=key) | Post(key=key):
                self._open[key] = False
            case Cancel(key=key):
                self._open.pop(key, None)
            case _:
                pass

    def _stop(self, reason: Reason) -> Sequence[Action]:
        is_first = self._reason is None
        if self._reason is not Reason.CLIENT:
            self._reason = reason
        if not is_first:
            return []  # it is being stopped already
        self._steps.close()
        actions: list[Action] = [Cancel(key=key) for key in self._open]
        if not any(self._open.values()):
            actions.append(self._end())
        return actions

    def _end(self) -> End:
        if self._reason is Reason.CLIENT:
            return End(ends.Cancelled())
        return End(self._overdue())
