"""What a task receives: its message step by step, and at last the call's arguments.

begin ─▶ replace_of ─▶ replaced ─▶ payload_of ─▶ with_payload ─▶ prepare
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from harpcaller.adapters.cumulus import paths
from harpcaller.adapters.cumulus.configuration import (
    TASK_CONFIG,
    Configuration,
    Storing,
    check_config,
    configuration_of,
    storing_of,
)
from harpcaller.adapters.cumulus.errors import (
    REMOTE,
    CumulusError,
    invalid_message,
    too_large,
)
from harpcaller.adapters.cumulus.message import Message, check, is_set, unwrap
from harpcaller.adapters.cumulus.paths import NotThere
from harpcaller.adapters.cumulus.references import (
    Reference,
    Replace,
    payload_reference,
    read_replace,
)
from harpcaller.adapters.cumulus.schemas import check_format, validate
from harpcaller.adapters.cumulus.templates import MAX_DEPTH, Resolver, depth_of_text
from harpcaller.adapters.cumulus.terms import CallForm, TaskTerms
from protocol.jsontext import JsonText, JsonValue, encode, is_within_depth

__all__ = [
    "Begun",
    "Prepared",
    "begin",
    "check_config",
    "payload_of",
    "prepare",
    "replace_of",
    "replaced",
    "with_payload",
]


_NUMBER: Final = re.compile("[0-9]{1,18}")


@attrs.frozen
class Begun:
    """A message that a task begins with, and what a wrapper said beside it."""

    message: dict[str, Any] = attrs.field(repr=False)
    beside: Mapping[str, JsonValue] = attrs.field(factory=dict, repr=False)


@attrs.frozen(kw_only=True)
class Prepared:
    """A task that can be called.

    `message` is the message as it now is, `text` are the arguments of the call, and
    `sent` is what a call of the form `message` gets.
    """

    terms: TaskTerms
    message: Mapping[str, JsonValue] = attrs.field(repr=False)
    text: JsonText = attrs.field(repr=False)
    configuration: Configuration = attrs.field(repr=False)
    storing: Storing | None = None
    sent: Mapping[str, JsonValue] = attrs.field(factory=dict, repr=False)


def begin(event: JsonValue) -> Begun:
    """Return the message of an event, unwrapped.

    Raises:
        CumulusError: Cumulus.InvalidMessage.
    """
    message, beside = unwrap(event)
    if message.get("replace") is None:
        message = {key: part for key, part in message.items() if key != "replace"}
        check(message)
    return Begun(message, beside)


def replace_of(begun: Begun) -> Replace | None:
    """Return the document that is to be put into the message, if there is one.

    Raises:
        CumulusError: Cumulus.InvalidMessage.
    """
    replace = read_replace(begun.message)
    if replace is not None:
        _check_target(begun.message, replace)
    return replace


def replaced(begun: Begun, replace: Replace, document: JsonValue) -> Begun:
    """Return the message with a stored document in it: what is local wins.

    Raises:
        CumulusError: RemoteResourceError, NotAnObject; Cumulus.InvalidMessage.
    """
    message = {key: part for key, part in begun.message.items() if key != "replace"}
    if not replace.steps:
        if not isinstance(document, dict):
            raise CumulusError(
                REMOTE,
                "the stored message is no object",
                code="NotAnObject",
                about={**replace.reference.about, "code": "NotAnObject"},
            )
        whole = {**message, **document, **begun.beside}
        whole.pop("replace", None)
        exception = message.get("exception")
        if is_set(exception) and not is_set(document.get("exception")):
            whole["exception"] = exception
        message = whole
    else:
        message = _put_into(message, replace, document)
    check(message)
    return Begun(message, begun.beside)


def payload_of(begun: Begun, terms: TaskTerms) -> Reference | None:
    """Return what the payload refers to, if it is to be fetched."""
    return payload_reference(begun.message.get("payload")) if terms.fetch else None


def with_payload(begun: Begun, document: JsonValue) -> Begun:
    """Return the message with the fetched payload in it."""
    return Begun({**begun.message, "payload": document}, begun.beside)


def prepare(begun: Begun, terms: TaskTerms, max_bytes: int) -> Prepared:
    """Return the call that a message makes, `max_bytes` long at most.

    Raises:
        CumulusError: Cumulus.InvalidWorkflow, Cumulus.ValidationError,
            States.DataLimitExceeded.
    """
    message = _with_metadata(begun.message, terms)
    configuration = configuration_of(message, terms)
    storing = storing_of(message, terms)
    resolver = Resolver(message, max_bytes)
    config = resolver.resolve(dict(configuration.config))
    given = message.get("payload")
    if configuration.input is not None:
        given = resolver.resolve(configuration.input)
    _check_input(terms, config, given)
    sent = {}
    if terms.call is CallForm.MESSAGE:
        sent = _sent(message, configuration, config)
        text = encode([sent])
    elif terms.call is CallForm.EVENT:
        event = _event(message, config, given)
        if configuration.message_config is not None:
            event["messageConfig"] = configuration.message_config
        text = encode([event])
    else:
        text = encode(_event(message, config, given))
    _check_size(text, max_bytes)
    return Prepared(
        terms=terms,
        message=message,
        text=text,
        configuration=configuration,
        storing=storing,
        sent=sent,
    )


# ── steps ──
def _check_size(text: JsonText, max_bytes: int) -> None:
    if len(text) > max_bytes:
        raise too_large("bytes of input and configuration", len(text), max_bytes)
    if not is_within_depth(text, MAX_DEPTH):
        depth = depth_of_text(text)
        raise too_large("depth of input and configuration", depth, MAX_DEPTH)


def _check_target(message: Message, replace: Replace) -> None:
    """Do nothing if what is to be replaced is there, or is the payload."""
    if replace.steps in ((), ("payload",)):
        return
    try:
        paths.get(dict(message), replace.steps)
    except NotThere:
        raise invalid_message("replace.TargetPath", "a place that is there") from None


def _put_into(
    message: dict[str, Any], replace: Replace, document: JsonValue
) -> dict[str, Any]:
    try:
        there = paths.get(message, replace.steps)
    except NotThere:
        there = None
    if isinstance(there, dict) and isinstance(document, dict):
        document = {**there, **document}
    put = paths.put(message, replace.steps, document)
    assert isinstance(put, dict)  # noqa: S101 (a message stays one)
    return put


def _with_metadata(message: dict[str, Any], terms: TaskTerms) -> dict[str, Any]:
    if terms.metadata is None:
        return message
    meta = message.get("meta") or {}
    tasks = meta.get("workflow_tasks") or {}
    if not isinstance(tasks, dict):
        raise invalid_message("meta.workflow_tasks", "an object")
    numbers = [int(key) for key in tasks if _NUMBER.fullmatch(key)]
    number = str(max(numbers, default=-1) + 1)
    tasks = {**tasks, number: dict(terms.metadata)}
    return {**message, "meta": {**meta, "workflow_tasks": tasks}}


def _check_input(terms: TaskTerms, config: JsonValue, given: JsonValue) -> None:
    if "input" in terms.schemas:
        validate(terms.schemas["input"], given, "input")
    if "config" in terms.schemas and config != {}:
        validate(terms.schemas["config"], config, "config")
    check_format(terms.input_format, given, "input")


def _sent(
    message: Message, configuration: Configuration, config: JsonValue
) -> dict[str, Any]:
    """Return the message that a task is sent, its own configuration resolved."""
    place = configuration.place or (TASK_CONFIG,)
    if configuration.place is None and not config:
        return dict(message)
    sent = paths.put(dict(message), place, config)
    assert isinstance(sent, dict)  # noqa: S101 (a message stays one)
    return sent


def _event(message: Message, config: JsonValue, given: JsonValue) -> dict[str, Any]:
    event: dict[str, Any] = {"input": given, "config": config}
    execution = _execution(message)
    if execution:
        event["cumulus_config"] = execution
    return event


def _execution(message: Message) -> dict[str, Any]:
    """Return what is told of the execution: both names or neither, and the context."""
    meta = message["cumulus_meta"]
    assert isinstance(meta, dict)  # noqa: S101 (it was checked)
    told = {}
    names = ("state_machine", "execution_name")
    if all(meta.get(name) is not None for name in names):
        told = {name: meta[name] for name in names}
    if meta.get("cumulus_context") is not None:
        told["cumulus_context"] = meta["cumulus_context"]
    return told
