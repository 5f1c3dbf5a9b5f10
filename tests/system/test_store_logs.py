"""What every engine of the store promises: the packets of a job."""

from __future__ import annotations

import pytest
from new_jobs import new_id
from stored import DONE, log_of, record_of, started, texts

from harpcaller.store import (
    Fenced,
    Store,
)
from protocol.jsontext import JsonText


async def test_packets_are_read_as_they_were_appended(store: Store) -> None:
    """P4, P5: dense, in order, the same texts."""
    claim = await started(store)
    odd = texts('"\\n"', '"\u2028"', "{}", "12345678901234567890123", "1.50")

    await store.append(claim, 0, odd[:2])
    await store.append(claim, 2, odd[2:])

    assert await log_of(store, claim.job_id) == odd
    assert (await record_of(store, claim.job_id)).packets == 5


async def test_appending_the_same_numbers_again_changes_nothing(store: Store) -> None:
    """Whoever lost the answer repeats the lot, or a longer one."""
    claim = await started(store)
    await store.append(claim, 0, texts("0", "1"))

    await store.append(claim, 0, texts("0", "1"))
    await store.append(claim, 1, texts("1", "2"))

    assert await log_of(store, claim.job_id) == texts("0", "1", "2")


async def test_a_gap_in_the_numbers_is_an_error(store: Store) -> None:
    """P4: it would be a bug of ours, and nobody must read past it."""
    claim = await started(store)

    with pytest.raises(ValueError, match="packet 1 of a log that ends before 0"):
        await store.append(claim, 1, texts("1"))

    assert await log_of(store, claim.job_id) == []


async def test_no_packet_follows_the_end(store: Store) -> None:
    """P4, G7."""
    claim = await started(store)
    await store.finish(claim, DONE, 0, texts("0"))

    with pytest.raises(Fenced):
        await store.append(claim, 1, texts("1"))

    assert await log_of(store, claim.job_id) == texts("0")


async def test_a_page_of_the_log_is_bounded_and_has_at_least_one(store: Store) -> None:
    """A reader costs one chunk, however long the log and its packets."""
    claim = await started(store)
    large = JsonText(b'"' + b"x" * 100_000 + b'"')
    await store.append(claim, 0, [*texts("0", "1", "2"), large, large])
    await store.append(claim, 5, texts("5"))
    job_id = claim.job_id

    async def page(since: int, packets: int, size: int) -> list[bytes]:
        found = await store.read_log(job_id, since, max_packets=packets, max_bytes=size)
        assert found.first == since
        return list(found.packets)

    assert await page(1, 1, 1000) == texts("1")
    assert await page(1, 9, 1000) == texts("1", "2")
    assert await page(0, 9, 2) == texts("0", "1")
    assert await page(3, 9, 10) == [large]
    assert await page(4, 9, 10**6) == [large, *texts("5")]
    assert await page(6, 9, 10**6) == []
    assert await page(7, 9, 10**6) == []


async def test_an_unknown_job_has_an_empty_log(store: Store) -> None:
    """A job may be pruned between two pages."""
    assert await log_of(store, new_id()) == []
