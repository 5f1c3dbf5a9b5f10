"""Which regular expressions hostile text may keep busy for ever, as far as it shows."""

from __future__ import annotations

import re
from typing import Final

import attrs

_TOKEN: Final = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?>|\{\d*,?\d*\}[+?]?|[*+?][+?]?|.", re.DOTALL
)
# Possessive ones, which end in "+", give nothing back and so take no long time.
_REPEAT: Final = re.compile(r"(?:[*+]|\{\d*,\d*\})\??")


@attrs.define
class _Group:
    """A part in parentheses, or all; an atomic one is never tried in another way."""

    is_atomic: bool
    repeats: bool = False


def nests_repeats(pattern: str) -> bool:
    """Tell whether something repeats in which something repeats.

    `(a+)+` does, and takes twice as long for each "a" of a text that does not match.
    `( [a-z]+)*` does too, and is harmless: this is a doubt, no verdict.
    """
    groups = [_Group(is_atomic=False)]
    does_last_repeat = False
    for part in _TOKEN.findall(pattern):
        if _REPEAT.fullmatch(part):
            if does_last_repeat:
                return True
            groups[-1].repeats = True
        does_last_repeat = False
        if part in {"(", "(?>"}:
            groups.append(_Group(is_atomic=part == "(?>"))
        elif part == ")" and len(groups) > 1:  # else it stands in a comment
            last = groups.pop()
            does_last_repeat = last.repeats and not last.is_atomic
            groups[-1].repeats |= does_last_repeat
    return False
