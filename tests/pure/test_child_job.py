"""The job that a parent's Submit makes."""

from __future__ import annotations

import attrs
import pytest

from harpcaller.adapters.machine import child_id
from harpcaller.dispatch.child import child_job
from harpcaller.store import Claim, OnLoss
from protocol.call import Call
from protocol.job import JobId, JobRecord, State
from protocol.jsontext import JsonText, JsonValue, decode, encode

PARENT = JobId("0190a3c0-0000-7000-8000-000000000000")
CALL = Call(host="h", procedure="p", arguments=JsonText(b"[]"), key="ours")
CLAIM = Claim(
    record=JobRecord(
        job_id=PARENT,
        state=State.RUNNING,
        host="@test",
        procedure="p",
        arguments=JsonText(b"[]"),
        timeout_s=600,
        max_exec_s=600,
        submitted_at=0,
        identity="alice",
    ),
    fence=3,
    on_loss=OnLoss.RESUME,
)


def test_a_child_is_the_same_job_each_time() -> None:
    """A Submit that is done again must meet the job of the first time."""
    child = child_job(CLAIM, "a", CALL, 60, 600)

    assert child == child_job(attrs.evolve(CLAIM, fence=4), "a", CALL, 60, 600)
    assert child.job_id == child_id(PARENT, "a")
    assert child.parent == PARENT
    assert child.call.key is None
    assert (child.timeout_s, child.max_exec_s) == (60, 600)


def test_who_may_see_the_parent_may_see_its_children() -> None:
    """They are done in his name."""
    assert child_job(CLAIM, "a", CALL, 60, 600).identity == "alice"


@pytest.mark.parametrize(("retries", "on_loss"), [(0, OnLoss.END), (2, OnLoss.RETRY)])
def test_a_child_is_lost_like_any_call(retries: int, on_loss: OnLoss) -> None:
    """Only its parent goes on after a restart."""
    call = attrs.evolve(CALL, retries=retries)

    assert child_job(CLAIM, "a", call, 60, 600).on_loss is on_loss


@pytest.mark.parametrize(
    ("info", "shown"),
    [
        (None, {}),
        ({"task": "sync"}, {"task": "sync"}),
        ({"parent": "imitated"}, {}),
        (["x"], {"info": ["x"]}),
    ],
)
def test_the_info_shows_whose_child_it_is(
    info: JsonValue, shown: dict[str, JsonValue]
) -> None:
    """Beside what the machine said."""
    call = attrs.evolve(CALL, info=encode(info))

    child = child_job(CLAIM, "a", call, 60, 600)

    assert decode(child.call.info) == {**shown, "parent": PARENT, "key": "a"}
