"""What one workflow has come to: made of its call, told by the packets of its log."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from harpcaller.adapters.fed import Due, Taken
from harpcaller.adapters.panoptes.jobs import JobState, JobTable
from harpcaller.adapters.panoptes.settings import Settings
from harpcaller.adapters.panoptes.updates import (
    MAX_ARGS_BYTES,
    Rename,
    Update,
    digest_of,
)
from harpcaller.adapters.panoptes.verdict import Judge, Mark, Verdict
from protocol.call import Call
from protocol.errors import ErrorType
from protocol.jsontext import JsonText, JsonValue, decode, encode
from protocol.outcome import Failed, Outcome, Raised, Returned

ACCEPTED: Final = "accepted"
DUPLICATE: Final = "duplicate"
DROPPED: Final = "dropped"
FULL: Final = "full"
TRUNCATED: Final = "truncated"
UNCHANGED: Final = "unchanged"

_WINDOW: Final = 16  # so many messages back one may come again
_OWN_KEYS: Final = ("name", "workflow_id")


class Workflow:
    """Owns the verdict, the jobs and the names of one workflow."""

    def __init__(self, call: Call) -> None:
        arguments = decode(call.arguments)
        assert isinstance(arguments, dict)  # noqa: S101 (it was admitted)
        self.call = arguments
        self.judge = Judge()
        self.table = JobTable()
        self.packets = 0
        self.received: float | None = None
        given = arguments.get("args")
        self.args: dict[str, JsonValue] = given if isinstance(given, dict) else {}
        name = arguments.get("name")
        self.name = name if isinstance(name, str) else None
        self._bytes = 0
        self._is_full = False
        self._window: deque[bytes] = deque(maxlen=_WINDOW)
        self._offered: set[bytes] = set()  # not in the log yet

    # ── what it is offered ──
    def offer(self, offered: Update | Rename, settings: Settings) -> Taken:
        """Return what is to be kept of an update, or of new names."""
        if isinstance(offered, Rename):
            return self._offer_names(offered, settings)
        return self._offer_update(offered, settings)

    def _offer_update(self, update: Update, settings: Settings) -> Taken:
        if update.level in settings.drop_levels:
            return Taken(word=DROPPED, is_accepted=True)
        if self._is_known(update.digest):
            return Taken(word=DUPLICATE, is_accepted=False)
        if self._is_full:
            return Taken(word=FULL, is_accepted=False)
        if not self._has_room(update.packet, settings):
            self._is_full = True
            told: dict[str, JsonValue] = {TRUNCATED: True, "received": update.received}
            return Taken(word=FULL, is_accepted=False, packets=(encode(told),))
        if update.digest is not None:
            self._offered.add(update.digest)
        return Taken(word=ACCEPTED, is_accepted=True, packets=(update.packet,))

    def _is_known(self, digest: bytes | None) -> bool:
        return digest is not None and (
            digest in self._window or digest in self._offered
        )

    def _has_room(self, packet: JsonText, settings: Settings) -> bool:
        size = self._bytes + len(packet)
        return self.packets < settings.max_packets and size <= settings.max_bytes

    def _offer_names(self, rename: Rename, settings: Settings) -> Taken:
        """Return what is new in names; beyond the bounds arguments stay as they are."""
        changes = dict(rename.changes)
        args = {key: changes[key] for key in changes if key != "name"}
        if len(encode({**self.args, **args})) > MAX_ARGS_BYTES:
            changes = {key: changes[key] for key in changes if key == "name"}
        before = {"name": self.name, **self.args}
        changed: dict[str, JsonValue] = {
            key: value
            for key, value in changes.items()
            if key not in before or before[key] != value
        }
        told: dict[str, JsonValue] = {"workflow": changed, "received": rename.received}
        packet = encode(told)
        if not changed or self._is_full or not self._has_room(packet, settings):
            return Taken(word=UNCHANGED, is_accepted=False)
        return Taken(word=ACCEPTED, is_accepted=True, packets=(packet,))

    def pace(self, settings: Settings) -> float:
        """Return how many updates a second are taken without a wait."""
        return settings.max_updates_per_s

    # ── what its log says ──
    def take(self, packet: JsonText) -> None:
        """Take the next packet of the log."""
        self.packets += 1
        self._bytes += len(packet)
        value: Any = decode(packet)
        received = value.get("received")
        at = float(received) if isinstance(received, int | float) else 0.0
        self.received = max(at, self.received or 0.0)
        match value:
            case {"message": dict(message)}:
                self._take_message(message, at)
            case {"workflow": dict(changes)}:
                self._take_names(changes)
            case {"truncated": True}:
                self._is_full = True
            case _:
                pass

    def _take_message(self, message: dict[str, JsonValue], at: float) -> None:
        digest = digest_of(message)
        if digest is not None:
            self._offered.discard(digest)
            self._window.append(digest)
        self.table.take(message, at)
        self.judge.take(message, has_jobs=bool(self.table.jobs))

    def _take_names(self, changes: Mapping[str, JsonValue]) -> None:
        for key, value in changes.items():
            if key != "name":
                self.args[key] = value
            elif isinstance(value, str):
                self.name = value

    # ── what has come of it ──
    @property
    def progress(self) -> tuple[int, int]:
        """How many jobs are done, of how many."""
        judge, table = self.judge, self.table
        if judge.done is None or judge.total is None:
            return table.count(JobState.DONE), len(table.jobs)
        return judge.done, judge.total

    def due(self, settings: Settings) -> Due:
        """Return when and how it ends if nothing more comes."""
        return Due(
            after_s=min(self._after_s(settings), settings.give_up_s),
            outcome=self._outcome() or _given_up(settings),
        )

    #  mark   a job runs       none runs
    #  hard   linger_s         linger_s
    #  soft   quiet_running_s  linger_s
    #  none   give_up_s        quiet_s, if there is a verdict
    def _after_s(self, settings: Settings) -> float:
        mark, runs = self.judge.mark, self.table.is_any_running
        if self.judge.verdict is None:
            return settings.give_up_s
        if mark is Mark.HARD:
            return settings.linger_s
        if mark is Mark.SOFT:
            return settings.quiet_running_s if runs else settings.linger_s
        return settings.give_up_s if runs else settings.quiet_s

    def _outcome(self) -> Outcome | None:
        verdict = self.judge.verdict
        if verdict is None:
            return None
        done, total = self.progress
        counts: dict[str, JsonValue] = {"jobs_done": done, "jobs_total": total}
        if verdict in {Verdict.COMPLETED, Verdict.NO_EXECUTION}:
            return Returned(encode({"status": verdict.value, **counts}))
        errors: list[JsonValue] = [*self.judge.errors]
        data = encode({"failed": self.table.failed(), "errors": errors, **counts})
        if verdict is Verdict.FAILED:
            return Raised(type="WorkflowError", message=self.judge.errors[0], data=data)
        message = f"{done} of {total} steps done"
        return Raised(type="WorkflowInterrupted", message=message, data=data)


def _given_up(settings: Settings) -> Failed:
    return Failed(
        type=ErrorType.TIMEOUT,
        message=f"no update within {settings.give_up_s:g} s",
        data=encode({"limit": "timeout"}),
    )


def names_of(value: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """Return what a client wants its workflow to be called, under our keys."""
    name = next((value[key] for key in _OWN_KEYS if key in value), None)
    rest = {key: one for key, one in value.items() if key not in _OWN_KEYS}
    return rest if name is None else {"name": name, **rest}


def suffix_of(name: str, job_id: str) -> str:
    """Return a name for a newcomer beside a live workflow that is called so."""
    digits = hashlib.sha256(f"{name}/{job_id}".encode()).hexdigest()[:8]
    return f"{name}-{digits}"
