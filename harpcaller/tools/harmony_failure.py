"""Why a request failed, as error.json says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from harpcaller.adapters.harmony.endings import CANCELLED, TIMED_OUT, UNKNOWN, Category
from harpcaller.adapters.harmony.refusals import Refusal
from harpcaller.client import (
    CallError,
    Cancelled,
    ClientError,
    RemoteException,
    RequestRefused,
)
from protocol.jsontext import JsonValue

_TOO_LARGE: Final = "Request is too large for the dispatcher; --shared may help"
# What of the dispatcher's refusals is to blame on the request, and what on its sender.
_REFUSED: Final[Mapping[str, Category]] = {
    "invalid_request": Category.NO_RETRY,
    "parse_error": Category.NO_RETRY,
    "too_large": Category.NO_RETRY,
    "unauthorized": Category.FORBIDDEN,
    "forbidden": Category.FORBIDDEN,
}


@attrs.frozen(kw_only=True)
class Failure:
    """A text for users, and what kind of failure it is."""

    text: str
    category: Category

    @property
    def document(self) -> dict[str, JsonValue]:
        """What error.json has."""
        level = "Warning" if self.category is Category.NO_DATA else "Error"
        return {"error": self.text, "category": self.category, "level": level}


STOPPED: Final = Failure(text="Request was canceled", category=Category.CANCELED)


def failure_of(error: Refusal | ClientError) -> Failure:
    """Return what a refusal, or the end of a job, means to Harmony."""
    match error:
        case Refusal():
            return Failure(text=error.message, category=Category.NO_RETRY)
        case RemoteException():
            return Failure(text=error.message, category=_category(error.type))
        case Cancelled():
            return Failure(text=CANCELLED, category=Category.CANCELED)
        case CallError(type="timeout"):
            return Failure(text=TIMED_OUT, category=Category.CANCELED)
        case CallError(type="missing_result"):
            return Failure(text=UNKNOWN, category=Category.SERVER)
        case CallError():
            return Failure(text=UNKNOWN, category=Category.UNKNOWN)
        case RequestRefused():
            text = _TOO_LARGE if error.type == "too_large" else error.message
            category = _REFUSED.get(error.type, Category.SERVER)
            return Failure(text=text, category=category)
        case _:  # there is no dispatcher
            return Failure(text=str(error), category=Category.SERVER)


def _category(word: str) -> Category:
    return Category(word) if word in set(Category) else Category.UNKNOWN
