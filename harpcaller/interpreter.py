"""How the interpreter is set to serve for months; both daemons ask for it."""

from __future__ import annotations

import gc
import sys

# The loop and the thread of a store take turns: with Python's 5 ms a commit may wait
# as long for the loop, with less than 1 ms the turns cost more (bench/compare.py).
SWITCH_INTERVAL_S = 0.001
# Values of the wire make no cycles: to look for them among the thousands of records
# that are kept for readers was an eighth of the CPU of a submit.
GC_THRESHOLDS = (50_000, 20, 50)


def settle() -> None:
    """Call it once, before the loop: what is loaded by now stays."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
