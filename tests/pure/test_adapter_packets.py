"""Events of adapters' machines as packets, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harpcaller.adapters.machine import (
    Cancelled,
    Ended,
    Event,
    Fetched,
    FetchFailed,
    Posted,
    Reason,
    Saved,
    SaveFailed,
    Slept,
    child_id,
)
from harpcaller.adapters.packets import (
    CHILD_GONE,
    UnknownEvent,
    event_packet,
    is_event,
    read_event,
)
from protocol.errors import ErrorType
from protocol.job import JobId, read_job_id
from protocol.jsontext import JsonText, decode, encode
from protocol.outcome import Cancelled as CancelledOutcome
from protocol.outcome import Failed, Returned

PARENT = JobId("0190a3c0-0000-7000-8000-000000000000")
CHILD = child_id(PARENT, "0.sync/a0")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
TIMES = st.floats(min_value=0, max_value=2**40)
ABOUT = {"key": TEXTS, "at": TIMES, "again": st.booleans()}
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        Ended,
        **ABOUT,
        job_id=st.just(CHILD),
        outcome=st.just(CHILD_GONE),
        started_at=st.none() | TIMES,
        ended_at=TIMES,
    ),
    st.builds(
        Ended,
        **ABOUT,
        job_id=st.just(CHILD),
        outcome=st.just(CancelledOutcome())
        | st.builds(Failed, type=st.just(ErrorType.OVERLOADED), message=TEXTS),
        started_at=st.none(),
        ended_at=st.none(),
    ),
    st.builds(Fetched, **ABOUT, body=st.just(b"")),
    st.builds(FetchFailed, **ABOUT, code=TEXTS, text=TEXTS),
    st.builds(Saved, **ABOUT),
    st.builds(SaveFailed, **ABOUT, code=TEXTS, text=TEXTS),
    st.builds(
        Posted,
        **ABOUT,
        status=st.none() | st.integers(100, 599),
        retry_after_s=st.none() | TIMES,
        body=st.just(b""),
    ),
    st.builds(Slept, **ABOUT),
    st.builds(Cancelled, at=TIMES, reason=st.sampled_from(Reason)),
)


@given(EVENTS)
def test_an_event_comes_back_from_its_packet(event: Event) -> None:
    """A replay tells the machine what it was told, but for the documents."""
    packet = event_packet(event)

    assert read_event(packet) == event
    assert is_event(packet)


def test_a_packet_holds_no_document_and_no_outcome_of_a_child() -> None:
    """Who reads the stream may read what the parent did, not what it carried."""
    ended = Ended(
        key="k",
        at=5.0,
        job_id=CHILD,
        outcome=Returned(encode("secret")),
        started_at=1.0,
        ended_at=4.0,
    )

    assert decode(event_packet(ended)) == {
        "event": "ended",
        "key": "k",
        "at": 5.0,
        "job_id": CHILD,
        "started_at": 1.0,
        "ended_at": 4.0,
    }
    fetched = event_packet(Fetched(key="k", at=5.0, again=True, body=b"secret"))
    assert decode(fetched) == {
        "event": "fetched",
        "key": "k",
        "at": 5.0,
        "again": True,
        "bytes": 6,
    }
    posted = Posted(key="k", at=5.0, status=200, retry_after_s=None, body=b"secret")
    assert event_packet(posted).find(b"secret") < 0


@pytest.mark.parametrize(
    "text",
    [
        b'{"event":"rung","key":"k","at":1}',
        b'{"event":"slept","key":"k"}',
        b'{"event":"slept","key":"k","at":"soon"}',
        b'{"event":"slept","at":1}',
        b'{"event":{},"key":"k","at":1}',
        b'{"event":"cancelled","at":1,"reason":"whim"}',
        b'{"event":"fetch_failed","key":"k","at":1}',
    ],
)
def test_an_event_of_another_version_is_told_as_such(text: bytes) -> None:
    """A machine must not be told half of what happened."""
    assert is_event(JsonText(text))
    with pytest.raises(UnknownEvent):
        read_event(JsonText(text))


@pytest.mark.parametrize("value", [None, 1, "event", ["event"], {"cumulus": "event"}])
def test_a_note_is_no_event(value: list[str] | dict[str, str] | str | None) -> None:
    """Only the key makes it one, not the word."""
    assert not is_event(encode(value))  # type: ignore[arg-type]


def test_a_childs_id_is_known_before_it_is_submitted() -> None:
    """The same parent and key give the same id, spelled as all ids are."""
    assert child_id(PARENT, "0.sync/a0") == CHILD
    assert read_job_id(CHILD) == CHILD
    assert CHILD.lower() == CHILD
    assert child_id(PARENT, "0.sync/a1") != CHILD
