"""Retry and Catch: which of them an error meets, and how long the next attempt waits.

Amazon States Language, "Retrying after error" and "Fallback states".
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Final

import attrs

from harpcaller.adapters.cumulus.faults import ALL, Fault
from harpcaller.adapters.parts import Part

MAX_WAIT_S: Final = 10**9  # about 30 years: longer is the same as for ever
_FULL: Final = "FULL"
_RETRY_KEYS: Final = (
    "ErrorEquals",
    "IntervalSeconds",
    "MaxAttempts",
    "BackoffRate",
    "MaxDelaySeconds",
    "JitterStrategy",
    "Comment",
)


@attrs.frozen(kw_only=True)
class Retrier:
    """When a call is made again, how often, and after how long."""

    errors: frozenset[str]
    interval_s: float = 1
    max_attempts: int = 3
    backoff_rate: float = 2
    max_delay_s: float = MAX_WAIT_S
    has_jitter: bool = False

    def wait_s(self, count: int, seed: str) -> float:
        """Return how long to wait before retry number `count`, from 0 on.

        `seed` is what a jitter is made of: the same gives the same.
        """
        try:
            wait = self.interval_s * self.backoff_rate**count
        except OverflowError:
            wait = MAX_WAIT_S
        wait = min(wait, self.max_delay_s, MAX_WAIT_S)
        if self.has_jitter:
            wait *= _fraction(seed)
        return int(wait) if float(wait).is_integer() else wait


@attrs.frozen(kw_only=True)
class Catcher:
    """Where an error leads, and where in the document it is put; None is nowhere."""

    errors: frozenset[str]
    result_path: str | None
    next: str


class Tries:
    """Counts the retries of one visit; each retrier counts for itself."""

    def __init__(self, retriers: Sequence[Retrier]) -> None:
        self._retriers = retriers
        self._counts: Counter[int] = Counter()

    def next_wait_s(self, fault: Fault, seed: str) -> float | None:
        """Return how long to wait before the next attempt, None if there is none."""
        for number, retrier in enumerate(self._retriers):
            if retrier.errors & fault.retried_by:
                count = self._counts[number]
                if count >= retrier.max_attempts:
                    return None
                self._counts[number] += 1
                return retrier.wait_s(count, seed)
        return None


def find_catcher(catchers: Sequence[Catcher], fault: Fault) -> Catcher | None:
    """Return the first catcher that names an error."""
    for catcher in catchers:
        if catcher.errors & fault.caught_by:
            return catcher
    return None


def _fraction(seed: str) -> float:
    """Return a number in [0, 1) that looks drawn by lot."""
    digest = hashlib.sha256(seed.encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53  # exact in a double


# ── as they are written ──
def read_retry(part: Part, key: str) -> tuple[Retrier, ...]:
    """Return the retriers of a list under a key."""
    parts = part.parts(key)
    return tuple(
        _read_retrier(one, is_last=one is parts[-1], errors=read_errors(one))
        for one in parts
    )


def _read_retrier(part: Part, *, is_last: bool, errors: frozenset[str]) -> Retrier:
    part.refuse_unknown(_RETRY_KEYS)
    check_all_is_last(part, errors, is_last=is_last)
    interval_s = part.seconds("IntervalSeconds")
    backoff_rate = part.number("BackoffRate", least=1)
    return Retrier(
        errors=errors,
        interval_s=1 if interval_s is None else interval_s,
        max_attempts=part.count("MaxAttempts", 3),
        backoff_rate=2 if backoff_rate is None else backoff_rate,
        max_delay_s=part.seconds("MaxDelaySeconds") or MAX_WAIT_S,
        has_jitter=part.one_of("JitterStrategy", (_FULL, "NONE"), "NONE") == _FULL,
    )


def read_errors(part: Part) -> frozenset[str]:
    """Return the names in ErrorEquals; States.ALL must stand alone there."""
    errors = part.texts("ErrorEquals")
    value = part.get("ErrorEquals")
    if value is None or value == []:
        part.wrong("ErrorEquals", "a list of names of errors")
    if ALL in errors and len(errors) > 1:
        part.wrong("ErrorEquals", f"{ALL} to stand alone")
    return frozenset(errors)


def check_all_is_last(part: Part, errors: frozenset[str], *, is_last: bool) -> None:
    """Complain of States.ALL before the end of a list: the rest would never count."""
    if ALL in errors and not is_last:
        part.wrong("ErrorEquals", f"{ALL} in the last one only")
