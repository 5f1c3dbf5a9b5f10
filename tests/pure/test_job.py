"""Job ids, and the states a job may go through."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.job import TRANSITIONS, State, read_job_id


@given(st.uuids())
def test_a_uuid_is_an_id_whatever_its_case(job_id: uuid.UUID) -> None:
    """People paste ids from programs that print capitals."""
    assert read_job_id(str(job_id)) == str(job_id)
    assert read_job_id(str(job_id).upper()) == str(job_id)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "../../etc/passwd",
        "00000000000000000000000000000000",
        "{00000000-0000-0000-0000-000000000000}",
        "00000000-0000-0000-0000-000000000000\n",
        "0000000g-0000-0000-0000-000000000000",
        "\u06600000000-0000-0000-0000-000000000000",
    ],
)
def test_anything_else_is_no_id(text: str) -> None:
    """Such an id names no job; it must not reach the store."""
    assert read_job_id(text) is None


def test_a_job_that_ended_goes_nowhere() -> None:
    """Promise P2: one end, and it never changes."""
    assert not [pair for pair in TRANSITIONS if pair[0] is State.ENDED]


def test_a_job_moves_only_where_the_picture_says() -> None:
    """Every pair of states is either drawn above the table or impossible."""
    begun = {(None, State.QUEUED), (None, State.RUNNING)}
    moves = {(old, new) for old in State for new in State} - {
        (old, old) for old in State
    }
    impossible = {(State.ENDED, State.QUEUED), (State.ENDED, State.RUNNING)}

    assert begun | (moves - impossible) == TRANSITIONS
