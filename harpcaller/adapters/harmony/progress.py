"""How far a request is, in the percent that Harmony shows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

_MOST = 99  # 100 is Harmony's, at the end
_LOCATOR_WEIGHT = 0.1


@attrs.frozen
class Done:
    """Units of a step: how many have ended, of how many that are known so far."""

    ended: int
    known: int


def percent(steps: Sequence[Done], *, count_locator: bool) -> int:
    """Return the mean of all steps, each as far as the one before it allows.

    With `count_locator` a step that has been done counts a tenth of a step.
    """
    far, parts = 100, list[int]()
    for step in steps:
        far = far * step.ended // max(1, step.known, step.ended)
        parts.append(far)
    weight = _LOCATOR_WEIGHT if count_locator else 0
    if not parts and not weight:
        return _MOST  # nothing has to be done
    mean = (sum(parts) + 100 * weight) / (len(parts) + weight)
    return min(_MOST, math.floor(mean))
