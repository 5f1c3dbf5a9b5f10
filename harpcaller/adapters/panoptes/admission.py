"""Which calls to `@panoptes` are workflows, and how one is made of a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from harpcaller.adapters.adapter import Admitted, Refused
from harpcaller.adapters.panoptes.reading import refuse
from harpcaller.adapters.panoptes.settings import Settings
from harpcaller.adapters.panoptes.updates import MAX_ARGS_BYTES, MAX_NAME_CHARACTERS
from harpcaller.adapters.panoptes.workflow import names_of
from protocol.call import Call
from protocol.jsontext import JsonValue, decode, encode

HOST: Final = "@panoptes"
PROCEDURE: Final = "workflow"
MAX_AGENT_CHARACTERS: Final = 256
_IDENTITY_KEYS: Final = ("id", "name", "workflow_id")


def admit(settings: Settings, call: Call) -> Admitted | Refused:
    """Return how a workflow is kept, or why a call is none."""
    if call.procedure != PROCEDURE:
        return _refused("procedure", f'expected "{PROCEDURE}"')
    if call.queue is not None:
        return _refused("queue", "expected nothing: a workflow takes no slot")
    if call.max_exec_s is not None:
        return _refused("max_exec_time", "expected nothing: a workflow has no limit")
    arguments = decode(call.arguments)
    if not isinstance(arguments, dict):
        return _refused("arguments", "expected an object")
    name = arguments.get("name")
    if name is not None and not _is_name(name):
        expected = f"expected a text of 1 to {MAX_NAME_CHARACTERS} characters"
        return _refused("arguments", f"name: {expected}")
    label = name if isinstance(name, str) else None
    return Admitted(max_exec_s=settings.give_up_s, label=label)


@attrs.frozen(kw_only=True)
class Origin:
    """Where a workflow comes from: what its `info` tells of it."""

    dialect: str
    reporter: str
    agent: str


def workflow_call(
    said: Mapping[str, JsonValue],
    origin: Origin,
    previous: str | None = None,
    key: str | None = None,
) -> Call:
    """Return the call that a new workflow is; `said` are its arguments."""
    info: dict[str, JsonValue] = {
        "name": said.get("name"),
        "dialect": origin.dialect,
        "reporter": origin.reporter,
        "agent": origin.agent[:MAX_AGENT_CHARACTERS],
    }
    if previous is not None:
        info["previous"] = previous
    return Call(
        host=HOST,
        procedure=PROCEDURE,
        arguments=encode({**said}),
        info=encode({"panoptes": info}),
        key=key,
    )


def said_in(body: Mapping[str, Any], query: Mapping[str, str]) -> dict[str, JsonValue]:
    """Return the arguments that a request means, as it sent them.

    Pairs of the query that name nothing are arguments of the workflow.
    """
    names = {key: query[key] for key in _IDENTITY_KEYS[1:] if query.get(key)}
    args = {key: query[key] for key in query if key not in _IDENTITY_KEYS}
    said = {**names_of({key: body[key] for key in body if key != "id"})}
    said |= names_of(names)
    given = said.get("args")
    if args:
        said["args"] = {**(given if isinstance(given, dict) else {}), **args}
    return said


def checked(said: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return arguments that are within their bounds.

    Raises:
        WireError: `invalid_request`, they are not.
    """
    name = said.get("name")
    if name is not None and not _is_name(name):
        refuse(f"name: expected a text of 1 to {MAX_NAME_CHARACTERS} characters")
    if len(encode(said.get("args"))) > MAX_ARGS_BYTES:
        refuse(f"args: expected at most {MAX_ARGS_BYTES} bytes")
    return said


def bounded(said: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return arguments brought within their bounds: nothing of them is an error."""
    name = said.pop("name", None)
    if name not in (None, ""):
        text = name if isinstance(name, str) else encode(name).decode()
        said = {"name": text[:MAX_NAME_CHARACTERS], **said}
    if len(encode(said.get("args"))) > MAX_ARGS_BYTES:
        del said["args"]
    return said


def _is_name(value: JsonValue) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= MAX_NAME_CHARACTERS


def _refused(field: str, message: str) -> Refused:
    return Refused(
        code="no_workflow", message=f'field "{field}": {message}', data={"field": field}
    )
