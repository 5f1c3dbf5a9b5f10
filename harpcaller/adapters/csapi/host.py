"""`@csapi` as a host: nobody calls it, its jobs are calls to others."""

from __future__ import annotations

from typing import Final

from harpcaller.adapters.adapter import Admitted, Refused
from harpcaller.adapters.csapi.settings import Settings
from protocol.call import Call

NO_CALLS: Final = "no_calls"


def admit(_settings: Settings, _call: Call) -> Admitted | Refused:
    """Refuse every call."""
    message = "@csapi takes no calls: its services are invoked over HTTP"
    return Refused(code=NO_CALLS, message=message)
