"""Words of the command line to values; what is wrong with one is a ValueError."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MAX_INTEGER_DIGITS = 4300  # harpcaller-protocol(7), and Python's own limit


def read_value(text: str) -> Any:
    """Return the JSON value that `text` spells, else the text itself.

    Raises:
        ValueError: it is JSON, but no dispatcher would take it.
    """
    try:
        return _read(text)
    except json.JSONDecodeError:
        return text


def read_json(text: str) -> Any:
    """Return the JSON value that `text` spells.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return _read(text)
    except json.JSONDecodeError:
        raise ValueError("expected JSON") from None


def read_queue_name(text: str) -> dict[str, Any]:
    """Return the name of a queue.

    Raises:
        ValueError: it is no JSON object.
    """
    name = read_json(text)
    if isinstance(name, dict):
        return name
    raise ValueError('expected a JSON object, such as {"pool":"db"}')


def read_seconds(text: str) -> float:
    """Return a duration.

    Raises:
        ValueError: it is no number above 0.
    """
    try:
        value = _read(text)
    except ValueError:
        value = None
    if type(value) not in {int, float} or not value > 0:
        raise ValueError("expected a number of seconds above 0")
    return float(value) if isinstance(value, float) else int(value)


def read_count(text: str) -> int:
    """Return a number of things.

    Raises:
        ValueError: it is no integer of at least 0.
    """
    if not (text.isascii() and text.isdigit()):
        raise ValueError("expected an integer of at least 0")
    return _exact(text)


def _read(text: str) -> Any:
    try:
        value = json.loads(
            text,
            parse_float=_finite,
            parse_int=_exact,
            parse_constant=_no_constant,
        )
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("a lone surrogate is no character") from None
    return value


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError("a number beyond the range of a double")
    return value


def _exact(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_INTEGER_DIGITS:
        raise ValueError(f"an integer of more than {MAX_INTEGER_DIGITS} digits")
    return int(digits)


def _no_constant(word: str) -> NoReturn:
    # Python reads NaN and Infinity; JSON has no such words.
    raise json.JSONDecodeError(f"{word} is no JSON", word, 0)
