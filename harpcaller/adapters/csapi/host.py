"""`@csapi` as a host: nobody calls it, its jobs are calls to others."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from harpcaller.adapters.adapter import Admitted, Refused
from harpcaller.adapters.csapi.settings import Settings
from harpcaller.adapters.machine import Action, End, Event
from protocol.call import Call
from protocol.errors import ErrorType
from protocol.job import JobId
from protocol.outcome import Failed

NO_CALLS = "no_calls"
_MESSAGE = "@csapi takes no calls: its services are invoked over HTTP"


def admit(_settings: Settings, _call: Call) -> Admitted | Refused:
    """Refuse every call."""
    return Refused(code=NO_CALLS, message=_MESSAGE)


def keep(_settings: Settings, _call: Call) -> bytes:
    """Return what is kept with a call: nothing."""
    return b""


def machine(_kept: bytes, _job_id: JobId, _call: Call) -> Ending:
    """Return what carries out a job that should not be there."""
    return Ending()


@attrs.frozen
class Ending:
    """A machine that ends at once."""

    def start(self, _at: float) -> Sequence[Action]:
        """End."""
        return [End(Failed(type=ErrorType.MISSING_RESULT, message=_MESSAGE))]

    def on(self, _event: Event) -> Sequence[Action]:
        """Do nothing more."""
        return []
