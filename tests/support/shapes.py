"""Shapes of JSON values, to say what a reply has to look like."""

from __future__ import annotations

from typing import Any, TypeAlias

Shape: TypeAlias = Any
"""A type, a value that has to be equal, `[shape]` for a list of any length, an object
of shapes that may have more, or `OneOf`."""


class OneOf:
    """Any of several shapes."""

    def __init__(self, *shapes: Shape) -> None:
        self.shapes = shapes

    def __repr__(self) -> str:
        return " or ".join(map(repr, self.shapes))


def misfits(value: Any, shape: Shape, at: str = "") -> list[str]:
    """Return where `value` is of another shape; nothing if it fits."""
    match shape:
        case OneOf():
            fits = any(not misfits(value, one, at) for one in shape.shapes)
        case type():
            # To JSON true is no number.
            fits = type(value) is shape
        case dict():
            return _misfits_of_object(value, shape, at)
        case list():
            return _misfits_of_list(value, shape[0], at)
        case _:
            fits = value == shape
    return [] if fits else [f"{at}: {value!r} is not {shape!r}"]


def _misfits_of_object(value: Any, shape: dict[str, Shape], at: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{at}: {value!r} is no object"]
    found = [f"{at}: no {name}" for name in shape if name not in value]
    for name in shape.keys() & value.keys():
        found += misfits(value[name], shape[name], f"{at}/{name}")
    return found


def _misfits_of_list(value: Any, shape: Shape, at: str) -> list[str]:
    if not isinstance(value, list):
        return [f"{at}: {value!r} is no list"]
    return [
        misfit
        for number, one in enumerate(value)
        for misfit in misfits(one, shape, f"{at}/{number}")
    ]
