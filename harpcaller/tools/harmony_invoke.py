"""`harp-harmony --harmony-action invoke`: in the place of a service's container."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from harpcaller.adapters.harmony.discovery import NoOutputs
from harpcaller.adapters.harmony.endings import Category
from harpcaller.adapters.harmony.reading import read_object
from harpcaller.adapters.harmony.refusals import Refusal
from harpcaller.adapters.harmony.sources import overridden, read_sources
from harpcaller.client import ClientError, Dispatcher, Job
from harpcaller.tools.harmony_bundle import read_bundle, read_call_sources
from harpcaller.tools.harmony_directory import MetadataDir, Outside
from harpcaller.tools.harmony_failure import STOPPED, Failure, failure_of
from harpcaller.tools.harmony_layout import laid_out
from harpcaller.tools.harmony_log import Log
from harpcaller.tools.harmony_stopping import Stopped, stopped_by_signals
from harpcaller.tools.harmony_submission import PATIENCE_S, Submission
from indira.cli import Exit
from protocol.jsontext import JsonValue

_OPTIONS: JsonValue = {"dialect": "none", "validation": "compat"}
_TOKEN = "accessToken"  # noqa: S105 (its name)
_STAGING = "stagingLocation"
# What the next container needs, and who ran this one does not give back.
_OWN = (_TOKEN, _STAGING)


@attrs.frozen(kw_only=True)
class Invocation:
    """What a container is started with; `operation` is the text of the message."""

    service: str
    operation: bytes = attrs.field(repr=False)
    sources: Path | None = None
    metadata_dir: str
    data_location: str | None = None
    is_shared: bool = False


def invoke(
    invocation: Invocation,
    dispatcher: Dispatcher,
    log: Log,
    patience_s: float = PATIENCE_S,
) -> int:
    """Have a request run, and leave behind what a container would; return its exit."""
    directory = MetadataDir(Path(invocation.metadata_dir))
    try:
        directory.prepare()
        with stopped_by_signals():
            return _run(invocation, dispatcher, directory, log, patience_s)
    except Stopped as stop:  # once more, while the first one was written down
        return stop.exit_code
    except OSError as error:
        log.complain(f"{invocation.metadata_dir}: {error.strerror}")
        return Exit.FAILED


def _run(
    invocation: Invocation,
    dispatcher: Dispatcher,
    directory: MetadataDir,
    log: Log,
    patience_s: float,
) -> int:
    submission: Submission | None = None
    try:
        operation = read_object(invocation.operation)
        log.about |= _about(operation)
        arguments = _arguments(invocation, operation)
        submission = Submission(dispatcher, invocation.service, arguments, patience_s)
        result = _follow(submission.submit(), log)
        outputs = laid_out(_outputs(result))
        given = overridden(operation, read_sources(arguments.get("sources")))
        directory.write_outputs(outputs, _message(result, given))
        directory.write_run(result.get("outputs"))
    except Stopped as stop:
        _take_back(submission, log)
        return _fail(directory, log, STOPPED, stop.exit_code)
    except (Refusal, ClientError) as error:
        return _fail(directory, log, failure_of(error))
    except (NoOutputs, Outside) as error:
        failure = Failure(text=str(error), category=Category.SERVICE)
        return _fail(directory, log, failure)
    log.tell("request.ended", status=result["status"])
    return Exit.OK


def _about(operation: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {
        name: operation[name] for name in ("requestId", "user") if name in operation
    }


def _arguments(
    invocation: Invocation, operation: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    sent = dict(operation)
    if invocation.data_location is not None:
        sent[_STAGING] = invocation.data_location
    arguments: dict[str, JsonValue] = {"operation": sent, "options": _OPTIONS}
    if invocation.sources is not None:
        arguments["sources"] = read_call_sources(
            invocation.sources, is_shared=invocation.is_shared
        )
    return arguments


def _follow(job: Job, log: Log) -> Any:
    """Return the result; what happens on the way is told."""
    log.tell("request.submitted", job_id=job.id)
    with job.follow() as packets:
        for _, packet in packets:
            note = packet if isinstance(packet, dict) else {}
            if "harmony" in note:
                log.tell(f"request.{note['harmony']}", note=note)
        return packets.result


def _outputs(result: Any) -> Mapping[str, JsonValue]:
    """Return the catalog tree of a result; a large one lies in a file.

    Raises:
        NoOutputs: it has none.
        Refusal: E15, that file cannot be read here.
    """
    match result:
        case {"stac": {"href": str(href)}}:
            return read_bundle(Path(href.removeprefix("file://")))
        case {"stac": {"root": str(), "files": dict()} as tree}:
            bundle: Mapping[str, JsonValue] = tree
            return bundle
        case _:
            raise NoOutputs


def _message(result: Any, given: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return what is left of the message that was `given`, with what we alone know.

    Raises:
        NoOutputs: nothing is left of it.
    """
    match result:
        case {"message": dict(left)}:
            own = {name: given[name] for name in _OWN if name in given}
            return {**left, **own}
        case _:
            raise NoOutputs


def _take_back(submission: Submission | None, log: Log) -> None:
    """Cancel what was submitted; who sends a second signal does not want to wait."""
    log.tell("request.cancelling")
    try:
        if submission is not None:
            submission.cancel()
    except Stopped:
        log.tell("request.left")


def _fail(
    directory: MetadataDir, log: Log, failure: Failure, code: int = Exit.FAILED
) -> int:
    log.complain("request.failed", error=failure.text, category=failure.category)
    directory.write_error(failure)
    return code
