"""Which calls become jobs, and what of them is secret."""

from __future__ import annotations

from typing import Final

from harpcaller.adapters.adapter import Admitted, Refused
from harpcaller.adapters.cumulus.config import Settings
from harpcaller.adapters.cumulus.errors import CumulusError
from protocol.call import Call
from protocol.jsontext import JsonValue

TASK_PAIR: Final = ("cumulus", "task")  # in the queues of children


def admit(settings: Settings, call: Call) -> Admitted | Refused:
    """Return how a call is kept, or why there will be no job."""
    try:
        return _admit(settings, call)
    except CumulusError as error:
        data: dict[str, JsonValue] = {**error.about}
        if error.path is not None:
            data["path"] = error.path
        return Refused(code=error.type, message=error.message, data=data)
