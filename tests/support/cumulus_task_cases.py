"""Runs task cases of tests/corpus/cumulus: one message around one task, without IO."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import attrs

from harpcaller.adapters.cumulus import answer, storing, task_input
from harpcaller.adapters.cumulus.errors import CumulusError
from harpcaller.adapters.cumulus.references import Reference, read_document
from harpcaller.adapters.cumulus.task_input import Begun, Prepared
from harpcaller.adapters.cumulus.terms import CallForm, TaskTerms
from protocol.jsontext import decode, encode
from protocol.outcome import Raised

MAX_BYTES = 4 * 1024 * 1024
OBJECT_ID = "00000000-0000-4000-8000-000000000000"


@attrs.define
class Run:
    """What came of one case."""

    name: str
    called: bool = False
    arguments: Any = None
    next: Any = None
    stored: dict[str, Any] = attrs.field(factory=dict)
    error: dict[str, str] | None = None

    def told(self) -> dict[str, Any]:
        """Return it as one line says it."""
        return attrs.asdict(self)


def run_task_case(case: Mapping[str, Any]) -> dict[str, Any]:
    """Return what came of a case."""
    run = Run(name=case["name"])
    try:
        _run(case, run)
    except CumulusError as error:
        run.error = {"type": error.type, "message": error.message}
    return run.told()


def _run(case: Mapping[str, Any], run: Run) -> None:
    terms = TaskTerms(
        name=case["task"],
        call=CallForm(case.get("call", "nested")),
        fetch=case.get("fetch", True),
        schemas=case.get("schemas", {}),
        metadata=case.get("task_metadata"),
    )
    objects = case.get("objects", {})
    begun = fetched(task_input.begin(case["input"]), terms, objects)
    prepared = task_input.prepare(begun, terms, MAX_BYTES)
    run.called, run.arguments = True, decode(prepared.text)
    after = _answered(case["procedure"], prepared)
    run.next = kept(after, prepared, objects, run.stored)


def fetched(begun: Begun, terms: TaskTerms, objects: Mapping[str, Any]) -> Begun:
    """Return a message with all that it refers to in it."""
    replace = task_input.replace_of(begun)
    if replace is not None:
        document = read_document(replace.reference, look_up(replace.reference, objects))
        begun = task_input.replaced(begun, replace, document)
    reference = task_input.payload_of(begun, terms)
    if reference is not None:
        document = read_document(reference, look_up(reference, objects))
        begun = task_input.with_payload(begun, document)
    return begun


def look_up(reference: Reference, objects: Mapping[str, Any]) -> bytes:
    """Return the bytes of an object of a case."""
    bucket = objects.get(reference.bucket)
    if bucket is None:
        raise reference.error("NoSuchBucket", "there is no such bucket")
    if reference.key not in bucket:
        raise reference.error("NoSuchKey", "there is no such key")
    return body_of(bucket[reference.key], reference)


def body_of(found: Mapping[str, Any], reference: Reference) -> bytes:
    """Return the bytes that a case says of an object."""
    if "error" in found:
        raise reference.error(found["error"], "S3 refuses")
    if "raw" in found:
        return str(found["raw"]).encode()
    if "b64" in found:
        return base64.b64decode(found["b64"])
    return encode(found["json"])


def _answered(procedure: Mapping[str, Any], prepared: Prepared) -> answer.Next:
    if "raises" in procedure:
        raised = Raised(**procedure["raises"])
        word = answer.workflow_error(raised)
        if word is None:
            raise CumulusError(raised.type, raised.message)
        return answer.aborted(prepared, word)
    said = answer_of(procedure, decode(prepared.text))
    return answer.next_message(prepared, said, MAX_BYTES)


def answer_of(procedure: Mapping[str, Any], arguments: Any) -> Any:
    """Return what a scripted procedure answers to its arguments."""
    if "returns" in procedure:
        return procedure["returns"]
    event = arguments[0] if isinstance(arguments, list) else arguments
    match procedure:
        case {"echoes": "input"}:
            return event["input"]
        case {"echoes": "event"}:
            return {key: event[key] for key in event if key != "messageConfig"}
        case {"edits": edits}:
            for edit in edits:
                _edit(event, edit)
            return event
        case _:  # it echoes the message
            return event


def _edit(document: Any, edit: Mapping[str, Any]) -> None:
    *way, last = edit["at"][1:].split("/")
    for step in way:
        document = document[int(step) if isinstance(document, list) else step]
    if edit.get("remove"):
        del document[int(last) if isinstance(document, list) else last]
    elif isinstance(document, list):
        document[int(last)] = edit["value"]
    else:
        document[last] = edit["value"]


def kept(
    after: answer.Next,
    prepared: Prepared,
    objects: Mapping[str, Any],
    written: dict[str, Any],
) -> Any:
    """Return the message that is handed on, once what it wants stored is."""
    if prepared.storing is None:
        return after.message
    result = storing.stored(after.message, prepared.storing, OBJECT_ID)
    if not isinstance(result, storing.Stored):
        return result
    reference = result.reference
    if reference.bucket not in objects:
        raise reference.error("NoSuchBucket", "there is no such bucket")
    refused = objects[reference.bucket].get("")
    if refused is not None:
        raise reference.error(refused["error"], "S3 refuses")
    written[f"{reference.bucket}/{reference.key}"] = decode(result.body)
    return result.message
