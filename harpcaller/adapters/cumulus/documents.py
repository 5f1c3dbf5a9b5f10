"""What becomes of a document on its way through a state.

InputPath, then Parameters, then the work, then ResultPath, then OutputPath.
"""

from __future__ import annotations

from typing import Final

from harpcaller.adapters.cumulus.errors import too_large
from harpcaller.adapters.cumulus.selecting import find, put
from harpcaller.adapters.cumulus.workflow import WHOLE, Parameters, Paths
from protocol.jsontext import JsonValue

MAX_DEPTH: Final = 100
MAX_BYTES: Final = 16 * 2**20  # of a document between states: a few can double it
_BY_PATH: Final = ".$"
_NOT_FOUND: Final = "States.ParameterPathFailure"


def taken_in(
    document: JsonValue, paths: Paths, parameters: Parameters | None
) -> JsonValue:
    """Return what a state works on.

    Raises:
        CumulusError: a path leads to nothing, or it would be too large.
    """
    selected = _selected(document, paths.input)
    if parameters is None:
        return selected
    filled = _filled(parameters.template, selected)
    _check_size(filled)
    return filled


def given_out(document: JsonValue, paths: Paths, result: JsonValue) -> JsonValue:
    """Return the next document: a result put into the one that came in.

    Raises:
        CumulusError: there is no place for it, or it would be too large.
    """
    return _selected(with_result(document, paths.result, result), paths.output)


def with_result(
    document: JsonValue, result_path: str | None, result: JsonValue
) -> JsonValue:
    """Return a document with a result in it, or instead of it; None is nowhere.

    Raises:
        CumulusError: there is no place for it, or it would be too large.
    """
    if result_path is None:
        return document
    if result_path == WHOLE:
        return result
    changed = put(document, result_path, result)
    _check_size(changed)
    return changed


def passed(document: JsonValue, paths: Paths) -> JsonValue:
    """Return the next document of a state that has no result.

    Raises:
        CumulusError: a path leads to nothing.
    """
    return _selected(_selected(document, paths.input), paths.output)


def _selected(document: JsonValue, path: str | None) -> JsonValue:
    if path == WHOLE:
        return document
    return {} if path is None else find(document, path)


def _filled(template: JsonValue, document: JsonValue) -> JsonValue:
    if isinstance(template, list):
        return [_filled(part, document) for part in template]
    if not isinstance(template, dict):
        return template
    return {
        key.removesuffix(_BY_PATH): (
            find(document, str(part), _NOT_FOUND)
            if key.endswith(_BY_PATH)
            else _filled(part, document)
        )
        for key, part in template.items()
    }


# ── bounds: states share what they put in two places, so that it costs nothing yet ──
def _check_size(value: JsonValue) -> None:
    """Do nothing if a value is neither too deep nor too large as text.

    Raises:
        CumulusError: States.DataLimitExceeded.
    """
    depth, size = measure(value)
    if depth > MAX_DEPTH:
        raise too_large("depth of the document", depth, MAX_DEPTH)
    if size > MAX_BYTES:
        raise too_large("bytes of the document", size, MAX_BYTES)


def measure(value: JsonValue) -> tuple[int, int]:
    """Return how deep a value is, and about how many bytes its text has."""
    return _Measure().of(value)


class _Measure:
    """Measures a value whose parts may stand in many places: each one once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, int]] = {}

    def of(self, value: JsonValue) -> tuple[int, int]:
        """Return what `measure` does, of a value or a part of it."""
        if isinstance(value, str):
            return 0, len(value) + 2
        if not isinstance(value, dict | list):
            return 0, 4
        known = self._known.get(id(value))
        if known is None:
            known = self._known[id(value)] = self._of_parts(value)
        return known

    def _of_parts(
        self, value: dict[str, JsonValue] | list[JsonValue]
    ) -> tuple[int, int]:
        depth, size = 0, 2
        if isinstance(value, dict):
            size += sum(map(len, value)) + 4 * len(value)
        for part in value.values() if isinstance(value, dict) else value:
            part_depth, part_size = self.of(part)
            depth = max(depth, part_depth)
            size += part_size + 1
        return depth + 1, size
