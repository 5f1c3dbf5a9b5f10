"""How a run ends: the result, or what went wrong and the message to submit again."""

from __future__ import annotations

from typing import Final

from harpcaller.adapters.cumulus.configuration import Storing
from harpcaller.adapters.cumulus.documents import measure
from harpcaller.adapters.cumulus.errors import CumulusError, too_large
from harpcaller.adapters.cumulus.execution import Execution, Steps
from harpcaller.adapters.cumulus.faults import TIMEOUT, Fault
from harpcaller.adapters.cumulus.message import unwrap
from harpcaller.adapters.cumulus.references import Reference
from harpcaller.adapters.cumulus.storing import Stored, stored, system_reference
from harpcaller.adapters.cumulus.transfer import save
from harpcaller.adapters.cumulus.walk import WentWrong
from harpcaller.adapters.machine import child_id
from protocol.jsontext import JsonValue, encode
from protocol.outcome import Outcome, Raised, Returned

_STORE: Final = "end/store"
_SPILL: Final = "end/spill"


def finish(execution: Execution, document: JsonValue) -> Steps[Outcome]:
    """Return the result that a last document makes; what is too large is stored.

    Raises:
        CumulusError: it could not be stored, or there is no place for it.
    """
    document = yield from _spilled(execution, document)
    document = yield from _bounded(execution, document)
    if execution.rules.mask_result:
        document = execution.secrets.masked(document)
    return Returned(encode(document))


def _spilled(execution: Execution, document: JsonValue) -> Steps[JsonValue]:
    """Return a message with a reference in the place of a large payload."""
    rules = execution.rules
    if not rules.spill_over_bytes or not isinstance(document, dict):
        return document
    body = encode(document.get("payload"))
    if len(body) <= rules.spill_over_bytes or rules.spill_bucket is None:
        return document
    object_id = child_id(execution.job_id, _SPILL)
    reference = Reference(bucket=rules.spill_bucket, key=f"events/{object_id}")
    payload: JsonValue = {"Bucket": reference.bucket, "Key": reference.key}
    spill = Stored(
        reference=reference, body=body, message={**document, "payload": payload}
    )
    return (yield from save(execution, _SPILL, spill))


def _bounded(execution: Execution, document: JsonValue) -> Steps[JsonValue]:
    """Return a message that is not too large for a result, else what refers to it."""
    size, limit = len(encode(document)), execution.rules.max_result_bytes
    if size <= limit:
        return document
    object_id = child_id(execution.job_id, _STORE)
    if not isinstance(document, dict) or not _has_place(execution, document):
        raise too_large("bytes of the result", size, limit)
    whole = stored(document, Storing(steps=(), target="$"), object_id)
    assert isinstance(whole, Stored)  # noqa: S101 (nothing is too small for it)
    return (yield from save(execution, _STORE, whole))


def _has_place(execution: Execution, document: dict[str, JsonValue]) -> bool:
    """Tell whether a message names a bucket of its own that may be written to."""
    if not isinstance(document.get("cumulus_meta"), dict):
        return False
    try:
        reference = system_reference(document, "")
        reference.check_allowed(execution.rules.bucket_allow)
    except CumulusError:
        return False
    return True


# ── failures ──
def failed(execution: Execution, wrong: WentWrong) -> Outcome:
    """Return what is told of a run that went wrong."""
    fault = wrong.fault
    document = _within_bounds(execution, wrong.document)
    secrets = execution.secrets
    secrets.learn_from(document)
    cause = secrets.without(fault.cause)
    told: dict[str, JsonValue] = {
        **fault.about,
        "code": fault.code,
        "path": fault.path,
    }
    data: dict[str, JsonValue] = {
        key: value for key, value in told.items() if value is not None
    }
    data |= _place(execution, wrong)
    data["states"] = [*execution.states]
    if document is not None:
        again = _to_submit_again(execution, wrong, cause)
        if execution.rules.mask_result:
            again = secrets.masked(again)
        data["message"] = again
    return Raised(type=secrets.without(fault.error), message=cause, data=encode(data))


def _within_bounds(execution: Execution, document: JsonValue) -> JsonValue:
    """Return a document, None if it has more than an outcome may have."""
    _, size = measure(document)  # states may share what as text would be huge
    return document if size <= execution.rules.max_result_bytes else None


def overdue(execution: Execution, max_exec_s: float) -> Outcome:
    """Return what is told of a run that took too long."""
    visit = execution.visit
    cause = f"not done within {max_exec_s:g} s"
    document = None if visit is None else visit.came_in
    return failed(execution, WentWrong(Fault(error=TIMEOUT, cause=cause), document))


def _place(execution: Execution, wrong: WentWrong) -> dict[str, JsonValue]:
    if wrong.fail_state is not None:
        return {"state": wrong.fail_state, "task": execution.failed_task}
    visit = execution.visit
    if visit is None:
        return {"task": None}
    return {**visit.named(), "attempts": visit.attempts, "job_id": visit.job_id}


def _to_submit_again(execution: Execution, wrong: WentWrong, cause: str) -> JsonValue:
    """Return the message as it came into what failed, and why that did."""
    document = wrong.document
    if wrong.fail_state is not None or not isinstance(document, dict):
        return document
    try:
        message, _ = unwrap(document)
    except CumulusError:
        message = document
    visit = execution.visit
    exception: JsonValue = {
        "Error": wrong.fault.error,
        "Cause": cause,
        "failedExecutionStepName": None if visit is None else visit.name,
    }
    return {**message, "exception": exception}
