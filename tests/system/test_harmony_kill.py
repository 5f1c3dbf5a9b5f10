"""`kill -9` at any instant of a request: nothing is lost, and little is told twice."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from daemon_process import unmeasured
from harmony_daemon import HarmonyDaemon, most_live, running_harmony
from torment import campaign, seed

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(3600)]

KILLS = 50
LONGEST_S = 2.0  # a request takes about twice as long
KILLS_OF_ONE = 3  # as often as a call that was lost is made again
BATCHES = 20


def a_message(harmony: HarmonyDaemon) -> dict[str, Any]:
    """Return a message whose two steps have twenty batches each."""
    message = harmony.message("chain-3.json")
    (source,) = message["sources"]
    granule = source["granules"][0]
    granules = [
        {
            **granule,
            "id": f"G{number}",
            "name": f"g{number}.nc",
            "url": f"https://h/g{number}.nc",
        }
        for number in range(BATCHES)
    ]
    return {**message, "sources": [{**source, "granules": granules}]}


def test_kills_at_random_instants_lose_no_output(tmp_path: Path) -> None:
    """Each output is posted; after its acknowledgement is durable never again."""
    chance = random.Random(seed())  # noqa: S311 (to be repeated, not secret)

    with running_harmony(tmp_path, below=unmeasured()) as harmony:
        left = campaign(KILLS)
        while left > 0:
            message = a_message(harmony)
            job_id = harmony.submit("test/chain", message)
            kills = min(left, KILLS_OF_ONE)
            left -= kills
            for _ in range(kills):
                time.sleep(chance.uniform(0, LONGEST_S))
                harmony.daemon.restart()
            survive(harmony, job_id, message, kills)


def survive(
    harmony: HarmonyDaemon, job_id: str, message: Mapping[str, Any], kills: int
) -> None:
    """Check how a request ended that may have been killed so often on its way."""
    outcome = harmony.outcome(job_id)
    assert outcome["result"]["status"] == "successful", outcome
    posts = harmony.posts(message)
    hrefs = Counter(post["item[href]"] for post in posts if "item[href]" in post)
    assert len(hrefs) == BATCHES
    # What was being posted at a kill had not been acknowledged durably.
    assert sum(hrefs.values()) <= BATCHES + kills
    ends = [post for post in posts if "status" in post]
    assert 1 <= len(ends) <= 1 + kills
    assert ends == posts[-len(ends) :]
    assert ends[0] == {"status": "successful"}
    acknowledged_once(harmony.packets(job_id))
    assert most_live(harmony.packets(job_id)) <= 2


def acknowledged_once(packets: Sequence[Any]) -> None:
    """Check that each post has one answer in the journal."""
    answers = Counter(
        packet["key"] for packet in packets if packet.get("event") == "posted"
    )
    assert set(answers.values()) == {1}
