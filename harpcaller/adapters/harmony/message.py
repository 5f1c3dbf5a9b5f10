"""A data-operation message that was judged: what may be relied on, and its shadows."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NoReturn

import attrs

from harpcaller.adapters.harmony import extents
from harpcaller.adapters.harmony.refusals import Code, Detail, refuse_places
from harpcaller.adapters.harmony.validation import Problem, Slip, problems
from harpcaller.adapters.harmony.versions import known, read_version
from protocol.call import MASK

SECRETS: Final = ("accessToken", "callback")


class Mode(StrEnum):
    """How strict a message is judged.

    Many real messages are invalid by their own schema in just the ways that `compat`
    forgives: unknown fields, and a missing accessToken.
    """

    STRICT = "strict"
    COMPAT = "compat"


@attrs.frozen(kw_only=True)
class Message:
    """A message whose fields have the types that its version says.

    `fields` belong to the message: who wants others makes a copy.
    """

    fields: Mapping[str, Any] = attrs.field(repr=False)
    minor: int
    warnings: tuple[str, ...] = ()

    @property
    def request_id(self) -> str:
        """The request that the message belongs to; one request may send several."""
        text: str = self.fields["requestId"]
        return text

    @property
    def sources(self) -> list[dict[str, Any]]:
        """The collections that are asked for."""
        sources: list[dict[str, Any]] = self.fields["sources"]
        return sources


def read_message(fields: Mapping[str, Any], mode: Mode) -> Message:
    """Return the message; a staging location ends in a slash.

    Raises:
        Refusal: E3 to E6, the first that applies, with all its details.
    """
    minor = read_version(fields.get("version"))
    fatal, warnings = _sort(problems(fields, known(minor)), minor, mode)
    _refuse_first(fatal)
    _refuse_extents(fields)
    return Message(
        fields=_with_slash(fields), minor=minor, warnings=tuple(map(_warn, warnings))
    )


def redact(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with "***" for what nobody may see."""
    return {name: MASK if name in SECRETS else value for name, value in fields.items()}


def _sort(
    found: list[Problem], minor: int, mode: Mode
) -> tuple[list[Problem], list[Problem]]:
    """Return the problems that are fatal, and those to warn of."""
    forgiven = {
        problem
        for problem in found
        if (
            problem.slip is Slip.UNKNOWN
            and (mode is Mode.COMPAT or minor > known(minor))
        )
        or (mode is Mode.COMPAT and _is_missing_token(problem))
    }
    fatal = [problem for problem in found if problem not in forgiven]
    return fatal, [problem for problem in found if problem in forgiven]


def _is_missing_token(problem: Problem) -> bool:
    return problem.slip is Slip.MISSING and problem.detail.pointer == "/accessToken"


def _refuse_first(fatal: list[Problem]) -> None:
    for code, text, slips in (
        (Code.SCHEMA, "Invalid message", {Slip.TYPE, Slip.MISSING, Slip.UNKNOWN}),
        (Code.REQUEST_ID, "Invalid message", {Slip.UUID}),
        (Code.EXTENT, "Invalid temporal range", {Slip.TIME}),
    ):
        details = [problem.detail for problem in fatal if problem.slip in slips]
        if details:
            raise refuse_places(code, text, details)


def _refuse_extents(fields: Mapping[str, Any]) -> None:
    boxes = list(extents.box_problems(fields))
    periods = list(extents.period_problems(fields))
    if boxes:
        _refuse_extent("Invalid bounding box", [*boxes, *periods])
    if periods:
        _refuse_extent("Invalid temporal range", periods)


def _refuse_extent(text: str, details: list[Detail]) -> NoReturn:
    raise refuse_places(Code.EXTENT, text, details)


def _with_slash(fields: Mapping[str, Any]) -> dict[str, Any]:
    place = fields.get("stagingLocation")
    if place is None or place.endswith("/"):
        return dict(fields)
    return {**fields, "stagingLocation": f"{place}/"}


def _warn(problem: Problem) -> str:
    return f"message: {problem.detail.pointer} {problem.detail.problem}"
