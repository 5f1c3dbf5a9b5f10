"""One attempt of a unit: documents are written, its call runs, outputs are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

from harpcaller.adapters.harmony.bindings import Reach
from harpcaller.adapters.harmony.courses import Course
from harpcaller.adapters.harmony.discovery import NoOutputs
from harpcaller.adapters.harmony.endings import (
    Again,
    Category,
    Ending,
    Succeeded,
    broken,
    read_ending,
)
from harpcaller.adapters.harmony.few import (
    MAX_DOCUMENT_BYTES,
    MAX_TREE_BYTES,
    Few,
)
from harpcaller.adapters.harmony.outputs import (
    UNPARSED,
    Left,
    Output,
    Unparsed,
    read_left,
    read_outputs,
)
from harpcaller.adapters.harmony.plan import Document, Feed, Planned, Planner
from harpcaller.adapters.harmony.refusals import Refusal
from harpcaller.adapters.harmony.results import NoHref, result_granules
from harpcaller.adapters.harmony.trees import Missing
from harpcaller.adapters.machine import (
    Action,
    Answer,
    Cancel,
    Ended,
    Fetch,
    Fetched,
    FetchFailed,
    Save,
    Saved,
    SaveFailed,
    Submit,
)
from protocol.errors import WireError
from protocol.jsontext import JsonValue, decode, encode
from protocol.outcome import Cancelled, Failed, Outcome, Raised, Returned


class Attempt:
    """An attempt that goes on until `ending` says how it ended.

    After Succeeded the course has its outputs.
    """

    def __init__(self, planner: Planner, course: Course, feed: Feed) -> None:
        self.course = course
        self.ending: Ending | None = None
        self.is_calling = False
        self._planner = planner
        self._feed = feed
        self._key = course.unit.call_key(course.tries.attempts)
        self._submit: Submit | None = None
        self._few = Few()
        self._fetched = 0
        self._left: Left | None = None
        self._read: dict[str, Any] = {}
        self._size = 0  # of what was read

    def begin(self) -> Sequence[Action]:
        """Return what to do first."""
        course = self.course
        try:
            lines = self._planner.lines_of(
                course.unit, course.step, self._feed, course.tries.attempts
            )
        except Refusal as refusal:
            self._break(Category.NO_RETRY, refusal.message, Again.NEVER)
            return []
        saves: list[Save] = []
        for line in lines:
            if isinstance(line, Planned):
                self._submit = Submit(key=line.key, call=line.call)
            elif not course.is_written:
                saves.append(self._save(line, len(saves)))
        self._few = Few(saves)
        return self._few.more() or self._call()

    def on(self, event: Answer) -> Sequence[Action]:
        """Return what to do now."""
        match event:
            case Saved():
                return self._saved(event.key)
            case Fetched(body=body):
                return self._take(event.key, body)
            case SaveFailed():
                return self._fail("its input could not be written", event.key)
            case FetchFailed():
                return self._fail(UNPARSED, event.key)
            case _:
                assert isinstance(event, Ended)  # noqa: S101 (nothing else is asked)
                return self._end(event)

    def give_up(self) -> Sequence[Action]:
        """Give up what is open: a call that runs will still end."""
        if self.is_calling:
            return [Cancel(key=self._key)]
        return self._few.give_up()

    # ── its call ──
    def _save(self, document: Document, number: int) -> Save:
        return Save(
            key=f"{self._key}/w{number}",
            uri=document.uri,
            body=encode(document.body),
            replace=True,
        )

    def _saved(self, key: str) -> Sequence[Action]:
        self._few.answered(key)
        if self._few.is_over:
            return self._call()
        return self._few.more()

    def _call(self) -> Sequence[Action]:
        self.course.is_written = True
        self.is_calling = True
        return [self._submit] if self._submit else []

    def count_out(self, event: Answer) -> None:
        """Take note of a call that ended; nobody may want it any more."""
        assert isinstance(event, Ended)  # noqa: S101 (it was a call)
        self.is_calling = False
        self.course.attempts.append(_record(event))

    def _end(self, event: Ended) -> Sequence[Action]:
        self.count_out(event)
        course = self.course
        course.accessed_at = event.at
        is_command = self._reach is Reach.CLI
        found = read_ending(event.outcome, course.step.image, is_command=is_command)
        if not isinstance(found, Succeeded):
            self.ending = found
            return []
        return self._open(found)

    @property
    def _reach(self) -> Reach:
        planner = self._planner
        return planner.settings.binding(planner.judged.chain, self.course.step).reach

    # ── what it left ──
    def _open(self, found: Succeeded) -> Sequence[Action]:
        if self._reach is not Reach.CLI:
            return self._open_plain(found)
        result = found.result
        message = result.get("message")
        self.course.message = message if isinstance(message, dict) else None
        try:
            self._left = read_left(result, self._out_dir())
        except (NoOutputs, Unparsed) as error:
            return self._fail(str(error))
        return self._look()

    def _open_plain(self, found: Succeeded) -> Sequence[Action]:
        seed = f"{self._planner.job_id}/{self.course.unit.key}"
        try:
            granules = result_granules(found.result, self._feed.granules, seed)
        except NoHref as error:
            self._break(Category.SERVICE, str(error), Again.NEVER)
            return []
        return self._succeed((Output(granules=tuple(granules)),))

    def _out_dir(self) -> str | None:
        arguments: Any = decode(self._submit.call.arguments) if self._submit else {}
        out_dir: str | None = arguments["metadata_dir"]
        return out_dir

    def _look(self) -> Sequence[Action]:
        """Read the catalogs, or ask for those of their documents that are missing."""
        assert self._left is not None  # noqa: S101 (its call has ended)
        try:
            found = read_outputs(self._left, self._read, self._feed.granules)
        except Unparsed as error:
            return self._fail(str(error))
        if not isinstance(found, Missing):
            return self._succeed(found)
        if not all(map(self._planner.settings.may_read, found.uris)):
            return self._fail(UNPARSED)
        self._few = Few(map(self._fetch, found.uris))
        return self._few.more()

    def _fetch(self, uri: str) -> Fetch:
        self._fetched += 1
        key = f"{self._key}/r{self._fetched}"
        return Fetch(key=key, uri=uri, max_bytes=MAX_DOCUMENT_BYTES)

    def _take(self, key: str, body: bytes) -> Sequence[Action]:
        uri = self._few.answered(key)
        self._size += len(body)
        try:
            self._read[uri] = decode(body)
        except WireError:
            return self._fail(UNPARSED)
        if self._size > MAX_TREE_BYTES:
            return self._fail(UNPARSED)
        return self._look() if self._few.is_over else self._few.more()

    def _succeed(self, outputs: tuple[Output, ...]) -> Sequence[Action]:
        self.course.outputs = outputs
        self.ending = Succeeded(None)
        return []

    # ── failures ──
    def _fail(self, text: str, key: str | None = None) -> Sequence[Action]:
        if key is not None:
            self._few.answered(key)
        self._break(Category.SERVICE, text, Again.FAILED)
        return self._few.give_up()

    def _break(self, category: Category, text: str, again: Again) -> None:
        self.ending = broken(category, text, self.course.step.image, again)


def _record(event: Ended) -> JsonValue:
    """Return what the result of a request tells of a call."""
    seconds = None
    if event.started_at is not None and event.ended_at is not None:
        seconds = round(event.ended_at - event.started_at, 3)
    return {
        "job_id": event.job_id,
        "outcome": _word(event.outcome),
        "seconds": seconds,
    }


def _word(outcome: Outcome) -> str:
    match outcome:
        case Returned():
            return "result"
        case Raised(type=kind) | Failed(type=kind):
            return kind
        case Cancelled():
            return "cancelled"
    assert_never(outcome)
