"""Services of Harmony with steps of the tests' own."""

from __future__ import annotations

from typing import Any

import attrs
from harmony_requests import COPY, chain_with

from harpcaller.adapters.harmony.chains import Step
from harpcaller.adapters.harmony.settings import Settings


def chained(*steps: Step, work_dir: str | None = None, **binding: Any) -> Settings:
    """Return settings whose service has these steps; `binding` changes that of all."""
    loaded = chain_with()
    chain = attrs.evolve(loaded.chains[COPY], steps=steps, parallelism=2)
    shared = {"is_shared": work_dir is not None, **binding}
    bound = attrs.evolve(loaded.bindings[COPY], **shared)
    return attrs.evolve(
        loaded,
        chains={COPY: chain},
        bindings={COPY: bound},
        work_dir=work_dir,
    )


def a_step(number: int, **fields: Any) -> Step:
    """Return a step of the one image there is."""
    return Step(number=number, image=COPY, **fields)
