"""Ten thousand granules in batches of a hundred: room, and each told once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from harmony_daemon import HarmonyDaemon, most_live, running_harmony
from torment import campaign

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(3600)]

GRANULES = 10_000
A_FEW = 300  # where there is no time for a whole campaign
BATCH_SIZE = 100
MAX_GROWTH_BYTES = 300 * 2**20
SOURCE = "C1233800302-EEDTEST"


def granules(count: int) -> list[dict[str, Any]]:
    """Return so many granules, as short as they can be."""
    return [
        {"id": f"G{n}", "name": f"g{n}.nc", "url": f"https://h/g{n}.nc"}
        for n in range(count)
    ]


def test_every_output_of_a_large_request_is_told_once(tmp_path: Path) -> None:
    """H-28: the dispatcher keeps to its room, and to the limit of the queue."""
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
