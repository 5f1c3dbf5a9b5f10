"""The machine of a request: reads its inputs, runs its units, tells Harmony, ends.

    reading ──▶ running ──▶ closing ──▶ spilling ──▶ End
       │           │           ▲
       └───────────┴───────────┘   refused, stopped, or no step to run

While it closes, the last post is on its way and calls that were cancelled still end.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from harpcaller.adapters.harmony import notes
from harpcaller.adapters.harmony.delivery import Delivery
from harpcaller.adapters.harmony.endings import CANCELLED, TIMED_OUT, Category
from harpcaller.adapters.harmony.few import Few
from harpcaller.adapters.harmony.judging import Judged
from harpcaller.adapters.harmony.opening import KEY, Opening
from harpcaller.adapters.harmony.plan import Planner
from harpcaller.adapters.harmony.record import refused_value, spill
from harpcaller.adapters.harmony.refusals import Refusal
from harpcaller.adapters.harmony.reports import Reports
from harpcaller.adapters.harmony.requests import Options, Request
from harpcaller.adapters.harmony.run import Run
from harpcaller.adapters.harmony.settings import Settings
from harpcaller.adapters.harmony.verdicts import Verdict, failure
from harpcaller.adapters.machine import (
    Action,
    Answer,
    Cancelled,
    End,
    Event,
    Posted,
    Reason,
    Save,
    SaveFailed,
    Sleep,
)
from protocol import outcome as ends
from protocol.job import JobId
from protocol.jsontext import JsonText, JsonValue, encode
from protocol.outcome import Outcome, Raised, Returned

_POSTS: Final = "cb"
_PROBE: Final = "probe"
_END: Final = "end"


class Stop(StrEnum):
    """Why a request ends before its units have."""

    HARMONY = "harmony"
    CLIENT = "client"
    MAX_EXEC_TIME = "max_exec_time"
    FAILURES = "failures"


class HarmonyMachine:
    """Carries out one request that was admitted."""

    def __init__(
        self, settings: Settings, request: Request, job_id: JobId, delivery: Delivery
    ) -> None:
        self._settings = settings
        self._options: Options = request.options
        self._job_id = job_id
        self._delivery = delivery
        self._opening = Opening(settings, request)
        self._running: tuple[Run, Reports, Planner] | None = None
        self._stop: Stop | None = None
        self._verdict: Verdict | None = None
        self._refusal: Refusal | None = None
        self._spilling: Few | None = None
        self._text: JsonText | None = None  # of the result
        self._probe = 0

    def start(self, at: float) -> Sequence[Action]:
        """Return what to do first."""
        return self._settled(self._open(None), at)

    def on(self, event: Event) -> Sequence[Action]:
        """Return what to do now."""
        if isinstance(event, Cancelled):
            return self._settled(self._obey(event.reason), event.at)
        return self._settled(self._route(event), event.at)

    def _route(self, event: Answer) -> Sequence[Action]:
        kind = event.key.partition("/")[0]
        if kind == KEY:
            return self._open(event)
        if kind == _END:
            return self._spilled(event)
        if kind.startswith(_PROBE):
            return self._look_up(event.at)
        if kind.startswith(_POSTS):
            delivery = self._delivery
            return delivery.on(event) if isinstance(event, Posted) else delivery.wake()
        assert self._running is not None  # noqa: S101 (it is a unit's)
        return self._running[0].on(event)

    # ── phases ──
    def _open(self, event: Answer | None) -> Sequence[Action]:
        """Read on; once all is read, begin."""
        opening = self._opening
        try:
            actions = opening.look() if event is None else opening.on(event)
        except Refusal as refusal:
            self._refusal = refusal
            self._close(Category.NO_RETRY, refusal.message)
            return opening.give_up()
        return actions if opening.judged is None else self._begin(opening.judged)

    def _begin(self, judged: Judged) -> Sequence[Action]:
        planner = Planner(self._settings, judged, self._job_id)
        run = Run(planner)
        reports = Reports(planner, run.tally, self._delivery, self._options)
        self._running = (run, reports, planner)
        passed_on = [] if judged.steps else reports.pass_on()
        return [*reports.begin(), *passed_on, *self._watch()]

    def _settled(self, actions: Sequence[Action], at: float) -> Sequence[Action]:
        """Return actions, and what they lead to: reports, posts, the end."""
        told = [*actions]
        if self._running is not None:
            told += self._report(*self._running[:2], at)
        told += self._delivery.go_on()
        if self._is_over():
            told += self._finish()
        return notes.with_calls(told)

    def _report(self, run: Run, reports: Reports, at: float) -> list[Action]:
        told: list[Action] = []
        has_news = True
        while has_news:
            told += [*_taken(run, reports), *reports.take_refused()]
            told += self._go_on(run, reports)
            has_news = bool(run.ended)
        if self._stop not in {None, Stop.FAILURES} or self._verdict is not None:
            return told
        if self._stop is None and not run.is_over:
            reports.tell_progress(at)
        elif self._delivery.is_idle:  # what Harmony refuses is told at the end
            self._decide(reports.verdict())
        return told

    def _go_on(self, run: Run, reports: Reports) -> Sequence[Action]:
        """Begin more units, or none any more."""
        if self._stop is not None:
            return []
        if self._delivery.is_gone:
            return self._halt(Stop.HARMONY)
        if self._is_hopeless(run, reports):
            return self._halt(Stop.FAILURES)
        return run.fill()

    def _is_hopeless(self, run: Run, reports: Reports) -> bool:
        """Tell whether failures end a request that has not ended by itself."""
        settings = self._settings
        if run.is_over:
            return False
        if reports.losses.category is not None and not self._options.ignore_errors:
            return True
        return run.tally.is_hopeless(settings.max_errors, settings.max_failed_percent)

    # ── the end ──
    def _halt(self, stop: Stop) -> list[Action]:
        """Give up all that is open, but for what is being posted."""
        self._stop = stop
        told: list[Action] = [notes.cancelling(stop), *self._opening.give_up()]
        if self._running is not None:
            told += self._running[0].stop()
        return told

    def _obey(self, reason: Reason) -> Sequence[Action]:
        """End soon: the client wants it, or it has taken too long."""
        earlier, stop = self._stop, Stop(reason.value)
        if earlier is Stop.HARMONY:  # it is cancelled, whoever else wants it
            return []
        if earlier in {Stop.CLIENT, Stop.MAX_EXEC_TIME}:
            self._stop = Stop.CLIENT if Stop.CLIENT in {earlier, stop} else earlier
            return []
        told = [*self._halt(stop), *self._delivery.hurry()]
        if not self._delivery.is_closed:  # else Harmony knows how it ends
            is_client = stop is Stop.CLIENT
            self._close(Category.CANCELED, CANCELLED if is_client else TIMED_OUT)
        return told

    def _close(self, category: Category, text: str) -> None:
        self._decide(failure(self._options.dialect, category, text))

    def _decide(self, verdict: Verdict) -> None:
        self._verdict = verdict
        self._delivery.send(verdict.message)

    def _is_over(self) -> bool:
        if self._verdict is None and self._stop is not Stop.HARMONY:
            return False
        is_calling = self._running is not None and self._running[0].is_calling
        return self._delivery.is_idle and not is_calling

    def _finish(self) -> Sequence[Action]:
        """End; a large result is written first."""
        if self._verdict is None or self._stop in {Stop.CLIENT, Stop.HARMONY}:
            return [End(ends.Cancelled())]
        if self._spilling is None:
            value = self._value()
            folder = self._settings.work_dir
            self._text, saves = encode(value), list[Save]()
            if folder is not None and self._running is not None:
                self._text, saves = spill(value, f"{folder}/{self._job_id}")
            self._spilling = Few(saves)
        if not self._spilling.is_over:
            return self._spilling.more()
        return [End(self._outcome(self._verdict))]

    def _spilled(self, event: Answer) -> Sequence[Action]:
        assert self._spilling is not None  # noqa: S101 (it was being written)
        self._spilling.answered(event.key)
        if not isinstance(event, SaveFailed):
            return []
        self._text = encode(self._value())  # whole, then
        return self._spilling.give_up()

    def _outcome(self, verdict: Verdict) -> Outcome:
        text = self._text or encode(None)
        category, words = verdict.category, verdict.text
        if category is None and self._delivery.unheard is not None:
            category, words = Category.SERVER, self._delivery.unheard
        if category is None:
            return Returned(text)
        return Raised(type=category, message=words, data=text)

    def _value(self) -> dict[str, JsonValue]:
        if self._running is None or self._verdict is None:
            return refused_value(self._refusal)
        _, reports, planner = self._running
        is_successful = self._verdict.category is None
        return reports.record.value(planner, is_successful=is_successful)

    # ── does anybody want it still? ──
    def _watch(self) -> Sequence[Action]:
        """Look after a while if Harmony still wants what it asked for."""
        probe_s = self._options.cancel_probe_s
        if self._running is None or not self._running[1].is_posting or not probe_s:
            return []
        self._probe += 1
        return [Sleep(key=f"{_PROBE}{self._probe}", seconds=probe_s)]

    def _look_up(self, at: float) -> Sequence[Action]:
        """Post the progress once more, if nothing was posted for so long."""
        if self._running is None or self._stop is not None or self._verdict is not None:
            return []
        if at - self._delivery.posted_at >= self._options.cancel_probe_s:
            self._running[1].tell_progress(at, is_probe=True)
        return self._watch()


def _taken(run: Run, reports: Reports) -> list[Action]:
    """Report the units that have just ended."""
    ended, run.ended = run.ended, []
    return [action for course in ended for action in reports.end(course)]
