"""Workflow cases of the public test data, carried out in a scripted world.

A case has no `expected` here: see tests/corpus/cumulus/README.md for its form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import attrs
from cumulus_task_cases import answer_of, body_of

from harpcaller.adapters.adapter import CoreLimits, Refused
from harpcaller.adapters.cumulus import ADAPTER
from harpcaller.adapters.cumulus.config import Settings
from harpcaller.adapters.cumulus.references import Reference
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
    Note,
    Post,
    Save,
    Saved,
    SaveFailed,
    Sleep,
    Slept,
    Submit,
    child_id,
)
from protocol.call import Call, seal, unseal
from protocol.job import JobId
from protocol.jsontext import JsonText, decode, encode
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
                elif not isinstance(action, Note):
                    waiting.append(action)
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
            outcome=self._outcome(task, unseal(call.arguments, call.sealed)),
            started_at=self.at - 0.5,
            ended_at=self.at,
        )

    def _outcome(self, task: str, arguments: JsonText) -> Outcome:
        outcomes = self.case["procedures"].get(task, [{"result": None}])
        number = sum(call["task"] == task for call in self.calls) - 1
        scripted = outcomes[min(number, len(outcomes) - 1)]
        if "procedure" in scripted:
            return Returned(encode(answer_of(scripted["procedure"], decode(arguments))))
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
        found = body_of(objects[key], Reference(bucket=bucket, key=key))
        return Fetched(key=fetch.key, at=self.at, body=found)

    def _save(self, save: Save) -> Saved | SaveFailed:
        bucket, key = _place(save.uri)
        objects = self._objects(bucket)
        failing = {"error": "NoSuchBucket"} if objects is None else objects.get("", {})
        if "error" in failing:
            code = failing["error"]
            return SaveFailed(key=save.key, at=self.at, code=code, text="refused")
        self.stored[f"{bucket}/{key}"] = decode(save.body)
        return Saved(key=save.key, at=self.at)


def run_workflow_case(case: Mapping[str, Any]) -> dict[str, Any]:
    """Return what came of a case."""
    world = World(case)
    try:
        outcome = world.run(machine_of(case))
    except RefusedCase as refused:
        told = {"type": refused.type, "message": refused.message}
        return {"name": case["name"], "refused": told}
    return {
        "name": case["name"],
        "calls": world.calls,
        "sleeps": world.sleeps,
        "outcome": decode(outcome_text(outcome)),
        "stored": world.stored,
    }


def machine_of(case: Mapping[str, Any], seals: Sequence[str] = ()) -> Machine:
    """Return the machine that a case's call makes; `seals` are the client's pointers.

    Raises:
        RefusedCase: its definition or its call is refused.
    """
    settings = settings_of(case)
    values = decode(encode(case["arguments"]))
    call = Call(
        host="@cumulus",
        procedure=case["workflow"],
        arguments=encode(case["arguments"]),
        sealed=seal(values, [*seals]),
    )
    verdict = ADAPTER.admit(settings, call)
    if isinstance(verdict, Refused):
        raise RefusedCase(verdict.code, verdict.message)
    kept = ADAPTER.keep(settings, call)
    return ADAPTER.machine(kept, JobId(case["job_id"]), call)


def settings_of(case: Mapping[str, Any]) -> Settings:
    """Return the settings of a case.

    Raises:
        RefusedCase: its definition is refused.
    """
    table = {"bucket_allow": sorted(strings_in(case)), **case.get("config", {})}
    table["workflows"] = DIRECTORY
    file = f"{DIRECTORY}/{case.get('file', case['workflow'])}.json"
    settings = ADAPTER.load(table, {file: encode(case["definition"])}, LIMITS)
    if isinstance(settings, Settings):
        return settings
    told = "; ".join(f"{one.place}: {one.message}" for one in settings)
    raise RefusedCase("Cumulus.InvalidWorkflow", told)


def strings_in(value: Any) -> set[str]:
    """Return all strings in a value: among them is every bucket that it names."""
    if isinstance(value, dict):
        return set(value).union(*map(strings_in, value.values())) - {""}
    if isinstance(value, list):
        return set().union(*map(strings_in, value)) - {""}
    return {value} - {""} if isinstance(value, str) else set()


def scripted_outcome(scripted: Mapping[str, Any]) -> Outcome:
    """Return an outcome that is written as on the wire."""
    if "cancelled" in scripted:
        return Cancelled()
    if "result" in scripted:
        return Returned(encode(scripted["result"]))
    if "exception" in scripted:
        told = scripted["exception"]
        return Raised(type=told["type"], message=told["message"])
    told = scripted["error"]
    data = encode(told["data"]) if "data" in told else None
    return Failed(type=told["type"], message=told["message"], data=data)


def _parts(key: str) -> tuple[str, int]:
    """Return the task and the attempt of a child's key, `<visit>.<task>/a<attempt>`."""
    visited, _, attempt = key.rpartition("/a")
    return visited.partition(".")[2], int(attempt)


def _place(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return unquote(bucket), unquote(key.partition("?")[0])


def _field(call: Call, field: str) -> Any:
    """Return a further field of a call, None if it is not there."""
    match field:
        case "queue" if call.queue is not None:
            name = decode(call.queue.name)
            return {"name": name, "concurrency": call.queue.concurrency}
        case "info":
            return decode(call.info)
        case "timeout":
            return call.timeout_s
        case "max_exec_time":
            return call.max_exec_s
        case "sealed":
            return sorted(one.pointer for one in call.sealed)
        case _:
            return None
