"""Posts to Harmony: order, patience, and what its answers mean."""

from __future__ import annotations

from typing import Any

import pytest
from harmony_corpus import operation, settings
from harmony_requests import COPY
from harmony_runs import (
    ASYNC_2,
    World,
    a_bundle,
    a_call,
    an_end,
    an_outcome,
    by_unit,
    carried_out,
    machine_of,
    made,
)

from harpcaller.adapters.harmony.delivery import MOST_TRIES, Delivery, Message
from harpcaller.adapters.machine import (
    Cancel,
    Post,
    Posted,
    Reason,
    Sleep,
    Slept,
)
from harpcaller.adapters.machine import (
    Cancelled as Stopped,
)
from protocol.outcome import Cancelled

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


# ── within a run ──
def test_a_refused_item_makes_the_end_an_error() -> None:
    """Harmony lacks a result; the rest is still posted."""
    world = World(outcomes=ASYNC_2, posts={0: 400})

    failure, result = carried_out(a_call(COPY, ASYNC), world)

    text = "1 of 2 items failed: Harmony did not take a post: 400"
    assert failure == f"Server: {text}"
    assert [next(iter(query)) for query in world.queries] == [
        "item[href]",
        "item[href]",
        "error",
    ]
    assert world.queries[-1] == {"error": text}
    assert "Harmony did not take a post: 400" in result["warnings"]


def test_an_end_that_harmony_does_not_take_is_a_failure() -> None:
    """Whoever looks at the job has to see it."""
    world = World(outcomes=ASYNC_2, posts={2: 400})

    failure, result = carried_out(a_call(COPY, ASYNC), world)

    assert failure == "Server: Harmony did not take a post: 400"
    assert result["status"] == "successful"
    assert len(world.posted) == 3


def test_dialect_none_posts_nothing() -> None:
    """The outcome tells it all, files too."""
    end = an_end(stac=a_bundle("file:///data/x.nc"))
    world = World(outcomes={"s1.b0": end})

    failure, result = carried_out(a_call(COPY, SYNC, dialect="none"), world)

    assert (failure, world.posted) == ("", [])
    assert result["outputs"][0]["href"] == "file:///data/x.nc"


def test_a_request_without_callback_posts_nothing() -> None:
    """By the line protocol it may have none."""
    world = World(outcomes=ASYNC_2)

    failure, _ = carried_out(
        a_call(COPY, operation("async-2.json", callback=None)), world
    )

    assert (failure, world.posted) == ("", [])


def test_harmony_of_today_wants_another_word() -> None:
    """It completes a request of a backend by httpBackend."""
    world = World(outcomes=ASYNC_2)

    carried_out(a_call(COPY, ASYNC, dialect="harmony-now"), world)

    assert world.queries[-1] == {"status": "successful", "httpBackend": "true"}


@pytest.mark.parametrize(
    ("href", "told"),
    [
        ("s3://b/x.nc", "s3://b/x.nc"),
        ("file:///data/out/x.nc", "https://h/out/x.nc"),
        ("/data/out/x.nc", None),
        ("file:///data/outside/x.nc", None),
        ("file:///data/out/../x.nc", None),
        ("ftp://h/x.nc", None),
    ],
)
def test_an_output_has_to_be_reachable(href: str, told: str | None) -> None:
    """A file of ours means nothing to others, unless it is served."""
    loaded = settings(href_map={"file:///data/out/": "https://h/out/"})
    world = World(outcomes={"s1.b0": made(href)})
    if href.startswith("/"):
        told = "https://h/out/x.nc"  # absolute paths are files

    failure, _ = carried_out(a_call(COPY, SYNC), world, loaded)

    expected = {"error": "copy: result is not reachable"}
    assert world.queries == [{"redirect": told} if told else expected]
    assert failure == ("" if told else "Service: copy: result is not reachable")


def test_two_outputs_may_not_have_one_name() -> None:
    """The second would hide the first."""
    world = World(answer=lambda *_: made("s3://b/x.nc"))
    twice = World(outcomes={"s1.b0": made("s3://b/x.nc", "s3://b/x.nc")})

    failure, _ = carried_out(a_call(COPY, ASYNC), world)
    other, _ = carried_out(a_call(COPY, SYNC), twice)

    assert failure == "Service: 1 of 2 items failed: copy: two results have one name"
    assert other == "Service: copy: two results have one name"


def test_who_waits_may_get_the_bytes() -> None:
    """A file of ours is the body, if the request says so."""
    end = an_end(stac=a_bundle("file:///w/x.nc", title='a"b\n.nc'))
    world = World(outcomes={"s1.b0": end})

    failure, _ = carried_out(a_call(COPY, SYNC, sync_stream=True), world)

    (post,) = world.posted
    assert failure == ""
    assert post.file == "/w/x.nc"
    assert dict(post.headers) == {
        "Content-Type": "application/x-netcdf4",
        "Content-Disposition": 'attachment; filename="a_b_.nc"',
    }


# ── is it wanted still? ──
def test_a_silent_run_asks_whether_it_is_wanted() -> None:
    """Else a step that takes hours would not hear that it was cancelled."""
    machine = machine_of(a_call(COPY, ASYNC, cancel_probe_s=60))
    machine.start(0)
    world = World()

    actions = [*machine.on(_slept("probe1", 61))]
    posts = [action for action in actions if isinstance(action, Post)]

    assert [post.url.partition("?")[2] for post in posts] == ["progress=0"]
    assert Sleep(key="probe2", seconds=60) in actions
    ended = machine.on(
        Posted(key="cb1/a0", at=62, status=409, retry_after_s=None, body=b"")
    )
    assert [each for each in ended if isinstance(each, Cancel)] == [
        Cancel(key="s1.b0/a0"),
        Cancel(key="s1.b1/a0"),
    ]
    assert machine.on(_slept("probe2", 121)) == []
    assert world.posted == []


def _slept(key: str, at: float) -> Any:
    return Slept(key=key, at=at)


def test_a_run_that_posts_is_not_probed() -> None:
    """It hears of a cancel by what it posts anyway."""
    machine = machine_of(a_call(COPY, ASYNC, cancel_probe_s=60))
    machine.start(0)
    machine.on(_slept("probe1", 61))
    machine.on(Posted(key="cb1/a0", at=62, status=200, retry_after_s=None, body=b""))

    actions = machine.on(_slept("probe2", 121))

    assert actions == [Sleep(key="probe3", seconds=60)]


@pytest.mark.parametrize(
    ("message", "options"), [(SYNC, {}), (ASYNC, {"cancel_probe_s": 0})]
)
def test_not_every_run_is_probed(message: Any, options: dict[str, Any]) -> None:
    """Who waits will go away by himself; and a probe may be switched off."""
    actions = machine_of(a_call(COPY, message, **options)).start(0)

    assert not [action for action in actions if isinstance(action, Sleep)]


def test_progress_is_told_alone_where_there_is_no_output() -> None:
    """At most once a second."""
    world = World(answer=by_unit, outcomes={"s1.b0": an_outcome("nodata")})

    carried_out(a_call(COPY, operation("async-3.json")), world)

    assert world.queries[0] == {"progress": "33"}
    assert [query.get("progress") for query in world.queries] == [
        "33",
        "66",
        "99",
        None,
    ]


# ── cancelled ──
@pytest.mark.parametrize(
    ("reason", "text", "outcome"),
    [
        (
            Reason.CLIENT,
            "Request was canceled by the service operator",
            "Cancelled",
        ),
        (
            Reason.MAX_EXEC_TIME,
            "Request timed out",
            "Canceled: Request timed out",
        ),
    ],
)
def test_who_is_cancelled_says_so_once(reason: Reason, text: str, outcome: str) -> None:
    """All calls end; what was not posted yet is not."""
    world = World(outcomes=ASYNC_2, interrupt=("s1.b0/a0", reason))

    failure, _ = carried_out(a_call(COPY, ASYNC), world)

    assert failure == outcome
    assert world.queries == [{"error": text}]
    assert world.cancelled == ["s1.b0/a0", "s1.b1/a0"]


def test_a_sleep_ends_with_its_request() -> None:
    """A unit that waits for its next attempt gets none."""
    world = World(
        answer=by_unit,
        outcomes={"s1.b0": an_outcome("server")},
        interrupt=("s1.b0/z1", Reason.CLIENT),
    )

    failure, _ = carried_out(a_call(COPY, ASYNC), world)

    assert failure == "Cancelled"
    assert "s1.b0/z1" in world.cancelled


def test_documents_are_given_up_with_a_request() -> None:
    """Nothing is called any more."""
    world = World(outcomes=ASYNC_2, interrupt=("s1.b0/a0/w0", Reason.CLIENT))

    failure, _ = carried_out(a_call(COPY, ASYNC), world, settings(work_dir="/shared"))

    assert failure == "Cancelled"
    assert world.calls == []


def test_the_end_is_not_told_twice() -> None:
    """A cancel that comes too late changes how the job ends, and nothing else."""
    world = World(outcomes=ASYNC_2, interrupt=("cb3/a0", Reason.CLIENT))

    failure, _ = carried_out(a_call(COPY, ASYNC), world)

    assert failure == "Cancelled"
    assert world.queries[-1] == {"status": "successful"}


def test_an_end_that_paused_is_told_as_it_is_now() -> None:
    """Nobody has heard that it was successful."""
    world = World(outcomes=ASYNC_2, posts={2: 503}, interrupt=("cb3/w1", Reason.CLIENT))

    failure, _ = carried_out(a_call(COPY, ASYNC), world)

    assert failure == "Cancelled"
    assert world.queries[-1] == {
        "error": "Request was canceled by the service operator"
    }


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        (Reason.MAX_EXEC_TIME, Reason.CLIENT, True),
        (Reason.CLIENT, Reason.MAX_EXEC_TIME, True),
        (Reason.MAX_EXEC_TIME, Reason.MAX_EXEC_TIME, False),
    ],
)
def test_what_a_client_wants_counts_most(
    first: Reason, second: Reason, outcome: bool
) -> None:
    """Once he wants it, it does not matter what else was too long."""

    class Twice(World):
        def _interrupted(self) -> Any:
            found = super()._interrupted()
            if (
                isinstance(found, Stopped)
                and found.reason is first
                and len(self.told) < 3
            ):
                self.interrupt = ("s1.b0/a0", second)
            return found

    world = Twice(outcomes=ASYNC_2, interrupt=("s1.b0/a0", first))

    failure, _ = carried_out(a_call(COPY, ASYNC), world)

    assert (failure == "Cancelled") is outcome
    assert len(world.queries) == 1


def test_a_request_that_reads_its_inputs_can_be_cancelled() -> None:
    """It has no units yet."""
    sources = [{"collection": "C1233800302-EEDTEST"}]
    call = a_call(COPY, operation("async-2.json", sources=sources), "/d/catalog.json")
    world = World(interrupt=("in", Reason.CLIENT))
    late = World(interrupt=("in", Reason.MAX_EXEC_TIME))

    failure, _ = carried_out(call, world)
    other, result = carried_out(call, late)

    assert (failure, other) == ("Cancelled", "Canceled: Request timed out")
    assert world.cancelled == late.cancelled == ["in"]
    assert result["status"] == "failed"


def test_harmony_may_end_what_is_ending() -> None:
    """Its no to the last word is no failure of ours."""
    world = World(outcomes=ASYNC_2, posts={2: 409})

    outcome = world.run(machine_of(a_call(COPY, ASYNC)))

    assert outcome == Cancelled()
