"""A call to `@harmony` judged by itself: how it is kept, or why it is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from harpcaller.adapters.adapter import Admitted, Refused
from harpcaller.adapters.harmony.intakes import Intake
from harpcaller.adapters.harmony.judging import judge
from harpcaller.adapters.harmony.message import SECRETS
from harpcaller.adapters.harmony.reading import take_object
from harpcaller.adapters.harmony.refusals import Refusal
from harpcaller.adapters.harmony.requests import Request, read_request
from harpcaller.adapters.harmony.settings import Settings
from harpcaller.adapters.harmony.sources import overridden, read_sources
from protocol.call import MASK, Call, unseal
from protocol.errors import WireError
from protocol.jsontext import decode

_QUEUE_KEY: Final = "harmony"  # of the children's queues
_DIGEST_CHARACTERS: Final = 12
_SHOWN_CHARACTERS: Final = 80  # of a name


def admit(settings: Settings, call: Call) -> Admitted | Refused:
    """Return how the call is kept; what needs reading is judged in the job."""
    if _waits_for_itself(call):
        message = 'the name of a queue may not have the key "harmony"'
        return Refused(code="queue", message=message, data={"field": "queue.name"})
    arguments = decode(unseal(call.arguments, call.sealed))
    try:
        request = read_request(settings, call.procedure, arguments, Intake.LINE)
        judge(settings, request, {})
    except WireError as error:
        return Refused(
            code="arguments", message=error.message, data=dict(error.data or {})
        )
    except Refusal as refusal:
        return _refused(refusal)
    limit_s = settings.max_exec_s
    return Admitted(
        max_exec_s=limit_s
        if call.max_exec_s is None
        else min(limit_s, call.max_exec_s),
        sealed=_sealed(arguments, call),
        label=_label(request, [each.pointer for each in call.sealed]),
    )


def _waits_for_itself(call: Call) -> bool:
    """Tell whether the call would hold a slot that its own children need."""
    if call.queue is None:
        return False
    name = decode(call.queue.name)
    return isinstance(name, dict) and _QUEUE_KEY in name


def _refused(refusal: Refusal) -> Refused:
    return Refused(
        code=refusal.code,
        message=refusal.message,
        data={"status": refusal.status, "details": refusal.data["details"]},
    )


def _sealed(arguments: Any, call: Call) -> tuple[str, ...]:
    """Return the client's pointers and ours, none of them within another."""
    own = [each.pointer for each in call.sealed]
    found = [
        pointer
        for pointer in _secrets(arguments)
        if not any(f"{pointer}/".startswith(f"{outer}/") for outer in own)
    ]
    return (*own, *found)


def _secrets(arguments: Mapping[str, Any]) -> Iterator[str]:
    for name in ("operation", "sources"):
        holder = arguments.get(name)
        if isinstance(holder, dict):
            yield from (f"/{name}/{field}" for field in SECRETS if field in holder)


def _label(request: Request, sealed: Sequence[str]) -> str:
    """Return what a log may say of a request: not what its client has sealed.

    Who knows the callback's URL can find the run by its digest.
    """
    sources = read_sources(request.sources)
    fields = overridden(take_object(request.operation), sources)
    words = [fields["requestId"]]
    for name in ("user", "client"):
        is_sealed = any(_covers(pointer, name) for pointer in sealed)
        words.append(MASK if is_sealed else fields[name][:_SHOWN_CHARACTERS])
    if "callback" in fields:
        digest = hashlib.sha256(fields["callback"].encode()).hexdigest()
        words.append(digest[:_DIGEST_CHARACTERS])
    return " ".join(words)


def _covers(pointer: str, name: str) -> bool:
    """Tell whether a sealed place is that of a field, or has it within."""
    places = (f"/operation/{name}/", f"/sources/{name}/")
    return any(place.startswith(f"{pointer}/") for place in places)
