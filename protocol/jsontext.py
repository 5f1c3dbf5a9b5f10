"""Text to values and back: exact integers, bounded depth, one typed error.

Values that the dispatcher only passes on stay text, as `JsonText`.
"""

from __future__ import annotations

import gc
import itertools
import json
import math
import operator
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NewType, NoReturn, TypeAlias

import orjson

from protocol.errors import ErrorType, WireError

JsonValue: TypeAlias = (
    "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
)
JsonText = NewType("JsonText", bytes)
"""One JSON value as UTF-8 without line breaks or outer blanks, known to be valid."""

NULL = JsonText(b"null")
MAX_DEPTH = 128
MAX_INTEGER_DIGITS = 4300  # Python's own limit for text to int
LARGE_TEXT_BYTES = 64 * 1024  # from here on it pays to pause the collector

_NOT_BRACKETS = bytes(c for c in range(256) if c not in b"[]{}")
_NOT_MARKS = bytes(c for c in range(256) if c not in b"[]{}:")
_SQUARE = bytes.maketrans(b"{}", b"[]")
_UPS, _DOWNS = re.compile(rb"\[+"), re.compile(rb"\]+")
# Every digit becomes 0, all else a blank: a run of digits is then a plain substring.
_DIGITS = bytes(ord("0") if 48 <= c <= 57 else ord(" ") for c in range(256))
_LONG_RUN = b"0" * 19  # 2**63 has 19 digits; orjson reads longer ones as floats
# Without either no number is beyond a double.
_HUGE_RUN = b"0" * 200
_HUGE_EXPONENT = re.compile(rb"[eE]\+?[0-9]{3}")


def decode(
    text: bytes, *, max_depth: int = MAX_DEPTH, max_containers: int | None = None
) -> JsonValue:
    """Return the value that `text` spells, integers exact.

    Raises:
        WireError: `parse_error`: no JSON, deeper than `max_depth`, more than
            `max_containers` lists and objects, an integer of more than 4,300
            digits, a number beyond a double, a lone surrogate.
    """
    if len(text) <= LARGE_TEXT_BYTES:
        return _decode(text, max_depth, max_containers)
    with collector_paused():
        return _decode(text, max_depth, max_containers)


def encode(value: JsonValue) -> JsonText:
    """Return `value` as compact text; keys keep their order."""
    try:
        return _exact(orjson.dumps(value))
    except TypeError:  # an integer beyond 64 bits, or more depth than orjson writes
        return JsonText(_dumps(value, sort_keys=False))


def canonical(value: JsonValue) -> JsonText:
    """Return the one text that all equal values share: sorted keys, no blanks.

    1 and 1.0 are different values, 1e3 and 1000.0 are the same.
    """
    try:
        return _exact(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))
    except TypeError:
        return JsonText(_dumps(value, sort_keys=True))


def _exact(text: bytes) -> JsonText:
    """Return a text that takes as much memory as it is long.

    orjson gives the smallest ones 4 KiB, and texts of jobs are kept by the thousand.
    """
    if len(text) > LARGE_TEXT_BYTES:
        return JsonText(text)
    return JsonText(b"".join((text, b"")))  # of two parts: a copy


def is_within_depth(text: bytes, max_depth: int) -> bool:
    """Tell whether valid JSON `text` nests no deeper than `max_depth`."""
    if _count_opened(text) <= max_depth:
        return True
    return _depth(_brackets(text)) <= max_depth


def _count_opened(text: bytes) -> int:
    return text.count(b"[") + text.count(b"{")


def _brackets(text: bytes) -> bytes:
    """Return all brackets of JSON, those in strings left out, as [ and ]."""
    return _without_strings(text).translate(_SQUARE, _NOT_BRACKETS)


def _without_strings(text: bytes) -> bytes:
    """Return JSON without its strings, one that never ends left out too.

    A backslash outside of strings is no JSON: what is behind the first such one is
    never read, and may come out as anything.
    """
    if b"\\" in text:  # with both of these gone, each quote begins or ends a string
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(text.split(b'"')[::2])


def _depth(brackets: bytes) -> int:
    """Return how deep they nest, adding up run by run."""
    passes = 0
    # Where runs are short, taking away what is innermost makes them few: each
    # pass takes exactly one level.
    while brackets.count(b"[]") * 16 > len(brackets):
        brackets = brackets.replace(b"[]", b"")
        passes += 1
    ups = itertools.accumulate(map(len, _UPS.findall(brackets)))
    downs = itertools.accumulate(map(len, _DOWNS.findall(brackets)), initial=0)
    return passes + max(map(operator.sub, ups, downs), default=0)


def _check_nesting(text: bytes, max_depth: int, max_containers: int | None) -> None:
    brackets = _brackets(text)
    if max_containers is not None and len(brackets) > 2 * max_containers:
        _refuse(f"more than {max_containers} lists and objects")
    if _depth(brackets) > max_depth:
        _refuse(f"nested deeper than {max_depth} levels")


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the collector from walking the values of a large text again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def count_fields(text: bytes) -> int:
    """Return how many fields the object `text` spells out, a repeated one each time.

    What is nested does not count. It costs a tenth of reading `text` once more.
    """
    marks = _without_strings(text).translate(_SQUARE, _NOT_MARKS)
    before_colons = marks.split(b":")[:-1]
    ups = itertools.accumulate(piece.count(b"[") for piece in before_colons)
    downs = itertools.accumulate(piece.count(b"]") for piece in before_colons)
    return list(map(operator.sub, ups, downs)).count(1)


def _decode(text: bytes, max_depth: int, max_containers: int | None) -> JsonValue:
    if len(text) > max_depth and _count_opened(text) > max_depth:
        _check_nesting(text, max_depth, max_containers)  # first: nothing is built yet
    runs = text.translate(_DIGITS)
    if _LONG_RUN in runs:
        is_huge = _HUGE_RUN in runs or _HUGE_EXPONENT.search(text) is not None
        return _decode_exactly(text, _finite_float if is_huge else None)
    return _decode_fast(text)


def _decode_fast(text: bytes) -> JsonValue:
    try:
        value: JsonValue = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        _check_utf8(text)
        _refuse(f"{error.msg} at byte {_byte_offset(error)}")
    return value


def _check_utf8(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        _refuse(f"invalid UTF-8 at byte {error.start}")


def _decode_exactly(
    text: bytes, parse_float: Callable[[str], float] | None
) -> JsonValue:
    source = _check_utf8(text)
    try:
        value: JsonValue = json.loads(
            source,
            parse_float=parse_float,
            parse_constant=_no_constant,
        )
        if "\\ud" in source.lower():
            _dumps(value, sort_keys=False)
    except UnicodeEncodeError:
        _refuse("a lone surrogate is no character")
    except json.JSONDecodeError as error:
        _refuse(f"{error.msg} at byte {_byte_offset(error)}")
    except ValueError:  # the only other one: Python reads no longer integers
        _refuse(f"an integer of more than {MAX_INTEGER_DIGITS} digits")
    except RecursionError:
        _refuse("nested too deeply")
    return value


def _byte_offset(error: json.JSONDecodeError) -> int:
    return len(error.doc[: error.pos].encode(errors="surrogatepass"))


def _finite_float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        _refuse("a number beyond the range of a double")
    return value


def _no_constant(word: str) -> NoReturn:
    _refuse(f"{word} is no JSON")


def _dumps(value: JsonValue, *, sort_keys: bool) -> bytes:
    text = json.dumps(
        value,
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
        sort_keys=sort_keys,
    )
    return text.encode()


def _refuse(message: str) -> NoReturn:
    raise WireError(ErrorType.PARSE_ERROR, message)
