"""The configuration of a task: whose it is, and what its `cumulus_message` asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from harpcaller.adapters.cumulus.errors import invalid_workflow
from harpcaller.adapters.cumulus.message import Message
from harpcaller.adapters.cumulus.paths import Steps, read_simple
from harpcaller.adapters.cumulus.references import read_target
from harpcaller.adapters.cumulus.templates import path_alone
from harpcaller.adapters.cumulus.terms import TaskTerms
from protocol.jsontext import JsonValue

CUMULUS_MESSAGE: Final = "cumulus_message"
TASK_CONFIG: Final = "task_config"
WORKFLOW_CONFIG: Final = "workflow_config"
REPLACE_CONFIG: Final = "ReplaceConfig"
_WRITABLE: Final = ("payload", "meta", "exception")
_MESSAGE_PATH: Final = "task_config.cumulus_message"


@attrs.frozen
class Output:
    """A part of an answer, and where in the message it is written to."""

    source: JsonValue
    destination: Steps


@attrs.frozen(kw_only=True)
class Configuration:
    """A task's own configuration, its templates not resolved yet.

    `place` is where in the message it stands, None if that is the definition's.
    `input` is None where the payload is; `outputs` where the answer is the payload.
    """

    config: Mapping[str, JsonValue]
    place: Steps | None
    message_config: Mapping[str, JsonValue] | None = None
    input: JsonValue = None
    outputs: tuple[Output, ...] | None = None


@attrs.frozen(kw_only=True)
class Storing:
    """What of the next message is to be stored; no steps are the whole of it."""

    steps: Steps
    target: str
    max_size: int = 0


def configuration_of(message: Message, terms: TaskTerms) -> Configuration:
    """Return the configuration that holds for a task.

    Raises:
        CumulusError: Cumulus.InvalidWorkflow, `cumulus_message` is not as it may be.
    """
    found, place = _found(message, terms)
    return _read(found, place)


def check_config(config: Mapping[str, JsonValue]) -> None:
    """Do nothing if no message can make a configuration wrong by what it asks for.

    Raises:
        CumulusError: Cumulus.InvalidWorkflow.
    """
    _read(config, None)


def storing_of(message: Message, terms: TaskTerms) -> Storing | None:
    """Return what a message or its step wants stored, if it does.

    Raises:
        CumulusError: Cumulus.InvalidWorkflow.
    """
    wanted = terms.replace_config or message.get(REPLACE_CONFIG)
    if wanted is None or wanted == {}:
        return None
    if not isinstance(wanted, Mapping):
        raise invalid_workflow(REPLACE_CONFIG, "an object")
    max_size = 0 if wanted.get("MaxSize") is None else wanted["MaxSize"]
    if type(max_size) is not int or max_size < 0:
        raise invalid_workflow(f"{REPLACE_CONFIG}.MaxSize", "a number of bytes")
    if wanted.get("FullMessage") is True or wanted.get("FullMessage") == "true":
        return Storing(steps=(), target="$", max_size=max_size)
    path = wanted.get("Path")
    if not isinstance(path, str) or read_target(path) is None:
        raise invalid_workflow(f"{REPLACE_CONFIG}.Path", "one simple path")
    target = path if wanted.get("TargetPath") is None else wanted["TargetPath"]
    if not isinstance(target, str) or read_target(target) is None:
        raise invalid_workflow(f"{REPLACE_CONFIG}.TargetPath", "one simple path")
    return Storing(steps=read_target(path) or (), target=target, max_size=max_size)


def _found(
    message: Message, terms: TaskTerms
) -> tuple[Mapping[str, JsonValue], Steps | None]:
    if terms.task_config is not None:
        return terms.task_config, None
    own = message.get(TASK_CONFIG)
    if isinstance(own, dict):
        return own, (TASK_CONFIG,)
    tasks = message.get(WORKFLOW_CONFIG)
    config = tasks.get(terms.name) if isinstance(tasks, dict) else None
    if isinstance(config, dict):
        return config, (WORKFLOW_CONFIG, terms.name)
    return {}, None


def _read(found: Mapping[str, JsonValue], place: Steps | None) -> Configuration:
    config = {key: found[key] for key in found if key != CUMULUS_MESSAGE}
    asked: Any = found.get(CUMULUS_MESSAGE)
    if asked is None:
        return Configuration(config=config, place=place)
    if not isinstance(asked, Mapping):
        raise invalid_workflow(_MESSAGE_PATH, "an object")
    return Configuration(
        config=config,
        place=place,
        message_config=asked,
        input=asked.get("input"),
        outputs=_read_outputs(asked.get("outputs")),
    )


def _read_outputs(outputs: JsonValue) -> tuple[Output, ...] | None:
    if outputs is None:
        return None
    path = f"{_MESSAGE_PATH}.outputs"
    if not isinstance(outputs, list):
        raise invalid_workflow(path, "a list")
    return tuple(
        _read_output(output, f"{path}[{number}]")
        for number, output in enumerate(outputs)
    )


def _read_output(output: JsonValue, path: str) -> Output:
    if not isinstance(output, dict):
        raise invalid_workflow(path, "an object with source and destination")
    if output.get("source") is None:
        raise invalid_workflow(f"{path}.source", "a template")
    steps = _read_destination(output.get("destination"))
    if steps is None:
        expected = "a simple path into payload, meta or exception"
        raise invalid_workflow(f"{path}.destination", expected)
    return Output(output["source"], steps)


def _read_destination(destination: JsonValue) -> Steps | None:
    if not isinstance(destination, str):
        return None
    braced = path_alone(destination)
    steps = read_simple(destination if braced is None else braced)
    return steps if steps and steps[0] in _WRITABLE else None
