"""The form of a message: what it may be wrapped in, and what it must have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from harpcaller.adapters.cumulus.errors import invalid_message
from harpcaller.adapters.cumulus.templates import MAX_DEPTH, depth_of
from protocol.jsontext import JsonValue

Message: TypeAlias = Mapping[str, JsonValue]

SOURCES: Final = ("sfn", "stdin", "local")
_OBJECTS: Final = ("meta", "workflow_config", "task_config")
_NOTHING: Final = (None, "", 0, False, "None")


def unwrap(event: JsonValue) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the message of an event, and what stands beside it in a `cma` wrapper.

    The latter is in the message already.

    Raises:
        CumulusError: Cumulus.InvalidMessage.
    """
    if not isinstance(event, dict):
        raise invalid_message("message", "an object")
    if "cma" not in event:
        return event, {}
    wrapper = event["cma"]
    inner = wrapper.get("event") if isinstance(wrapper, dict) else None
    if not isinstance(wrapper, dict) or not isinstance(inner, dict):
        raise invalid_message("cma.event", "an object")
    beside = {key: value for key, value in wrapper.items() if key != "event"}
    return {**inner, **beside}, beside


def check(message: Message) -> None:
    """Do nothing if a message has the form that every task may count on.

    Raises:
        CumulusError: Cumulus.InvalidMessage, with the path.
    """
    if "cma" in message:
        raise invalid_message("cma", "no wrapper within a message")
    if not isinstance(message.get("cumulus_meta"), dict):
        raise invalid_message("cumulus_meta", "an object")
    for name in _OBJECTS:
        _check_object(message.get(name), name)
    tasks: Any = message.get("workflow_config") or {}
    for name, config in tasks.items():
        _check_object(config, f"workflow_config.{name}")
    if depth_of(dict(message)) > MAX_DEPTH:
        raise invalid_message("message", f"at most {MAX_DEPTH} levels")


def _check_object(value: JsonValue, path: str) -> None:
    if value is not None and not isinstance(value, dict):
        raise invalid_message(path, "an object")


def is_set(exception: JsonValue) -> bool:
    """Tell whether an `exception` says that a task aborted."""
    if isinstance(exception, dict | list):
        return bool(exception)
    return exception not in _NOTHING


def odd_source(message: Message) -> bool:
    """Tell whether a message comes from where none should."""
    meta = message.get("cumulus_meta")
    source = meta.get("message_source") if isinstance(meta, dict) else None
    return source is not None and source not in SOURCES
