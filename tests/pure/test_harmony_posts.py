"""Posts to Harmony: order, patience, and what its answers mean."""

from __future__ import annotations

import pytest
from harmony_corpus import operation

from harpcaller.adapters.harmony.delivery import MOST_TRIES, Delivery, Message
from harpcaller.adapters.machine import (
    Cancel,
    Post,
    Posted,
    Sleep,
)

ASYNC = operation("async-2.json")
SYNC = operation("sync-1.json")


def a_delivery() -> Delivery:
    """Return one that has a message on its way."""
    delivery = Delivery("job", "http://h/c", ("http://h:*/",))
    delivery.send(Message(parameters=[("progress", "5")]))
    delivery.go_on()
    return delivery


def answer(status: int | None, *, again: bool = False, after_s: float = 0) -> Posted:
    """Return what the other side said."""
    return Posted(
        key="cb1/a0", at=7, again=again, status=status, retry_after_s=after_s, body=b""
    )


# ── one at a time ──
def test_nothing_overtakes_a_post() -> None:
    """Harmony shows what was told last."""
    delivery = a_delivery()
    delivery.send(Message(parameters=[("progress", "6")]))

    before = delivery.go_on()
    delivery.on(answer(200))
    (post,) = delivery.go_on()

    assert before == []
    assert isinstance(post, Post)
    assert post.url == "http://h/c/response?progress=6"
    assert post.allow == ("http://h:*/",)
    assert not delivery.is_idle


def test_after_the_last_post_there_is_none() -> None:
    """E24."""
    delivery = Delivery("job", "http://h/c")
    delivery.send(Message(parameters=[("status", "successful")], is_last=True))

    delivery.send(Message(parameters=[("progress", "5")]))
    delivery.go_on()
    delivery.on(answer(200))

    assert delivery.is_idle


def test_nobody_is_told_without_a_callback() -> None:
    """Then all is told, and at once."""
    delivery = Delivery("job", None)

    delivery.send(Message(parameters=[("progress", "5")]))

    assert delivery.is_idle
    assert delivery.go_on() == []


# ── patience ──
@pytest.mark.parametrize("status", [500, 503, 429, None])
def test_what_may_heal_is_posted_again(status: int | None) -> None:
    """After a while that grows, and is never quite the same."""
    delivery = a_delivery()
    waits = []

    for _ in range(MOST_TRIES - 1):
        (sleep,) = delivery.on(answer(status))
        assert isinstance(sleep, Sleep)
        waits.append(sleep.seconds)
        (post,) = delivery.wake()
        assert isinstance(post, Post)
    delivery.on(answer(status))

    assert len(waits) == 29  # between 30 tries
    assert 0.6 <= waits[0] <= 0.8
    assert 1.2 <= waits[1] <= 1.6
    assert 45 <= waits[-1] <= 60
    assert delivery.is_idle
    ((_, text),) = delivery.refused
    assert text == f"Harmony did not take a post: {status or 'no answer'}"


def test_who_asks_for_patience_gets_it() -> None:
    """Retry-After, within reason."""
    delivery = a_delivery()

    (soon,) = delivery.on(answer(429, after_s=30))
    delivery.wake()
    (late,) = delivery.on(answer(503, after_s=10**9))

    assert isinstance(soon, Sleep)
    assert isinstance(late, Sleep)
    assert (soon.seconds, late.seconds) == (30, 3600)


@pytest.mark.parametrize("status", [400, 302, 403])
def test_what_will_not_heal_is_not_posted_again(status: int) -> None:
    """The rest is still tried."""
    delivery = a_delivery()

    assert delivery.on(answer(status)) == []

    assert delivery.is_idle
    assert len(delivery.refused) == 1
    assert delivery.unheard is None


@pytest.mark.parametrize("status", [404, 409])
def test_harmony_may_want_no_more(status: int) -> None:
    """Nothing that waits is posted."""
    delivery = a_delivery()
    delivery.send(Message(parameters=[("progress", "6")]))

    delivery.on(answer(status))
    delivery.send(Message(parameters=[("progress", "7")]))

    assert delivery.is_gone
    assert delivery.is_idle


def test_the_end_may_have_been_told_already() -> None:
    """A crash hid the answer: the request is gone because we ended it."""
    delivery = Delivery("job", "http://h/c")
    delivery.send(Message(parameters=[("status", "successful")], is_last=True))
    delivery.go_on()

    delivery.on(answer(409, again=True))

    assert delivery.is_idle
    assert not delivery.is_gone


def test_the_end_may_have_been_taken_though_nothing_was_heard() -> None:
    """An answer was lost: Harmony, asked once more, knows the request no more."""
    delivery = a_delivery()
    delivery.on(answer(200))
    delivery.send(Message(parameters=[("status", "successful")], is_last=True))
    delivery.go_on()

    (sleep,) = delivery.on(answer(None))
    delivery.wake()
    delivery.on(answer(404))

    assert isinstance(sleep, Sleep)
    assert (delivery.is_gone, delivery.refused) == (False, [])
    assert delivery.is_idle


def test_hurry_lets_what_is_posted_arrive() -> None:
    """All that waits is given up, a pause too."""
    posting, pausing = a_delivery(), a_delivery()
    posting.send(Message(parameters=[("progress", "6")]))
    (sleep,) = pausing.on(answer(503))
    assert isinstance(sleep, Sleep)

    assert posting.hurry() == []
    assert pausing.hurry() == [Cancel(key=sleep.key)]

    assert not posting.is_idle
    assert pausing.is_idle
    assert posting.on(answer(503)) == []  # only the last is worth more tries
    assert posting.is_idle


def test_who_is_woken_late_does_nothing() -> None:
    """What was given up is not posted."""
    delivery = Delivery("job", "http://h/c")

    assert delivery.wake() == []
