"""A request to the adapter: its service, message, sources and options."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import attrs

from harpcaller.adapters.harmony.intakes import Intake
from harpcaller.adapters.harmony.message import Mode
from harpcaller.adapters.harmony.settings import Dialect, NoData, Settings
from protocol.fields import refuse, refuse_unknown, take_boolean, take_count
from protocol.jsontext import JsonValue

_OPTIONS: Final = (
    "dialect",
    "ignore_errors",
    "nodata",
    "validation",
    "sync_stream",
    "cancel_probe_s",
)
_ARGUMENTS: Final = ("operation", "sources", "options")


@attrs.frozen(kw_only=True)
class Options:
    """What a request settles for itself."""

    dialect: Dialect
    ignore_errors: bool
    nodata: NoData
    validation: Mode
    sync_stream: bool
    cancel_probe_s: float


@attrs.frozen(kw_only=True)
class Request:
    """One request, not judged yet; `operation` is the message, `sources` beside it."""

    service: str
    operation: JsonValue = attrs.field(repr=False)
    sources: JsonValue = attrs.field(default=None, repr=False)
    options: Options
    intake: Intake = Intake.LINE


def default_options(settings: Settings, intake: Intake) -> Options:
    """Return the options of a request that names none."""
    is_command = intake is Intake.CLI
    return Options(
        dialect=Dialect.NONE if is_command else settings.dialect,
        ignore_errors=settings.ignore_errors,
        nodata=settings.nodata,
        validation=Mode.COMPAT if is_command else Mode.STRICT,
        sync_stream=False,
        cancel_probe_s=settings.cancel_probe_s,
    )


def read_request(
    settings: Settings, service: str, arguments: JsonValue, intake: Intake
) -> Request:
    """Return the request that a call's arguments make.

    Raises:
        WireError: `invalid_request`, naming the argument.
    """
    if not isinstance(arguments, dict):
        refuse("arguments", 'named arguments: "operation", "sources", "options"')
    refuse_unknown(arguments, _ARGUMENTS)
    if "operation" not in arguments:
        refuse("operation", "a data-operation message")
    options = arguments.get("options")
    return Request(
        service=service,
        operation=arguments["operation"],
        sources=arguments.get("sources"),
        options=_read_options(settings, options, intake),
        intake=intake,
    )


def _read_options(settings: Settings, value: JsonValue, intake: Intake) -> Options:
    default = default_options(settings, intake)
    if value is None:
        return default
    if not isinstance(value, dict):
        refuse("options", "an object")
    refuse_unknown(value, _OPTIONS)
    probe_s = take_count(value, "cancel_probe_s")
    return Options(
        dialect=Dialect(_word(value, "dialect", default.dialect)),
        ignore_errors=take_boolean(
            value, "ignore_errors", default=default.ignore_errors
        ),
        nodata=NoData(_word(value, "nodata", default.nodata)),
        validation=Mode(_word(value, "validation", default.validation)),
        sync_stream=take_boolean(value, "sync_stream", default=False),
        cancel_probe_s=default.cancel_probe_s if probe_s is None else probe_s,
    )


def _word(fields: Mapping[str, Any], key: str, default: StrEnum) -> str:
    value = fields.get(key)
    words = [str(word) for word in type(default)]
    if value is None:
        return default
    if value not in words:
        refuse(key, "one of " + ", ".join(f'"{word}"' for word in words))
    return str(value)
