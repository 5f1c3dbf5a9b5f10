"""Services that are plain procedures, or behind HTTP."""

from __future__ import annotations

import attrs
import pytest
from harmony_chained import a_step, chained
from harmony_corpus import operation
from harmony_requests import COPY
from harmony_runs import World, a_call, carried_out

from harpcaller.adapters.harmony.bindings import Reach
from harpcaller.adapters.harmony.operations import Operation

ASYNC_3 = operation("async-3.json")
CONCATENATE = (Operation.CONCATENATE,)


TWO = (a_step(1), a_step(2))


# ── other ways to reach a service ──
@pytest.mark.parametrize("reach", [Reach.METHOD, Reach.HTTP])
def test_a_plain_procedure_gives_hrefs(reach: Reach) -> None:
    """It needs no STAC: extent and time are those of its input."""
    loaded = chained(a_step(1), reach=reach, url="http://h/")
    world = World(answer=lambda key, _: {"result": f"s3://b/{key[:5]}.png"})

    failure, result = carried_out(a_call(COPY, ASYNC_3), world, loaded)

    assert failure == ""
    assert result["outputs"][0]["type"] == "image/png"
    assert result["outputs"][0]["bbox"] == [-180, -90, 180, 90]


def test_a_plain_procedure_may_give_nonsense() -> None:
    """It will not get better."""
    loaded = chained(a_step(1), reach=Reach.METHOD)
    world = World(answer=lambda *_: {"result": 7})

    failure, _ = carried_out(a_call(COPY, operation("sync-1.json")), world, loaded)

    assert failure == "Service: copy: its result is no href, and no list of them"
    assert len(world.calls) == 1


@pytest.mark.parametrize(
    ("kind", "calls", "end"),
    [
        ("Forbidden", 1, "Forbidden: copy: m"),
        ("NoRetry", 1, "NoRetry: copy: m"),
        ("Server", 2, "Server: copy: m"),
        ("ValueError", 2, "Unknown: copy: m"),
        ("NoData", 1, "NoData: No data found to process"),
    ],
)
def test_exceptions_may_have_the_words_of_the_library(
    kind: str, calls: int, end: str
) -> None:
    """The worker's procedure for HTTP services raises them."""
    loaded = attrs.evolve(chained(a_step(1), reach=Reach.HTTP), retry_limit=1)
    world = World(answer=lambda *_: {"exception": {"type": kind, "message": "m"}})

    failure, _ = carried_out(a_call(COPY, operation("sync-1.json")), world, loaded)

    assert failure == end
    assert len(world.calls) == calls
