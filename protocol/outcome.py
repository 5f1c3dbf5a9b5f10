"""How a job ended, and the text that says so on the wire and in the store."""

from __future__ import annotations

from typing import TypeAlias, assert_never

import attrs
import orjson

from protocol.jsontext import JsonText, JsonValue, decode, encode

_RESULT = b'{"result":'
_CANCELLED = JsonText(b'{"cancelled":true}')


@attrs.frozen
class Returned:
    """The procedure returned `value`."""

    value: JsonText


@attrs.frozen(kw_only=True)
class Raised:
    """The procedure raised an exception; `data` is what it added, if it did."""

    type: str
    message: str
    data: JsonText | None = None


@attrs.frozen(kw_only=True)
class Failed:
    """The call could not be carried out.

    `type` is one of `OUTCOME_ERRORS`, or a worker's own word with `data.from`
    equal to "worker".
    """

    type: str
    message: str
    data: JsonText | None = None


@attrs.frozen
class Cancelled:
    """Somebody cancelled the job before it ended by itself."""


Outcome: TypeAlias = Returned | Raised | Failed | Cancelled


def outcome_text(outcome: Outcome) -> JsonText:
    """Return the line that tells `outcome`, without its line end."""
    match outcome:
        case Returned(value):
            return JsonText(_RESULT + value + b"}")
        case Raised():
            return _complaint(b'{"exception":', outcome)
        case Failed():
            return _complaint(b'{"error":', outcome)
        case Cancelled():
            return _CANCELLED
    assert_never(outcome)


def read_outcome(text: bytes) -> Outcome:
    """Return the outcome that `outcome_text` wrote."""
    if text.startswith(_RESULT):
        return Returned(JsonText(text[len(_RESULT) : -1]))
    if text == _CANCELLED:
        return Cancelled()
    message = decode(text, max_depth=2**31)
    assert isinstance(message, dict)  # noqa: S101 (our own text)
    [(verb, body)] = message.items()
    assert isinstance(body, dict)  # noqa: S101
    data = encode(body["data"]) if "data" in body else None
    kind = Raised if verb == "exception" else Failed
    return kind(type=str(body["type"]), message=str(body["message"]), data=data)


def _complaint(opening: bytes, outcome: Raised | Failed) -> JsonText:
    words: dict[str, JsonValue] = {"type": outcome.type, "message": outcome.message}
    body = orjson.dumps(words)
    if outcome.data is not None:
        body = body[:-1] + b',"data":' + outcome.data + b"}"
    return JsonText(opening + body + b"}")
