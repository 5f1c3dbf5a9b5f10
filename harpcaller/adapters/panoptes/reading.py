"""Bodies to values: strictly as the specification has them, or as real clients do.

Snakemake sends lone surrogates and NaN, and says of JSON that it is a form.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl

from protocol.errors import ErrorType, WireError
from protocol.jsontext import JsonValue, decode, encode

_SURROGATES: Final = dict.fromkeys(range(55296, 57344), "�")
_MAX_FIELDS: Final = 1000


def strict(text: bytes) -> JsonValue:
    """Return the value that a text spells; nothing is put right.

    Raises:
        WireError: `parse_error`, it is no JSON, or an object has equal keys.
    """
    value = decode(text)
    json.loads(text, object_pairs_hook=_distinct, parse_int=str, parse_float=str)
    return value


def lenient(text: bytes | str) -> JsonValue:
    """Return the value that a text spells, put right where no JSON can hold it.

    NaN and infinities are null, half a surrogate pair is U+FFFD, of equal keys the
    last one counts.

    Raises:
        WireError: `parse_error`.
    """
    text = text.decode(errors="replace") if isinstance(text, bytes) else text
    text = text.removeprefix("\ufeff")
    try:
        return decode(text.encode())
    except (WireError, UnicodeEncodeError):
        pass
    try:
        value = json.loads(text, parse_constant=_nothing, parse_float=_finite)
        return decode(encode(_whole(value)))  # the bounds of all values hold here too
    except (ValueError, RecursionError) as error:
        raise _no_json() from error


def form(text: bytes) -> Mapping[str, str]:
    """Return the fields of a form, the last of equal ones.

    Raises:
        WireError: `parse_error`, there are too many.
    """
    try:
        pairs = parse_qsl(
            text.decode(errors="replace"),
            keep_blank_values=True,
            errors="replace",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError as error:
        raise _no_json() from error
    return dict(pairs)


def fields(body: bytes) -> Mapping[str, Any]:
    """Return what a client of the older paths sent, by what it is, not what it says.

    Raises:
        WireError: `parse_error`, it is neither a JSON object nor a form.
    """
    try:
        value = lenient(body)
    except WireError:
        value = dict(form(body))
    if not isinstance(value, dict):
        raise _no_json()
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        [(key, _)] = Counter(keys).most_common(1)
        raise WireError(ErrorType.PARSE_ERROR, f'equal keys: "{key[:80]}"')


def _nothing(_: str) -> None:
    return None


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number beyond a double")
    return number


def _whole(value: Any) -> Any:
    match value:
        case str():
            return value.translate(_SURROGATES)
        case list():
            return [_whole(one) for one in value]
        case dict():
            return {_whole(key): _whole(one) for key, one in value.items()}
        case _:
            return value


def _no_json() -> WireError:
    return WireError(ErrorType.PARSE_ERROR, "expected a JSON object, or a form")


def refuse(message: str) -> NoReturn:
    """Complain of a request.

    Raises:
        WireError: `invalid_request`.
    """
    raise WireError(ErrorType.INVALID_REQUEST, message)
