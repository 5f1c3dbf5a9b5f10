"""What may stand behind the `?` of a request: known names, and how long to wait."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from harpcaller.adapters.csapi.refusals import Refusal

MAX_WAIT_S: Final = 60
WAIT: Final = "wait"
CONSUMERS: Final = ("consumerid", "consumerId")
_SECONDS: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,20})?(?:[eE][-+]?[0-9]{1,3})?")


def check_query(query: Mapping[str, str], *known: str) -> None:
    """Do nothing if all parameters are known.

    Raises:
        Refusal: 400.
    """
    for name in query:
        if name not in known:
            raise Refusal(400, f'unknown parameter "{name[:80]}"')


def consumer_in(query: Mapping[str, str]) -> str | None:
    """Return who asks by his own word, None if he does not say.

    Raises:
        Refusal: 400, he says so twice.
    """
    said = {query[name] for name in CONSUMERS if name in query}
    if len(said) > 1:
        raise Refusal(400, " and ".join(CONSUMERS) + ": expected one of them")
    return said.pop() if said else None


def wait_in(query: Mapping[str, str]) -> float:
    """Return how many seconds to wait for a result.

    Raises:
        Refusal: 400.
    """
    value = query.get(WAIT, "0")
    if not _SECONDS.fullmatch(value) or float(value) > MAX_WAIT_S:
        raise Refusal(400, f"{WAIT}: expected a number of seconds up to {MAX_WAIT_S}")
    return float(value)
