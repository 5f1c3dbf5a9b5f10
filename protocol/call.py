"""What a client asks to have run."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import attrs

from protocol.errors import ErrorType, WireError
from protocol.fields import refuse, refuse_unknown, take_count
from protocol.jsontext import NULL, JsonText, JsonValue, canonical, decode, encode

MASK = "***"
_QUEUE_FIELDS = ("queue.name", "queue.concurrency")  # as complaints name them
# RFC 6901, section 4: no leading zeros, ASCII digits only. No list is longer.
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_SHOWN_CHARACTERS = 80  # of a pointer, in a complaint


@attrs.frozen(kw_only=True)
class QueueSpec:
    """The queue a call wants to wait in; `name` is canonical, so equal by value."""

    name: JsonText
    concurrency: int = 1

    @property
    def digest(self) -> bytes:
        """The 32 bytes that stand for the name."""
        return hashlib.sha256(self.name).digest()


@attrs.frozen(kw_only=True)
class Sealed:
    """A secret value of the arguments: where it stands, and what it is."""

    pointer: str
    value: JsonText = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Call:
    """What was asked for; it never changes.

    `arguments` is a list (positional) or an object (named) with each sealed value
    replaced by "***". Limits are in seconds, None where the client named none.
    """

    host: str
    procedure: str
    arguments: JsonText
    timeout_s: float | None = None
    max_exec_s: float | None = None
    queue: QueueSpec | None = None
    info: JsonText = NULL
    key: str | None = None
    retries: int = 0
    sealed: tuple[Sealed, ...] = ()


def read_queue(value: JsonValue) -> QueueSpec:
    """Return the queue that a call names.

    Raises:
        WireError: `invalid_request`, naming the field within "queue".
    """
    if not isinstance(value, dict):
        refuse("queue", 'an object with "name" and "concurrency"')
    name = value.get("name")
    if len(value) == 1 and isinstance(name, dict):
        return QueueSpec(name=canonical(name))
    fields = {f"queue.{field}": value[field] for field in value}
    refuse_unknown(fields, _QUEUE_FIELDS, within="queue.")
    if not isinstance(name, dict):
        refuse("queue.name", "an object, the name of the queue")
    concurrency = take_count(fields, "queue.concurrency", least=1)
    return QueueSpec(name=canonical(name), concurrency=concurrency or 1)


def content_digest(call: Call) -> bytes:
    """Return 32 bytes that are equal for calls of the same content.

    Sealed values and the key are left out, the pointers are not.
    """
    pointers: list[JsonValue] = [*sorted(sealed.pointer for sealed in call.sealed)]
    content = canonical(
        {
            "host": call.host,
            "procedure": call.procedure,
            "arguments": decode(call.arguments),
            "timeout": call.timeout_s,
            "max_exec_time": call.max_exec_s,
            "queue": None if call.queue is None else decode(call.queue.name),
            "concurrency": None if call.queue is None else call.queue.concurrency,
            "info": decode(call.info),
            "retries": call.retries,
            "sealed": pointers,
        }
    )
    return hashlib.sha256(content).digest()


def seal(value: JsonValue, pointers: list[str]) -> tuple[Sealed, ...]:
    """Replace what each pointer points to by "***", in place; return the values.

    Raises:
        WireError: `invalid_request`, a pointer (RFC 6901) points to nothing, or
            into a value that an earlier one has sealed.
    """
    taken: list[Sealed] = []
    for pointer in pointers:
        parent, step = _find(value, pointer)
        taken.append(Sealed(pointer=pointer, value=encode(parent[step])))
        parent[step] = MASK
    return tuple(taken)


def unseal(arguments: JsonText, sealed: tuple[Sealed, ...]) -> JsonText:
    """Return `arguments` with every sealed value put back."""
    if not sealed:
        return arguments
    value = decode(arguments)
    # The last sealed first: what it stood in may have been sealed after it.
    for secret in reversed(sealed):
        parent, step = _find(value, secret.pointer)
        parent[step] = decode(secret.value)
    return encode(value)


def _find(value: Any, pointer: str) -> tuple[Any, int | str]:
    """Return the container that `pointer` ends in, and the last step into it."""
    if not pointer.startswith("/"):
        raise _points_nowhere(pointer)
    *way, last = pointer[1:].split("/")
    for token in way:
        value = value[_step(value, token, pointer)]
    return value, _step(value, last, pointer)


def _step(value: Any, token: str, pointer: str) -> int | str:
    if isinstance(value, dict):
        name = token.replace("~1", "/").replace("~0", "~")
        if name in value:
            return name
    if isinstance(value, list) and _INDEX.fullmatch(token) and int(token) < len(value):
        return int(token)
    raise _points_nowhere(pointer)


def _points_nowhere(pointer: str) -> WireError:
    shown = pointer[:_SHOWN_CHARACTERS]
    return WireError(
        ErrorType.INVALID_REQUEST,
        f'field "sealed": "{shown}" points to nothing in the arguments',
        {"field": "sealed", "expected": "JSON pointers into the arguments"},
    )
