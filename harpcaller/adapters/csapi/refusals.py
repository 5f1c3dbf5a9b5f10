"""What a consumer is told when something is refused: a number and a sentence."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, TypeAlias

from harpcaller.adapters.csapi.settings import Settings
from harpcaller.adapters.route import Answer, Asked, Handler, Operations
from protocol.jsontext import JsonValue, encode

JSON: Final = "application/json"
NOT_PAID: Final = 8003
RETRY_S: Final = "5"

# No client can read an HTTP status of four digits: DEP 6's own are in the body only.
_STATUSES: Final = {NOT_PAID: 402}

Work: TypeAlias = Callable[[Asked, Operations, Settings], Coroutine[Any, Any, Answer]]


class Refusal(Exception):
    """Why there is no answer; `errorcode` is an HTTP status, or one of DEP 6's."""

    def __init__(self, errorcode: int, description: str) -> None:
        super().__init__(description)
        self.errorcode = errorcode
        self.description = description


def refusing(work: Work) -> Handler[Settings]:
    """Return a handler that answers with what `work` does, or with its refusal."""

    async def handle(asked: Asked, means: Operations, settings: Settings) -> Answer:
        try:
            return await work(asked, means, settings)
        except Refusal as refusal:
            return _answer_of(refusal)

    return handle


def shape(status: int, _type: str, message: str) -> tuple[bytes, str]:
    """Return the body of an error that the gateway answers with, and its kind."""
    return encode(complaint(status, message)), JSON


def complaint(errorcode: int, description: str) -> dict[str, JsonValue]:
    """Return the object that tells of an error."""
    return {"errorcode": errorcode, "description": description}


def told(
    value: JsonValue, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    """Return the answer that says a value."""
    more = {"Content-Type": JSON, "Cache-Control": "no-store", **(headers or {})}
    return Answer(status=status, headers=more, body=encode(value))


def _answer_of(refusal: Refusal) -> Answer:
    status = _STATUSES.get(refusal.errorcode, refusal.errorcode)
    headers = {"Retry-After": RETRY_S} if status == 503 else {}
    return told(complaint(refusal.errorcode, refusal.description), status, headers)
