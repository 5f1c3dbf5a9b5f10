"""How people write ages on a command line; standard library only."""

from __future__ import annotations

from argparse import ArgumentTypeError

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MAX_S = 1e9  # about 30 years: longer is the same as for ever


def age(text: str) -> float:
    """Return the seconds that an age such as 90s, 15m, 2h or 3d is."""
    unit_s = _UNITS_S.get(text[-1:])
    if unit_s is None:
        raise ArgumentTypeError(
            f"expected an age such as 90s, 15m, 2h or 3d, not {text}"
        )
    return _number(text[:-1], text, "an age such as 90s, 15m, 2h or 3d") * unit_s


def days(text: str) -> float:
    """Return the seconds that a number of days is."""
    return _number(text, text, "a number of days, 0 or more") * _UNITS_S["d"]


def _number(digits: str, text: str, expected: str) -> float:
    try:
        value = float(digits)
    except ValueError:
        value = -1
    if not 0 <= value <= _MAX_S / _UNITS_S["d"]:
        raise ArgumentTypeError(f"expected {expected}, not {text}")
    return value
