"""What becomes of a call to an adapter before it is a job."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import attrs

from harpcaller.adapters.adapter import Admitted, Refused
from harpcaller.runners.installed import Installed
from harpcaller.store import NewJob, OnLoss
from protocol.call import Call, seal, unseal
from protocol.errors import ErrorType, WireError
from protocol.fields import refuse
from protocol.job import JobId
from protocol.jsontext import decode, encode

# An adapter looks at every value of a larger call: not in the loop.
LARGE_CALL_BYTES: Final = 32 * 1024


@attrs.frozen
class Parent:
    """A call that an adapter has admitted, all that is secret in it sealed."""

    call: Call
    timeout_s: float
    max_exec_s: float
    label: str | None
    on_loss: OnLoss = OnLoss.RESUME

    def new_job(self, job_id: JobId, identity: str) -> NewJob:
        """Return the job that it makes; the core's limits are none of its."""
        return NewJob(
            job_id=job_id,
            call=self.call,
            timeout_s=self.timeout_s,
            max_exec_s=self.max_exec_s,
            identity=identity,
            label=self.label,
            on_loss=self.on_loss,
        )


def admit(installed: Installed, call: Call) -> Parent:
    """Return a call to an adapter as it is kept; it may take long for a large one.

    Raises:
        WireError: `invalid_request`, it is not for an adapter, or this one refuses it.
    """
    if call.timeout_s is not None:
        refuse("timeout", "nothing: an adapter's job has max_exec_time only")
    if call.retries:
        refuse("retries", "nothing: an adapter's job goes on after a restart by itself")
    whole = attrs.evolve(call, arguments=unseal(call.arguments, call.sealed))
    verdict = installed.adapter.admit(installed.settings, whole)
    match verdict:
        case Refused(code=code, message=message, data=data):
            raise WireError(ErrorType.INVALID_REQUEST, message, {"code": code, **data})
        case Admitted(sealed=pointers, max_exec_s=max_exec_s, label=label):
            arguments = decode(whole.arguments)
            sealed = seal(arguments, _outermost(pointers))
            kept = attrs.evolve(call, arguments=encode(arguments), sealed=sealed)
            is_fed = installed.adapter.fed is not None
            on_loss = OnLoss.FED if is_fed else OnLoss.RESUME
            # What is fed has no end of its own: it is given up when it is silent.
            limit_s = math.inf if is_fed else max_exec_s
            return Parent(kept, max_exec_s, limit_s, label, on_loss)


def _outermost(pointers: Iterable[str]) -> list[str]:
    """Return the pointers that do not point into what another one points to."""
    kept: list[str] = []
    for pointer in sorted(set(pointers), key=lambda one: one.split("/")):
        if not kept or not pointer.startswith(f"{kept[-1]}/"):
            kept.append(pointer)
    return kept
