"""A service: its definition, and the call that an invocation of it makes."""

from __future__ import annotations

import re
from typing import Any, Final

import attrs

from harpcaller.adapters.csapi import schemas
from harpcaller.adapters.csapi.definition import Definition, read_definition
from harpcaller.adapters.csapi.metadata import asset_id_of, metadata_of
from harpcaller.adapters.parts import Part
from protocol.call import QueueSpec, read_queue
from protocol.errors import WireError
from protocol.fields import MAX_SECONDS
from protocol.jsontext import JsonText, encode

KEYS: Final = (
    "definition",
    "host",
    "procedure",
    "queue",
    "timeout",
    "max_exec_time",
    "requires_agreement",
    "agreements",
    "exec_allow",
    "configuration_schema",
    "sealed",
    "default",
)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
NAME_EXPECTED: Final = "1 to 64 of a-z, 0-9, _ and -, the first a letter or digit"


@attrs.frozen(kw_only=True)
class Service:
    """One of them; limits are in seconds.

    `agreements` are those that are paid, None where nothing is to be paid. `exec_allow`
    are what a command has to match in full, one of them. `sealed` point into the
    arguments of the call. `metadata` is what its asset id is the digest of.
    """

    name: str
    definition: Definition
    host: str
    procedure: str
    queue: QueueSpec | None = None
    timeout_s: float | None = None
    max_exec_s: float | None = None
    requires_agreement: bool = False
    agreements: frozenset[str] | None = None
    exec_allow: tuple[re.Pattern[str], ...] = ()
    configuration_schema: JsonText | None = None
    sealed: tuple[str, ...] = ()
    is_default: bool = False
    metadata: bytes
    asset_id: str


def is_name(text: str) -> bool:
    """Tell whether a service may be called so."""
    return _NAME.fullmatch(text) is not None


def read_service(
    name: str, part: Part, metadata: bytes | None = None
) -> Service | None:
    """Return the service of a table; None if something was complained of.

    `metadata` is that of its registration, where it was registered before.
    """
    before = len(part.problems)
    part.refuse_unknown(KEYS)
    about = part.need_part("definition")
    host, procedure = part.need_text("host"), part.need_text("procedure")
    fields: dict[str, Any] = {
        "queue": _queue(part),
        "timeout_s": _seconds(part, "timeout"),
        "max_exec_s": _seconds(part, "max_exec_time"),
        "requires_agreement": part.flag("requires_agreement", default=False),
        "agreements": _agreements(part),
        "exec_allow": _patterns(part),
        "configuration_schema": _schema(part),
        "sealed": _pointers(part),
        "is_default": part.flag("default", default=False),
    }
    definition = None if about is None else read_definition(about)
    if definition is None or len(part.problems) > before:
        return None
    metadata = metadata or metadata_of(name, definition)
    return Service(
        name=name,
        definition=definition,
        host=host,
        procedure=procedure,
        metadata=metadata,
        asset_id=asset_id_of(metadata),
        **fields,
    )


def _queue(part: Part) -> QueueSpec | None:
    value = part.get("queue")
    if value is None:
        return None
    try:
        return read_queue(value)
    except WireError as error:
        part.complain(error.message, part.at("queue"))
        return None


def _seconds(part: Part, key: str) -> float | None:
    found = part.seconds(key)
    if found is not None and found > MAX_SECONDS:
        part.wrong(key, f"at most {MAX_SECONDS} seconds")
    return found


def _agreements(part: Part) -> frozenset[str] | None:
    if part.get("agreements") is None:
        return None
    return frozenset(part.texts("agreements"))


def _patterns(part: Part) -> tuple[re.Pattern[str], ...]:
    try:
        return tuple(re.compile(text) for text in part.texts("exec_allow"))
    except re.error as error:
        part.wrong("exec_allow", f"regular expressions: {error}")
        return ()


def _schema(part: Part) -> JsonText | None:
    schema = part.get("configuration_schema")
    if schema is None:
        return None
    complaint = schemas.complain_of(schema)
    if complaint is not None:
        part.complain(complaint, part.at("configuration_schema"))
    return encode(schema)


def _pointers(part: Part) -> tuple[str, ...]:
    pointers = part.texts("sealed")
    if not all(pointer.startswith("/") for pointer in pointers):
        part.wrong("sealed", "JSON pointers into the arguments, beginning with /")
    return pointers
