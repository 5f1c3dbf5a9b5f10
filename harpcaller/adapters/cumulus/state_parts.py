"""What states of several types have in common, as Amazon States Language writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from harpcaller.adapters.cumulus.selecting import (
    is_result_path,
    path_problem,
    read_path,
)
from harpcaller.adapters.cumulus.workflow import WHOLE, Parameters, Paths
from harpcaller.adapters.parts import Part

_BY_PATH: Final = ".$"  # how the keys end whose values are paths
CMA: Final = "cma"


def refuse_unknown(part: Part, keys: str) -> None:
    """Complain of keys that a state of this type must not have."""
    part.refuse_unknown(("Type", "Comment", *keys.split()))


def read_next(part: Part) -> str | None:
    """Return where a state leads, None if the workflow ends there."""
    if part.has("Next") == part.has("End"):
        part.complain('expected either Next or "End": true')
    elif part.has("End") and part.get("End") is not True:
        part.wrong("End", "true")
    return part.text("Next")


def read_paths(part: Part) -> Paths:
    """Return what a state works on, and what becomes of its result."""
    return Paths(
        input=_read_selection(part, "InputPath"),
        result=read_result_path(part),
        output=_read_selection(part, "OutputPath"),
    )


def _read_selection(part: Part, key: str) -> str | None:
    if not part.has(key):
        return WHOLE
    return None if part.get(key) is None else read_path(part, key)


def read_result_path(part: Part) -> str | None:
    """Return where a result goes; null is nowhere."""
    path = part.fields.get("ResultPath", WHOLE)
    if path is None:
        return None
    if path == WHOLE or is_result_path(path):
        return str(path)
    part.wrong("ResultPath", 'null, "$" or a simple path like "$.meta.a"')
    return WHOLE


def read_parameters(part: Part) -> Parameters | None:
    """Return what a state makes of its input."""
    parameters = part.part("Parameters")
    if parameters is None:
        return None
    _complain_of_paths(parameters, parameters.fields, parameters.place)
    return Parameters(template=dict(parameters.fields), is_cma=CMA in parameters.fields)


def _complain_of_paths(part: Part, value: Any, place: str) -> None:
    if isinstance(value, list):
        for number, member in enumerate(value):
            _complain_of_paths(part, member, f"{place}[{number}]")
    if not isinstance(value, Mapping):
        return
    for key, member in value.items():
        if not key.endswith(_BY_PATH):
            _complain_of_paths(part, member, f"{place}.{key}")
            continue
        problem = path_problem(member)
        if problem is None and key.removesuffix(_BY_PATH) in value:
            problem = "its name without .$ is there too"
        if problem is not None:
            part.complain(problem, f"{place}.{key}")
