"""What ended jobs had come to is kept while there is room for it."""

from __future__ import annotations

from harpcaller.adapters.panoptes.workflow import Workflow
from harpcaller.runners.shelf import MAX_JOBS, MAX_PACKETS, Shelf
from protocol.call import Call
from protocol.job import JobId
from protocol.jsontext import JsonText

CALL = Call(host="@panoptes", procedure="workflow", arguments=JsonText(b"{}"))


def kept(shelf: Shelf, count: int) -> list[int]:
    """Return which of the first jobs are still there, without asking twice."""
    return [n for n in range(count) if shelf.find(JobId(str(n))) is not None]


def test_what_was_not_asked_for_longest_goes_first() -> None:
    """A list of workflows is asked for again and again."""
    shelf, first = Shelf(), Workflow(CALL)
    shelf.put(JobId("0"), first, 1)
    for number in range(1, MAX_JOBS):
        shelf.put(JobId(str(number)), Workflow(CALL), 1)

    assert shelf.find(JobId("0")) is first
    shelf.put(JobId("new"), Workflow(CALL), 1)
    shelf.put(JobId("new"), first, 1)

    assert shelf.find(JobId("1")) is None
    assert shelf.find(JobId("new")) is not first
    assert len(kept(shelf, MAX_JOBS)) == MAX_JOBS - 1


def test_long_logs_have_their_bound() -> None:
    """Memory does not grow with what is stored."""
    shelf = Shelf()
    shelf.put(JobId("0"), Workflow(CALL), MAX_PACKETS)
    shelf.put(JobId("1"), Workflow(CALL), MAX_PACKETS + 1)
    assert kept(shelf, 2) == [0]

    shelf.put(JobId("2"), Workflow(CALL), 1)

    assert kept(shelf, 3) == [2]
