"""The limits in time of calls."""

from __future__ import annotations

import math

import attrs

from protocol.call import Call


@attrs.frozen(kw_only=True)
class Limits:
    """The limits in seconds of calls that name none, and the longest they may name."""

    default_timeout_s: float = 600
    max_exec_s: float = 86400

    def of(self, call: Call) -> tuple[float, float]:
        """Return the timeout and the execution limit that hold for `call`."""
        max_exec_s = min(call.max_exec_s or math.inf, self.max_exec_s)
        return min(call.timeout_s or self.default_timeout_s, max_exec_s), max_exec_s
