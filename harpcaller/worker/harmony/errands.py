"""The errands that there are: each kind begun by its own code, loaded for that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harpcaller.worker.errand import Errand
from protocol.jsontext import JsonValue


def begin(errand: Errand, arguments: JsonValue) -> Iterator[Any]:
    """Begin the errand; return its packets, and at their end its result.

    Raises:
        Refused: it is not begun.
    """
    if errand.kind == "harmony_cli":
        from harpcaller.worker.harmony import cli  # noqa: PLC0415 (one of them)

        return cli.begin(errand, arguments)
    from harpcaller.worker.harmony import post  # noqa: PLC0415 (as above)

    return post.begin(errand, arguments)
