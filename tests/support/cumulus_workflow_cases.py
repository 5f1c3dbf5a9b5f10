"""Workflow cases of the public test data, carried out in a scripted world.

A case has no `expected` here: see tests/corpus/cumulus/README.md for its form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import attrs

from harpcaller.adapters.adapter import CoreLimits, Problem, Refused
from harpcaller.adapters.cumulus import ADAPTER
from harpcaller.adapters.machine import (
    Action,
    Asked,
    Cancel,
    End,
    Ended,
    Event,
    Fetch,
    Fetched,
    FetchFailed,
    Machine,
    Post,
    Save,
    Saved,
    SaveFailed,
    Sleep,
    Slept,
    Submit,
    child_id,
)
from protocol.call import Call, unseal
from protocol.job import JobId
from protocol.jsontext import JsonValue, decode, encode
from protocol.outcome import (
    Cancelled,
    Failed,
    Outcome,
    Raised,
    Returned,
    outcome_text,
)

LIMITS = CoreLimits(max_exec_s=86400, max_worker_line_bytes=4 * 2**20)
DIRECTORY = "workflows"


class RefusedCase(Exception):
    """The definition or the submission of a case is refused."""

    def __init__(self, type_: str, message: str) -> None:
        super().__init__(message)
        self.type = type_
        self.message = message


@attrs.define
class World:
    """Answers what a machine asks for; `told` is all that it was told, in order."""

    case: Mapping[str, Any]
    calls: list[dict[str, Any]] = attrs.field(factory=list)
    sleeps: list[float] = attrs.field(factory=list)
    stored: dict[str, Any] = attrs.field(factory=dict)
    asked: list[Action] = attrs.field(factory=list)
    told: list[Event] = attrs.field(factory=list)
    at: float = 1_000_000

    def run(self, machine: Machine) -> Outcome:
        """Return how a machine ends."""
        waiting: list[Asked] = []
        actions = machine.start(self.at)
        while True:
            for action in actions:
                self.asked.append(action)
                if isinstance(action, End):
                    return action.outcome
                if isinstance(action, Cancel):
                    waiting = [one for one in waiting if one.key != action.key]
                elif not _is_note(action):
                    waiting.append(action)  # type: ignore[arg-type] # no other is left
            event = self.answer(waiting.pop(0))
            self.told.append(event)
            actions = machine.on(event)

    def answer(self, asked: Asked) -> Event:
        """Return what comes of something that is asked for."""
        self.at += 1
        match asked:
            case Submit():
                return self._call(asked)
            case Fetch():
                return self._fetch(asked)
            case Save():
                return self._save(asked)
            case Sleep(key=key, seconds=seconds):
                self.sleeps.append(seconds)
                return Slept(key=key, at=self.at)
            case Post():
                raise AssertionError(asked)

    # ── calls ──
    def _call(self, submit: Submit) -> Ended:
        task, attempt = _parts(submit.key)
        call = submit.call
        arguments = decode(unseal(call.arguments, call.sealed))
        told: dict[str, Any] = {
            "task": task,
            "attempt": attempt,
            "host": call.host,
            "procedure": call.procedure,
            "arguments": arguments,
        }
        for field in self.case.get("also_check", []):
            value = _field(call, field)
            if value is not None:
                told[field] = value
        self.calls.append(told)
        return Ended(
            key=submit.key,
            at=self.at,
            job_id=child_id(JobId(self.case["job_id"]), submit.key),
            outcome=self._outcome(task, arguments),
            started_at=self.at - 0.5,
            ended_at=self.at,
        )

    def _outcome(self, task: str, arguments: Any) -> Outcome:
        outcomes = self.case["procedures"].get(task, [{"result": None}])
        number = sum(call["task"] == task for call in self.calls) - 1
        scripted = outcomes[min(number, len(outcomes) - 1)]
        if "procedure" in scripted:
            return Returned(encode(answer_of(scripted["procedure"], arguments)))
        return scripted_outcome(scripted)

    # ── the object store ──
    def _objects(self, bucket: str) -> Mapping[str, Any] | None:
        objects: Mapping[str, Any] | None = self.case.get("objects", {}).get(bucket)
        return objects

    def _fetch(self, fetch: Fetch) -> Fetched | FetchFailed:
        bucket, key = _place(fetch.uri)
        objects = self._objects(bucket)
        written = self.stored.get(f"{bucket}/{key}")
        if written is not None:
            return Fetched(key=fetch.key, at=self.at, body=encode(written))
        if objects is None or key not in objects:
            code = "NoSuchBucket" if objects is None else "NoSuchKey"
            return FetchFailed(key=fetch.key, at=self.at, code=code, text="no object")
        if "error" in objects[key]:
            code = objects[key]["error"]
            return FetchFailed(key=fetch.key, at=self.at, code=code, text="refused")
        return Fetched(key=fetch.key, at=self.at, body=body_of(objects[key]))

    def _save(self, save: Save) -> Saved | SaveFailed:
        bucket, key = _place(save.uri)
        objects = self._objects(bucket)
        failing = {"error": "NoSuchBucket"} if objects is None else objects.get("", {})
        if "error" in failing:
            code = failing["error"]
            return SaveFailed(key=save.key, at=self.at, code=code, text="refused")
        self.stored[f"{bucket}/{key}"] = decode(save.body)
        return Saved(key=save.key, at=self.at)
