"""The checks of a worker's log find each way to start calls wrongly."""

from __future__ import annotations

import itertools

from logging_worker import BEGUN, CLOSED, ENDED, Entry
from starts import crowds, double_starts, overtakings
from told import Asked


def calls(*tags: str, concurrency: int = 1, retries: int = 0) -> dict[str, Asked]:
    """Return calls of one queue, submitted in this order."""
    return {
        tag: Asked(
            place=place,
            tag=tag,
            host="h",
            procedure="answer",
            arguments={},
            queue="q",
            concurrency=concurrency,
            retries=retries,
        )
        for place, tag in enumerate(tags)
    }


def log(*lines: str) -> list[Entry]:
    """Return entries, a second apart, of lines such as "begun a 1"."""
    times = itertools.count()
    return [
        Entry(at=at, event=event, job_id=f"id of {tag}", fence=int(fence), tag=tag)
        for at, (event, tag, fence) in zip(times, map(str.split, lines), strict=False)
    ]


ONE_BY_ONE = log("begun a 1", "ended a 1", "begun b 1", "ended b 1")


def test_a_queue_that_works_breaks_nothing() -> None:
    """A check that always complains shows nothing."""
    asked = calls("a", "b")

    assert double_starts(ONE_BY_ONE, asked) == []
    assert overtakings(ONE_BY_ONE, asked) == []
    assert crowds(ONE_BY_ONE, asked) == []


def test_a_second_start_is_noticed() -> None:
    """P2: nothing runs twice that did not ask for it."""
    again = log("begun a 1", "closed a 1", "begun a 2")

    assert double_starts(again, calls("a"))
    assert not double_starts(again, calls("a", retries=1))


def test_two_starts_under_one_fence_are_noticed() -> None:
    """A fence is of one start: a late write of the first would count."""
    again = log("begun a 1", "closed a 1", "begun a 1")

    assert double_starts(again, calls("a", retries=5))


def test_overtaking_is_noticed() -> None:
    """P3: starts follow the order of submission."""
    assert overtakings(ONE_BY_ONE, calls("b", "a"))


def test_a_lost_job_counts_as_started_when_its_dispatcher_died() -> None:
    """A job that waits behind another cannot be lost before it."""
    asked = calls("a", "b")
    later = [Entry(at=9, event=BEGUN, job_id="id of a", fence=1, tag="a")]

    assert overtakings(later, asked, lost=[(1, "b")])
    assert not overtakings(later, asked, lost=[(10, "b")])


def test_jobs_on_their_way_together_may_arrive_in_another_order() -> None:
    """With two slots, two connections are made at a time."""
    asked = calls("a", "b", "c", concurrency=2)

    assert not overtakings(log("begun b 1", "begun a 1", "begun c 1"), asked)
    assert overtakings(log("begun c 1", "begun a 1", "begun b 1"), asked)


def test_a_call_cancelled_on_its_way_may_arrive_behind_its_successor() -> None:
    """They come by two connections; the worker reads them as it likes."""
    asked = calls("a", "b")
    begun = [
        Entry(at=1.0, event=BEGUN, job_id="id of b", fence=1, tag="b"),
        Entry(at=1.1, event=BEGUN, job_id="id of a", fence=1, tag="a"),
    ]
    closed = Entry(at=1.1, event=CLOSED, job_id="id of a", fence=1, tag="a")

    assert overtakings(begun, asked)
    assert not overtakings([*begun, closed], asked)


def test_more_than_the_concurrency_is_noticed() -> None:
    """P3: never more than that."""
    together = log("begun a 1", "begun b 1", "ended a 1", "ended b 1")

    assert crowds(together, calls("a", "b"))
    assert not crowds(together, calls("a", "b", concurrency=2))


def test_a_call_that_the_dispatcher_left_holds_no_slot() -> None:
    """The worker may hear of its end a little later than of the successor."""
    asked = calls("a", "b")
    soon = Entry(at=1.1, event=CLOSED, job_id="id of a", fence=1, tag="a")
    late = Entry(at=9, event=CLOSED, job_id="id of a", fence=1, tag="a")
    end = Entry(at=1.1, event=ENDED, job_id="id of a", fence=1, tag="a")
    both = log("begun a 1", "begun b 1")

    assert not crowds([*both, soon], asked)
    assert crowds([*both, late], asked)
    assert crowds([*both, end], asked)
