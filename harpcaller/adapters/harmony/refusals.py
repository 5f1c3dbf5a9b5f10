"""Why a request is refused: stable codes, statuses, sentences without values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import attrs

from protocol.jsontext import JsonValue

_TOLD_IN_TEXT = 5  # of the details; all of them are in the refusal itself


class Code(StrEnum):
    """One word for each way to refuse a request before any call goes out."""

    NO_JSON = "E1"
    NO_OBJECT = "E2"
    VERSION = "E3"
    SCHEMA = "E4"
    REQUEST_ID = "E5"
    EXTENT = "E6"
    CALLBACK = "E7"
    NO_GRANULES = "E8"
    GRANULE_URL = "E9"
    UNKNOWN_SERVICE = "E10"
    COLLECTION = "E11"
    CAPABILITY = "E12"
    SYNC_LIMIT = "E13"
    ASYNC_LIMIT = "E14"
    CATALOG = "E15"
    TOO_LARGE = "E18"


STATUS: Final[Mapping[Code, int]] = {
    Code.NO_JSON: 400,
    Code.NO_OBJECT: 400,
    Code.VERSION: 400,
    Code.SCHEMA: 400,
    Code.REQUEST_ID: 400,
    Code.EXTENT: 400,
    Code.CALLBACK: 403,
    Code.NO_GRANULES: 400,
    Code.GRANULE_URL: 403,
    Code.UNKNOWN_SERVICE: 404,
    Code.COLLECTION: 400,
    Code.CAPABILITY: 400,
    Code.SYNC_LIMIT: 400,
    Code.ASYNC_LIMIT: 413,
    Code.CATALOG: 400,
    Code.TOO_LARGE: 500,
}


@attrs.frozen(order=True)
class Detail:
    """One problem: a JSON pointer into the message, and what is wrong there."""

    pointer: str
    problem: str


class Refusal(Exception):
    """A request that cannot be carried out; nothing of it goes out."""

    def __init__(
        self,
        code: Code,
        message: str,
        details: Iterable[Detail] = (),
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = tuple(sorted(details))
        self.status = STATUS[code] if status is None else status

    @property
    def data(self) -> dict[str, JsonValue]:
        """What programs are told of it: its code, and all details."""
        details: list[JsonValue] = [
            {"pointer": each.pointer, "problem": each.problem} for each in self.details
        ]
        return {"code": self.code, "details": details}


def refuse_places(code: Code, text: str, details: Iterable[Detail]) -> Refusal:
    """Return the refusal that names the places after `text`, not all in words."""
    places = sorted(details)
    told = "; ".join(f"{at.pointer}: {at.problem}" for at in places[:_TOLD_IN_TEXT])
    if len(places) > _TOLD_IN_TEXT:
        told += f"; and {len(places) - _TOLD_IN_TEXT} more"
    return Refusal(code, f"{text} at {told}", places)
