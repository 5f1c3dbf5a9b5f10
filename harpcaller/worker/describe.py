"""What a worker offers, told to its administrator and to those who may call it."""

from __future__ import annotations

from collections.abc import Iterable

from harpcaller.worker.catalogue import Offered
from harpcaller.worker.kinds.arguments import Argument
from harpcaller.worker.kinds.executable import Executable
from protocol import harp_worker
from protocol.harp_worker import Refusal, Refused
from protocol.jsontext import JsonText, JsonValue, encode

DESCRIBE = "describe"
"""The procedure that every worker has, unless its operator gives it another."""
_EMPTY = (b"[]", b"{}")


def description(offered: Iterable[Offered]) -> list[JsonValue]:
    """Return a row for each procedure, by name: name, signature, streams, doc."""
    return [_row(one) for one in sorted(offered, key=lambda one: one.name)]


def answer(arguments: JsonText, offered: Iterable[Offered]) -> bytes:
    """Return the lines that answer a call of `describe`.

    Raises:
        Refused: `invalid_argument_list`, it takes none.
    """
    if arguments not in _EMPTY:
        message = f"{DESCRIBE} takes no arguments"
        raise Refused(Refusal.INVALID_ARGUMENT_LIST, message)
    told = harp_worker.result(encode(description(offered)))
    return harp_worker.acknowledgement(streams=False) + told


def _row(offered: Offered) -> JsonValue:
    what = offered.what
    if isinstance(what, Executable):
        signature, doc = _signature(what), what.description
    else:
        signature, doc = what.signature, what.doc
    return {
        "name": what.name,
        "signature": signature,
        "streams": what.streams,
        "doc": doc,
    }


def _signature(executable: Executable) -> str:
    """Return what may be given, in the manner of Python; "(...)" takes anything."""
    if executable.arguments is None:
        return "(...)"
    return "(" + ", ".join(map(_spelled, executable.arguments)) + ")"


def _spelled(argument: Argument) -> str:
    kind = argument.kind.value
    if argument.choices:
        kind = " | ".join(encode(choice).decode() for choice in argument.choices)
    elif argument.of is not None:
        kind = f"list[{argument.of.kind.value}]"
    if argument.is_required:
        return f"{argument.name}: {kind}"
    return f"{argument.name}: {kind} = {encode(argument.default).decode()}"
