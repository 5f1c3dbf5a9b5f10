"""Makes the machine of a job, out of what was kept with it when it began."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from harpcaller.adapters.harmony.delivery import Delivery
from harpcaller.adapters.harmony.endings import Category
from harpcaller.adapters.harmony.intakes import Intake
from harpcaller.adapters.harmony.keeping import NotKept, restore
from harpcaller.adapters.harmony.machine import HarmonyMachine
from harpcaller.adapters.harmony.requests import Request, read_request
from harpcaller.adapters.harmony.settings import Dialect, Settings
from harpcaller.adapters.harmony.sources import overridden, read_sources
from harpcaller.adapters.machine import Action, End, Event, Machine
from protocol.call import Call
from protocol.errors import ErrorType, WireError
from protocol.job import JobId
from protocol.jsontext import decode
from protocol.outcome import Failed, Outcome, Raised


@attrs.frozen
class Ending:
    """A machine that ends at once."""

    outcome: Outcome

    def start(self, at: float) -> Sequence[Action]:
        """End."""
        return [End(self.outcome)]

    def on(self, event: Event) -> Sequence[Action]:
        """Do nothing: it has ended."""
        return []


def make_machine(kept: bytes, job_id: JobId, call: Call) -> Machine:
    """Return the machine that carries a call out."""
    try:
        settings = restore(kept)
    except (NotKept, KeyError):
        message = "its settings were kept by a dispatcher of another version"
        return Ending(Failed(type=ErrorType.MISSING_RESULT, message=message))
    return machine_for(settings, job_id, call)


def machine_for(settings: Settings, job_id: JobId, call: Call) -> Machine:
    """Return the machine of a call that goes by `settings`."""
    try:
        request = read_request(
            settings, call.procedure, decode(call.arguments), Intake.LINE
        )
    except WireError as error:  # what the client sealed hides what is needed
        return Ending(Raised(type=Category.NO_RETRY, message=error.message))
    delivery = Delivery(job_id, _callback(request), _origins(settings))
    return HarmonyMachine(settings, request, job_id, delivery)


def _callback(request: Request) -> str | None:
    """Return where Harmony wants to be told, or what stands for it."""
    if request.options.dialect is Dialect.NONE:
        return None
    operation = request.operation
    fields: Mapping[str, Any] = operation if isinstance(operation, dict) else {}
    callback = overridden(fields, read_sources(request.sources)).get("callback")
    return callback if isinstance(callback, str) else None


def _origins(settings: Settings) -> tuple[str, ...]:
    return tuple(place.text for place in settings.callback_allow)
