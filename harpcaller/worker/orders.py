"""What harpd tells a warm parent at its start, and what it hears back."""

from __future__ import annotations

import array
import socket

import attrs

from harpcaller.worker.profile import Confines
from protocol.jsontext import JsonValue, decode, encode

MESSAGE_BYTES = 1 << 16
MORE, READY, FAILED = b"+", b".", b"!"
"""How each message of a parent's answer begins: the catalogue comes in pieces."""


@attrs.frozen(kw_only=True)
class Orders:
    """What a warm parent has to know; the source of the procedures comes beside it."""

    path: str | None
    term_grace_s: float
    max_line_bytes: int
    farewell_s: float
    environment: tuple[tuple[str, str], ...]
    confines: Confines


@attrs.frozen(kw_only=True)
class PythonFunction:
    """What a warm parent tells of a Python procedure.

    `uid` and `gid` are numbers or names; the group of a user is its own, unless named.
    """

    name: str
    signature: str
    doc: str
    streams: bool
    timeout_s: float | None = None
    uid: int | str | None = None
    gid: int | str | None = None


def write_orders(orders: Orders) -> bytes:
    """Return the message that gives `orders`."""
    confines = orders.confines
    return encode(
        {
            "path": orders.path,
            "term_grace_s": orders.term_grace_s,
            "max_line_bytes": orders.max_line_bytes,
            "farewell_s": orders.farewell_s,
            "environment": dict(orders.environment),
            "cwd": confines.cwd,
            "umask": confines.umask,
            "nice": confines.nice,
            "rlimits": dict(confines.rlimits),
        }
    )


def read_orders(message: bytes) -> Orders:
    """Return the orders in `message`, which harpd wrote."""
    said = decode(message)
    assert isinstance(said, dict)  # noqa: S101 (by `write_orders`)
    fields: dict[str, object] = {**said}
    environment, rlimits = fields.pop("environment"), fields.pop("rlimits")
    assert isinstance(environment, dict)  # noqa: S101 (as above)
    assert isinstance(rlimits, dict)  # noqa: S101 (as above)
    names = [field.name for field in attrs.fields(Confines) if field.name in fields]
    confines = {name: fields.pop(name) for name in names}
    return Orders(
        environment=tuple(environment.items()),
        confines=Confines(rlimits=tuple(rlimits.items()), **confines),  # type: ignore[arg-type] # as harpd wrote them
        **fields,  # type: ignore[arg-type] # as harpd wrote them
    )


def write_catalogue(functions: list[PythonFunction]) -> list[bytes]:
    """Return the messages that tell of `functions`, the last one of all."""
    rows: list[JsonValue] = [attrs.asdict(function) for function in functions]
    text = encode(rows)
    room = MESSAGE_BYTES - 1
    pieces = [text[start : start + room] for start in range(0, len(text), room)]
    return [*(MORE + piece for piece in pieces[:-1]), READY + pieces[-1]]


def read_catalogue(text: bytes) -> list[PythonFunction]:
    """Return the functions that a parent told of."""
    rows = decode(text)
    assert isinstance(rows, list)  # noqa: S101 (by `write_catalogue`)
    return [PythonFunction(**row) for row in rows]  # type: ignore[arg-type] # as the parent wrote them


def rights(fds: list[int]) -> list[tuple[int, int, array.array[int]]]:
    """Return what hands `fds` over: unix(7), SCM_RIGHTS."""
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
