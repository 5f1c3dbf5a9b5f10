"""The names of what runs: keys of units and calls, places in the run directory."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Unit:
    """One batch, or one catalog made from it, at one step."""

    key: str
    step: int  # from 1, of the steps that run
    batch: int  # from 0

    def call_key(self, attempt: int) -> str:
        """Return the key of one attempt; it makes the child's id."""
        return f"{self.key}/a{attempt}"


def first_unit(batch: int) -> Unit:
    """Return the unit of a batch at the first step."""
    return Unit(key=f"s1.b{batch}", step=1, batch=batch)


def next_unit(unit: Unit, catalog: int) -> Unit:
    """Return the unit of the next step for the n-th catalog that `unit` gave."""
    way = unit.key.partition(".")[2]
    step = unit.step + 1
    return Unit(key=f"s{step}.{way}.{catalog}", step=step, batch=unit.batch)


def aggregate_unit(step: int, number: int) -> Unit:
    """Return the unit of the n-th lot that an aggregating step gets."""
    return Unit(key=f"s{step}.a{number}", step=step, batch=number)


def unit_dir(work_dir: str, job_id: str, unit: Unit) -> str:
    """Return the directory of a unit; what it is made of has been checked."""
    return f"{work_dir}/{job_id}/{unit.key}"
