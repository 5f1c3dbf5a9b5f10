"""Which claim of each recent job was the last that we heard of."""

from __future__ import annotations

from collections import OrderedDict

from protocol.harp import HarpCall
from protocol.harp_worker import Refusal, Refused

MAX_JOBS = 10_000


class Fences:
    """Refuses claims that are over: a dispatcher that woke up late must run nothing.

    Jobs are told apart by user, so that nobody can shut out the jobs of others.
    """

    def __init__(self) -> None:
        self._highest: OrderedDict[tuple[str, str], int] = OrderedDict()

    def check(self, call: HarpCall) -> None:
        """Remember the fence of `call`, if it has one.

        Raises:
            Refused: `fenced`, there was a higher one.
        """
        if call.job_id is None or call.fence is None:
            return
        job = (call.user, call.job_id)
        highest = self._highest.get(job, 0)
        if call.fence < highest:
            message = f"this job was asked for with fence {highest} before"
            raise Refused(Refusal.FENCED, message)
        self._highest[job] = call.fence
        self._highest.move_to_end(job)
        if len(self._highest) > MAX_JOBS:
            self._highest.popitem(last=False)
