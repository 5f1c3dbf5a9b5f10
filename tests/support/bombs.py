"""Lines of up to 1 MiB made to be slow to read, and how long reading each takes.

Run as a program it prints `{"name": seconds of CPU}`, as on the small machine that
bounds are meant for: a busy one is slow by the second, so a yardstick is measured
beside each. A process of its own, since coverage of a test runner would count too.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator

from protocol.errors import WireError
from protocol.requests import parse_request

MAX_LINE_BYTES = 2**20
ATTEMPTS = 6
ROUNDS = 200_000  # of the yardstick: it needs as much memory as the lines do
YARDSTICK_S = 0.11  # what it takes on that machine
PLAIN_S = 0.08  # below it nobody doubts
_CALL = b'{"harpcaller":1,"host":"h","procedure":"p","arguments":'
_LONG = b"9" * 20  # sends a line down the exact path


def filled(before: bytes, unit: bytes, after: bytes, *, between: bytes = b",") -> bytes:
    """Return as many of `unit` as fit on a line."""
    room = MAX_LINE_BYTES - len(before) - len(after)
    count = room // (len(unit) + len(between))
    return before + between.join([unit] * count) + after


def _many_names(before: bytes, value: bytes, after: bytes) -> bytes:
    size = len(b'"k00000":,') + len(value)
    count = (MAX_LINE_BYTES - len(before) - len(after)) // size
    fields = b",".join(b'"k%05d":%b' % (number, value) for number in range(count))
    return before + fields + after


def bombs() -> Iterator[tuple[str, bytes]]:
    """Yield the lines with their names."""
    for name, unit in {
        "empty lists": b"[]",
        "empty objects": b"{}",
        "small integers": b"1",
        "fractions": b"1.5",
        "longest integers": b"9" * 4300,
        "brackets in strings": b'"["',
        "escaped quotes": b'"\\""',
        "surrogate pairs": b'"\\ud83d\\ude00"',
        "deep combs": b"[" * 120 + b"]" * 120,
        "low combs": b"[" * 6 + b"]" * 6,
        "numbers beyond a double": b"1e400",
        "as many lists as may be": b"[999]",
        "as many, deep": b"[" * 60 + b"]" * 60 + b"," + b"1.5," * 48 + b"12",
    }.items():
        yield name, filled(_CALL + b"[", unit, b"]}")
        yield f"{name}, exact", filled(_CALL + b"[" + _LONG + b",", unit, b"]}")
        twice = filled(_CALL + b'["host",', unit, b'],"host":"h"}')
        yield f"{name}, a field twice", twice
        yield f"{name} as info", filled(_CALL + b'[],"info":[', unit, b"]}")
    yield "lists only", b"[" * MAX_LINE_BYTES
    yield "objects only", b'{"a":' * (MAX_LINE_BYTES // 5)
    yield "quotes only", b'"' * MAX_LINE_BYTES
    yield "backslashes only", b"\\" * MAX_LINE_BYTES
    yield "unfinished strings", b'["\\' * (MAX_LINE_BYTES // 3)
    yield "one integer", filled(_CALL, b"9", b"}", between=b"")
    yield "one fraction", filled(_CALL + b"[0.", b"1", b"]}", between=b"")
    yield "blanks", filled(_CALL + b'["host"]', b" ", b"}", between=b"")
    yield "unknown fields", _many_names(b'{"harpcaller":1,', b"1", b"}")
    yield "unknown, escaped", _many_names(b'{"harpcaller":1,', b'"\\u0061"', b"}")
    yield "names", _many_names(_CALL + b"{", b"1", b"}}")
    yield "queue", _many_names(_CALL + b'[],"queue":{"name":{', _LONG, b"}}}")
    yield "a long field", filled(b'{"harpcaller":1,"', b"a", b'":1}', between=b"")
    yield "a long id", filled(b'{"harpcaller":1,"cancel":"', b"a", b'"}', between=b"")
    yield "long pointers", filled(_CALL + b'{},"sealed":["', b"/a", b'"]}', between=b"")
    digits = filled(_CALL + b'[1],"sealed":["/', b"9", b'"]}', between=b"")
    yield "a pointer of digits", digits
    yield "sealed lists", filled(_CALL + b'{"a":[', b"[]", b'],"b":1},"sealed":["/a"]}')


def yardstick_s() -> float:
    """Return the CPU seconds of a fixed piece of work: how fast this machine is now."""
    begun = time.process_time()
    json.loads(b"[" + b'[1],{"a":2},' * ROUNDS + b"3]")
    return time.process_time() - begun


def _cpu_s(line: bytes) -> float:
    begun = time.process_time()
    with contextlib.suppress(WireError):
        parse_request(line)
    return time.process_time() - begun


class Scale:
    """Measures lines as that machine would, each between two yardsticks."""

    def __init__(self) -> None:
        self._before_s = yardstick_s()

    def figure_s(self, line: bytes) -> float:
        """Return what reading `line` takes.

        It is the best of some attempts: what comes between can only make one slower.
        """
        best_s = float("inf")
        for _ in range(ATTEMPTS):
            took_s, after_s = _cpu_s(line), yardstick_s()
            slowest_s = max(self._before_s, after_s, YARDSTICK_S)
            best_s = min(best_s, took_s * YARDSTICK_S / slowest_s)
            self._before_s = after_s
            if best_s < PLAIN_S:
                break
        return best_s


if __name__ == "__main__":
    scale = Scale()
    json.dump({name: scale.figure_s(line) for name, line in bombs()}, sys.stdout)
