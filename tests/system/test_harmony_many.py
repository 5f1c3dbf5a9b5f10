"""Ten thousand granules in batches of a hundred: time, room, and each told once."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import attrs
import pytest
from harmony_corpus import operation, settings
from harmony_daemon import HarmonyDaemon, most_live, running_harmony
from harmony_requests import COPY, calls, judged
from torment import campaign

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(3600)]

GRANULES = 10_000
A_FEW = 300  # where there is no time for a whole campaign
BATCH_SIZE = 100
MAX_GROWTH_BYTES = 300 * 2**20
MAX_PLAN_S = 15  # of the processor; the target is 5, on a machine of our own
SOURCE = "C1233800302-EEDTEST"


def granules(count: int) -> list[dict[str, Any]]:
    """Return so many granules, as short as they can be."""
    return [
        {"id": f"G{n}", "name": f"g{n}.nc", "url": f"https://h/g{n}.nc"}
        for n in range(count)
    ]


def test_ten_thousand_granules_are_planned_at_once() -> None:
    """H-28: whoever sends them waits for the answer."""
    sources = [{"collection": SOURCE, "granules": granules(GRANULES)}]
    message = operation("async-2.json", sources=sources)
    loaded = settings()
    chain = attrs.evolve(loaded.chains[COPY], batch_size=BATCH_SIZE)
    loaded = attrs.evolve(loaded, chains={COPY: chain})
    began_s = time.process_time()

    planned = calls(loaded, judged(loaded, COPY, message))

    assert time.process_time() - began_s < MAX_PLAN_S
    assert len(planned) == GRANULES // BATCH_SIZE


def test_every_output_of_a_large_request_is_told_once(tmp_path: Path) -> None:
    """H-28: and the dispatcher keeps to its room and to the limit of the queue."""
    count = GRANULES if campaign(10) == 10 else A_FEW
    with running_harmony(tmp_path) as harmony:
        message = harmony.message("async-2.json")
        message["sources"] = [{"collection": SOURCE, "granules": granules(count)}]
        before = resident(harmony)

        job_id = harmony.submit("test/many", message)
        outcome = harmony.outcome(job_id, within_s=3000)

        assert outcome["result"]["status"] == "successful"
        hrefs = Counter(
            post["item[href]"] for post in harmony.posts(message) if len(post) > 1
        )
        assert len(hrefs) == count
        assert set(hrefs.values()) == {1}
        packets = harmony.packets(job_id)
        assert len(harmony.calls(job_id)) == -(-count // BATCH_SIZE)
        assert most_live(packets) <= 4
        assert resident(harmony) - before < MAX_GROWTH_BYTES


def resident(harmony: HarmonyDaemon) -> int:
    """Return how much memory the dispatcher has had at most, in bytes."""
    status = Path(f"/proc/{harmony.daemon.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024
