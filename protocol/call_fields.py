"""The fields of a call, read from the object that spells it."""

from __future__ import annotations

from protocol.call import Call, read_queue, seal
from protocol.fields import Fields, refuse, take_count, take_seconds, take_string
from protocol.jsontext import NULL, encode

MAX_RETRIES = 100
MAX_KEY_CHARACTERS = 200
MAX_NAME_CHARACTERS = 1024  # of hosts and procedures
MAX_SEALED = 100
CALL_FIELDS = (
    "host",
    "procedure",
    "arguments",
    "timeout",
    "max_exec_time",
    "queue",
    "info",
    "key",
    "retries",
    "sealed",
)


def read_call(fields: Fields) -> Call:
    """Return the call; whether there are other fields is not looked at.

    Raises:
        WireError: `invalid_request`, a field is missing or wrong.
    """
    arguments = fields.get("arguments")
    if not isinstance(arguments, list | dict):
        refuse("arguments", "a list or an object")
    sealed = seal(arguments, _take_pointers(fields)) if "sealed" in fields else ()
    info = fields.get("info")
    return Call(
        host=_take_name(fields, "host"),
        procedure=_take_name(fields, "procedure"),
        arguments=encode(arguments),
        timeout_s=take_seconds(fields, "timeout"),
        max_exec_s=take_seconds(fields, "max_exec_time"),
        queue=None if fields.get("queue") is None else read_queue(fields["queue"]),
        info=NULL if info is None else encode(info),
        key=None if fields.get("key") is None else _take_key(fields),
        retries=take_count(fields, "retries", most=MAX_RETRIES) or 0,
        sealed=sealed,
    )


def _take_name(fields: Fields, field: str) -> str:
    name = take_string(fields, field)
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS:
        refuse(field, f"a string of 1 to {MAX_NAME_CHARACTERS} characters")
    return name


def _take_key(fields: Fields) -> str:
    key = take_string(fields, "key")
    if not 1 <= len(key) <= MAX_KEY_CHARACTERS:
        refuse("key", f"a string of 1 to {MAX_KEY_CHARACTERS} characters")
    return key


def _take_pointers(fields: Fields) -> list[str]:
    pointers = fields["sealed"]
    if pointers is None:
        return []
    expected = f"a list of at most {MAX_SEALED} JSON pointers into the arguments"
    if not isinstance(pointers, list) or len(pointers) > MAX_SEALED:
        refuse("sealed", expected)
    if not all(isinstance(pointer, str) for pointer in pointers):
        refuse("sealed", expected)
    return [str(pointer) for pointer in pointers]
