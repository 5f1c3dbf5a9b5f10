"""What a machine waits for, and which of its Notes are in the log already."""

from __future__ import annotations

import pytest

from harpcaller.adapters.agenda import Agenda, Changes, NotAsked
from harpcaller.adapters.machine import (
    Cancel,
    Cancelled,
    End,
    Note,
    Reason,
    Saved,
    Sleep,
    Slept,
    Submit,
)
from protocol.call import Call
from protocol.jsontext import JsonText, encode
from protocol.outcome import Returned

NAP = Sleep(key="nap", seconds=1)
CHILD = Submit(
    key="child", call=Call(host="h", procedure="p", arguments=JsonText(b"[]"))
)
DONE = Returned(JsonText(b"1"))
ONE, TWO, THREE = (encode(number) for number in (1, 2, 3))


def test_what_was_answered_is_no_longer_open() -> None:
    """The books are bounded by what the machine wants at one time."""
    agenda = Agenda()

    assert agenda.take([NAP, CHILD]) == Changes(opened=(NAP, CHILD))
    agenda.answer(Slept(key="nap", at=1))

    assert agenda.open == {"child": CHILD}
    assert agenda.resumed() == Changes(opened=(CHILD,))


@pytest.mark.parametrize(
    "event",
    [Slept(key="child", at=1), Slept(key="other", at=1), Saved(key="nap", at=1)],
)
def test_what_was_not_asked_for_is_refused(event: Slept | Saved) -> None:
    """A log that this machine cannot have caused was written by another version."""
    agenda = Agenda()
    agenda.take([NAP, CHILD])

    with pytest.raises(NotAsked):
        agenda.answer(event)


def test_nothing_is_told_to_a_machine_that_has_ended() -> None:
    """What stands behind the End is not done either."""
    agenda = Agenda()

    changes = agenda.take([CHILD, End(DONE), NAP])

    assert changes == Changes(opened=(CHILD,))
    assert agenda.end == DONE
    with pytest.raises(NotAsked):
        agenda.answer(Slept(key="nap", at=1))


def test_a_sleep_that_is_given_up_is_not_answered_and_a_child_is() -> None:
    """A child has its end whatever the parent wants; it is kept in its log."""
    agenda = Agenda()
    agenda.take([NAP, CHILD])

    changes = agenda.take([Cancel(key="nap"), Cancel(key="child"), Cancel(key="gone")])

    assert changes == Changes(dropped=("nap",), unwanted=("child",))
    assert agenda.resumed() == Changes(opened=(CHILD,), unwanted=("child",))


def test_a_note_is_written_once() -> None:
    """The n-th Note of the machine is the n-th in the log."""
    agenda = Agenda()
    agenda.take([Note(ONE), Note(TWO)])
    agenda.find_note()

    assert agenda.notes() == [TWO]
    assert agenda.notes() == []


def test_notes_of_a_chattier_version_are_taken_as_written() -> None:
    """They are no reason to end a parent that runs for hours."""
    agenda = Agenda()
    agenda.find_note()
    agenda.find_note()

    agenda.take([Note(ONE), Note(TWO), Note(THREE)])

    assert agenda.notes() == [THREE]


def test_a_wish_of_the_clients_outweighs_a_limit() -> None:
    """He was told that it is cancelled."""
    agenda = Agenda()

    for reason in (Reason.MAX_EXEC_TIME, Reason.CLIENT, Reason.MAX_EXEC_TIME):
        agenda.answer(Cancelled(at=1, reason=reason))

    assert agenda.cancelled is Reason.CLIENT


def test_bugs_of_a_machine_are_not_passed_over() -> None:
    """Its log could not be replayed."""
    agenda = Agenda()
    agenda.take([NAP])

    with pytest.raises(ValueError, match="'nap'"):
        agenda.take([NAP])
    with pytest.raises(ValueError, match="event"):
        agenda.take([Note(encode({"event": "slept"}))])
