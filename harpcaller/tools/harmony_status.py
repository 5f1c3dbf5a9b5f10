"""`harp-harmony status`: a job's stream folded into how far each step has come."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final

import attrs

from harpcaller.client import CallError, Cancelled, Job, Packet, Page, RemoteException
from indira.cli import Exit
from protocol.jsontext import JsonValue, encode

_CALL: Final = re.compile(r"(?P<unit>s(?P<step>[0-9]+)\.[^/]+)/a(?P<attempt>[0-9]+)")
_RUNNING: Final = "running"


@attrs.define
class _Unit:
    """A unit, and the calls that were made for it."""

    step: int
    state: str = _RUNNING
    told: dict[str, Any] = attrs.field(factory=dict)
    calls: dict[str, dict[str, Any]] = attrs.field(factory=dict)

    def value(self, key: str) -> JsonValue:
        """Return what is printed of it."""
        about = {"key": key, "step": self.step, "state": self.state}
        return {**about, **self.told, "attempts": list(self.calls.values())}


@attrs.define
class Fold:
    """What the packets of one job tell, read in order."""

    job_id: str
    accepted: dict[str, Any] = attrs.field(factory=dict)
    percent: int = 0
    warnings: list[str] = attrs.field(factory=list)
    units: dict[str, _Unit] = attrs.field(factory=dict)

    def read(self, packets: Iterable[Packet]) -> None:
        """Take in the next packets; those of other versions tell nothing."""
        for _, data in packets:
            match data:
                case {"harmony": "accepted"}:
                    self.accepted = _without(data, "harmony")
                case {"harmony": "call", "key": str(key)}:
                    self._call(key).update(_without(data, "harmony", "key"))
                case {"harmony": "unit", "key": str(key), "state": str(state)}:
                    unit = self._unit(key)
                    unit.state = state
                    unit.told = _without(data, "harmony", "key", "state")
                case {"harmony": "progress", "percent": int(percent)}:
                    self.percent = percent
                case {"harmony": "warning", "text": str(text)}:
                    self.warnings.append(text)
                case {"event": "ended", "key": str(key)} if _CALL.match(key):
                    self._call(key).update(_end(data))

    def value(self, state: str) -> JsonValue:
        """Return all of it; `state` is how the job stands."""
        steps = {unit.step for unit in self.units.values()}
        return {
            "job_id": self.job_id,
            "state": state,
            **self.accepted,
            "percent": self.percent,
            "by_step": [self._step(step) for step in sorted(steps)],
            "units": [unit.value(key) for key, unit in self.units.items()],
            "warnings": [*self.warnings],
        }

    def _step(self, step: int) -> JsonValue:
        units = [unit for unit in self.units.values() if unit.step == step]
        ends = [call.get("seconds") for unit in units for call in unit.calls.values()]
        durations = [seconds for seconds in ends if seconds is not None]
        return {
            "step": step,
            "units": dict(Counter(unit.state for unit in units)),
            "attempts": len(ends),
            "seconds": round(sum(durations), 3),
        }

    def _unit(self, key: str) -> _Unit:
        step = re.match(r"s([0-9]+)", key)
        return self.units.setdefault(key, _Unit(int(step[1]) if step else 0))

    def _call(self, key: str) -> dict[str, Any]:
        # An attempt's job has an ID that anybody can work out.
        unit = key.partition("/")[0]
        child = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.job_id}/{key}"))
        about = {"key": key, "job_id": child, "state": _RUNNING}
        return self._unit(unit).calls.setdefault(key, about)


def tell_status(job: Job, write: Callable[[str], object]) -> int:
    """Print how far a job has come, as one JSON value.

    Raises:
        ClientError: it cannot be asked.
    """
    fold = Fold(job.id)
    page = job.read()
    fold.read(page.packets)
    while page.packets and not page.is_last:
        page = job.read(page.next)
        fold.read(page.packets)
    write(f"{encode(fold.value(_state(page))).decode()}\n")
    return Exit.OK


def _without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def _end(facts: dict[str, Any]) -> dict[str, Any]:
    """Return what an event tells of a call that ended."""
    began_at, ended_at = facts.get("started_at"), facts.get("ended_at")
    seconds = None
    if isinstance(began_at, int | float) and isinstance(ended_at, int | float):
        seconds = round(ended_at - began_at, 3)
    return {"state": "ended", "seconds": seconds}


def _state(page: Page) -> str:
    if not page.is_last:
        return _RUNNING
    try:
        result = page.result()
    except Cancelled:
        return "cancelled"
    except RemoteException as error:
        result = error.data
    except CallError as error:
        return error.type
    return str(result["status"]) if isinstance(result, dict) else "failed"
