"""The kinds of Harmony services: each begun by its own code, loaded for that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harpcaller.worker.errand import Errand
from protocol.jsontext import JsonValue


def begin(errand: Errand, arguments: JsonValue, max_line_bytes: int) -> Iterator[Any]:
    """Begin the errand; return its packets, and at their end its result.

    A result is one line of the wire, of `max_line_bytes` at most.

    Raises:
        Refused: it is not begun.
    """
    if errand.kind == "harmony_cli":
        from harpcaller.worker.harmony import cli  # noqa: PLC0415 (one of them)

        return cli.begin(errand, arguments, max_line_bytes)
    from harpcaller.worker.harmony import post  # noqa: PLC0415 (as above)

    return post.begin(errand, arguments)
