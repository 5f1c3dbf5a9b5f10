"""`harp-harmony plan`: a request judged and planned, printed as JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

from harpcaller.adapters.harmony.intakes import Intake
from harpcaller.adapters.harmony.judging import Judged, judge
from harpcaller.adapters.harmony.plan import Document, Line, Planner
from harpcaller.adapters.harmony.reading import read_json
from harpcaller.adapters.harmony.refusals import Refusal
from harpcaller.adapters.harmony.requests import Request, default_options
from harpcaller.adapters.harmony.settings import Settings
from harpcaller.adapters.harmony.trees import Missing
from harpcaller.adapters.harmony.versions import version_text
from harpcaller.tools.harmony_files import (
    read_document,
    read_message,
    read_sources_file,
)
from harpcaller.tools.harmony_settings import read_settings
from indira.cli import Exit
from protocol.call import Call, QueueSpec
from protocol.job import JobId
from protocol.jsontext import JsonValue, decode, encode

# No job is made: this one stands for the parent in paths and keys.
_NO_JOB = JobId("00000000-0000-0000-0000-000000000000")


@attrs.frozen(kw_only=True)
class Wanted:
    """What is to be planned, from the command line."""

    config: Path
    service: str
    operation: str | None = attrs.field(default=None, repr=False)
    operation_file: Path | None = None
    sources: Path | None = None
    intake: Intake = Intake.LINE
    is_checked: bool = True


def plan(wanted: Wanted, write: Callable[[str], object]) -> int:
    """Write the plan, or why it is refused; return the exit code.

    Raises:
        NoConfig: the configuration has problems.
        NoInput: the file of the message cannot be read.
    """
    settings = read_settings(wanted.config)
    text = read_message(wanted.operation, wanted.operation_file)
    try:
        lines = list(_lines(settings, wanted, text))
    except Refusal as refusal:
        write(_text({"refused": _refused(refusal)}))
        return Exit.FAILED
    for line in lines:
        write(_text(line))
    return Exit.OK


def _lines(settings: Settings, wanted: Wanted, text: bytes) -> Iterator[JsonValue]:
    request = Request(
        service=wanted.service,
        operation=read_json(text),
        sources=None if wanted.sources is None else read_sources_file(wanted.sources),
        options=default_options(settings, wanted.intake),
        intake=wanted.intake,
    )
    judged = _judge(settings, request, is_checked=wanted.is_checked)
    planner = Planner(settings, judged, _NO_JOB)
    yield {"plan": _summary(settings, judged, planner)}
    yield from map(_line, planner.lines())


def _judge(settings: Settings, request: Request, *, is_checked: bool) -> Judged:
    documents: dict[str, Any] = {}
    while True:
        judged = judge(settings, request, documents, is_checked=is_checked)
        if not isinstance(judged, Missing):
            return judged
        documents |= {uri: read_document(uri) for uri in judged.uris}


def _summary(settings: Settings, judged: Judged, planner: Planner) -> JsonValue:
    steps: list[JsonValue] = []
    for number, step in enumerate(judged.steps, 1):
        binding = settings.binding(judged.chain, step)
        bound: dict[str, JsonValue] = {
            "kind": binding.reach,
            "host": [*binding.hosts],
            "procedure": binding.procedure,
        }
        steps.append({"step": number, "image": step.image, "binding": bound})
    return {
        "service": judged.chain.name,
        "version": version_text(min(judged.chain.minor, judged.message.minor)),
        "mode": "sync" if judged.is_sync else "async",
        "granules": len(judged.granules),
        "steps": steps,
        "batches": [[each.name for each in batch] for batch in planner.batches],
        "warnings": [*judged.warnings],
    }


def _line(line: Line) -> JsonValue:
    if isinstance(line, Document):
        return {"save": {"uri": line.uri, "body": line.body}}
    return {"key": line.key, "after": [*line.after], "call": _call(line.call)}


def _call(call: Call) -> JsonValue:
    """Return a call as a client would send it, what is sealed as "***"."""
    return {
        "host": call.host,
        "procedure": call.procedure,
        "arguments": decode(call.arguments),
        "queue": None if call.queue is None else _queue(call.queue),
        "timeout": call.timeout_s,
        "max_exec_time": call.max_exec_s,
        "info": decode(call.info),
    }


def _queue(queue: QueueSpec) -> JsonValue:
    return {"name": decode(queue.name), "concurrency": queue.concurrency}


def _refused(refusal: Refusal) -> JsonValue:
    details: list[JsonValue] = [
        {"pointer": each.pointer, "problem": each.problem} for each in refusal.details
    ]
    return {
        "code": refusal.code,
        "status": refusal.status,
        "message": refusal.message,
        "details": details,
    }


def _text(value: JsonValue) -> str:
    return f"{encode(value).decode()}\n"
