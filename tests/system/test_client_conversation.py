"""The Python client against a dispatcher that follows a script, on real sockets."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from line_server import ACCEPTED, HOLD, JOB, LineServer, packets

from harpcaller.client import (
    CallError,
    Cancelled,
    Dispatcher,
    NoDispatcher,
    NoSuchJob,
    NotFinished,
    Packet,
    RequestRefused,
    Unreachable,
)

RESULT = b'{"result":42}\n'
SHUTTING_DOWN = b'{"error":{"type":"shutting_down","message":"m"}}\n'
NO_JOB = b'{"error":{"type":"invalid_jobid","message":"m"}}\n'


def test_a_call_becomes_a_job_with_a_result(tmp_path: Path) -> None:
    """The whole of a simple use, over the Unix socket that a local user has."""
    with LineServer([ACCEPTED], [RESULT], path=tmp_path / "s") as server:
        job = Dispatcher(server.address).call("web1", "add", [40, 2], timeout=5)

        assert job.id == JOB
        assert job.result() == 42
    assert server.requests == [
        {
            "harpcaller": 1,
            "host": "web1",
            "procedure": "add",
            "arguments": [40, 2],
            "timeout": 5,
        },
        {"harpcaller": 1, "get_result": JOB, "wait": True},
    ]


def test_unfinished_once_is_not_unfinished_for_ever() -> None:
    """The original's client kept the first answer and never asked again."""
    with LineServer([b'{"no_result":true}\n'], [RESULT]) as server:
        job = Dispatcher(server.address).job(JOB)

        with pytest.raises(NotFinished):
            job.result(wait=False)
        assert job.result(wait=False) == 42


def test_a_refused_call_is_an_error_with_its_data() -> None:
    """The original's client ended in a KeyError; the field at fault is in the data."""
    line = (
        b'{"error":{"type":"invalid_request","message":"m","data":{"field":"key"}}}\n'
    )
    with LineServer([line]) as server, pytest.raises(RequestRefused) as caught:
        Dispatcher(server.address).call("web1", "ping", key="k")

    assert caught.value.type == "invalid_request"
    assert caught.value.data == {"field": "key"}


def test_cancel_and_status_answer_what_the_dispatcher_says() -> None:
    """Both are plain questions; False is an answer, not an error."""
    status = b'{"call":{},"time":{"submit":1,"start":null,"end":null},"info":null}\n'
    answers = ([b'{"cancelled":true}\n'], [b'{"cancelled":false}\n'], [status])
    with LineServer(*answers) as server:
        job = Dispatcher(server.address).job(JOB)

        assert job.cancel() is True
        assert job.cancel() is False
        assert job.status()["time"]["submit"] == 1


def test_a_stream_is_followed_to_its_result() -> None:
    """The iteration ends when the job has returned; its result is kept there."""
    with LineServer([packets(0, "a", "b"), 0.05, packets(2, "c"), RESULT]) as server:
        follower = Dispatcher(server.address).job(JOB).follow()

        with pytest.raises(NotFinished):
            _ = follower.result
        assert list(follower) == [Packet(0, "a"), Packet(1, "b"), Packet(2, "c")]
        assert follower.result == 42
        assert list(follower) == []
    assert server.requests == [{"harpcaller": 1, "follow_stream": JOB, "since": 0}]


def test_a_stream_that_ends_badly_says_so() -> None:
    """A loop that just ended would make a failed job look like one that returned."""
    with LineServer([packets(0, "a"), b'{"cancelled":true}\n']) as server:
        follower = Dispatcher(server.address).job(JOB).follow()

        assert next(follower) == Packet(0, "a")
        with pytest.raises(Cancelled):
            next(follower)
        with pytest.raises(StopIteration):
            next(follower)


@pytest.mark.parametrize(
    "breaks",
    [
        (packets(0, "a", "b"),),
        (packets(0, "a", "b"), SHUTTING_DOWN),
        (packets(0, "a", "b"), b'{"packet":2,"da'),
    ],
)
def test_a_broken_stream_goes_on_without_gap_or_duplicate(breaks: Any) -> None:
    """A restart of the dispatcher, or half a line, must not show in what is read."""
    end = [packets(2, "c"), RESULT]
    with LineServer(breaks, [], [SHUTTING_DOWN], end) as server:
        follower = Dispatcher(server.address).job(JOB).follow()

        assert [packet.data for packet in follower] == ["a", "b", "c"]
    assert [request["since"] for request in server.requests] == [0, 2, 2, 2]


def test_packets_sent_again_are_read_once() -> None:
    """A dispatcher may answer `since` generously; a reader must not see it."""
    with LineServer([packets(0, "a", "b")], [packets(0, "a", "b", "c"), RESULT]) as s:
        follower = Dispatcher(s.address).job(JOB).follow()

        assert [packet.data for packet in follower] == ["a", "b", "c"]


def test_a_gap_in_a_stream_is_an_error() -> None:
    """Packets are dense; passing over a missing one would hide a loss."""
    with LineServer([packets(0, "a"), packets(2, "c"), RESULT]) as server:
        follower = Dispatcher(server.address).job(JOB).follow()

        assert next(follower).data == "a"
        with pytest.raises(NoDispatcher, match="gap"):
            next(follower)


@pytest.mark.parametrize(
    ("recent", "page", "since"),
    [
        (2, packets(5, "f", "g"), 5),
        (0, packets(6, "g"), 7),
        (0, b"", 0),
        (3, b"", 0),
    ],
)
def test_recent_packets_are_followed_by_their_numbers(
    recent: int, page: bytes, since: int
) -> None:
    """Only a number can be taken up again after a break without a gap."""
    with LineServer([page + b'{"continue":true}\n'], [RESULT]) as server:
        follower = Dispatcher(server.address).job(JOB).follow(recent=recent)

        assert list(follower) == []
    asked, followed = server.requests
    assert asked["recent"] == max(recent, 1)
    assert followed["since"] == since


def test_a_page_of_a_stream_says_where_to_go_on() -> None:
    """Reading page by page needs the next number and whether there will be more."""
    with LineServer(
        [packets(4, "e"), b'{"continue":true}\n'], [RESULT], [NO_JOB]
    ) as server:
        job = Dispatcher(server.address).job(JOB)

        page = job.read(since=4)
        assert (page.packets, page.next, page.is_last) == ((Packet(4, "e"),), 5, False)
        with pytest.raises(NotFinished):
            page.result()
        page = job.read(since=page.next)
        assert (page.packets, page.next, page.is_last) == ((), 5, True)
        assert page.result() == 42
        with pytest.raises(NoSuchJob):
            job.read()


def test_waiting_for_a_result_survives_a_restart() -> None:
    """The same client, minutes later, on the same port: it just takes longer."""
    with LineServer([0.05]) as server:
        address, port = server.address, server.port
        job = Dispatcher(address).job(JOB)
        results: list[Any] = []
        waiter = threading.Thread(target=lambda: results.append(job.result()))
        waiter.start()
        waiter.join(0.3)
    with LineServer([RESULT], port=port):
        waiter.join(20)

    assert results == [42]


def test_patience_ends() -> None:
    """A dispatcher that never comes back must not hold its clients for ever."""
    with LineServer([SHUTTING_DOWN]) as server:
        dispatcher = Dispatcher(server.address, patience_s=0.3)

        with pytest.raises(Unreachable):
            dispatcher.job(JOB).result()


def test_a_call_with_a_key_is_repeated_and_one_without_is_not() -> None:
    """Without a key a repeated call could run twice."""
    with LineServer([], [ACCEPTED], []) as server:
        dispatcher = Dispatcher(server.address)

        assert dispatcher.call("web1", "ping", key="once").id == JOB
        with pytest.raises(Unreachable):
            dispatcher.call("web1", "ping")
    assert len(server.lines) == 3


def test_a_concurrency_needs_a_queue() -> None:
    """Without a queue nothing would be limited, and nobody would notice."""
    with pytest.raises(ValueError, match="without a queue"):
        Dispatcher().call("web1", "ping", concurrency=2)


def test_client_and_job_show_where_they_lead() -> None:
    """In a prompt or a log one wants the id and the address."""
    dispatcher = Dispatcher("[::1]:3502")

    assert repr(dispatcher) == "<Dispatcher at [::1]:3502>"
    assert repr(dispatcher.job(JOB)) == f"<Job {JOB} at [::1]:3502>"


def test_nobody_there_is_said_at_once() -> None:
    """Patience is for those who were there before."""
    with LineServer() as server:
        dispatcher = Dispatcher(server.address)

    with pytest.raises(Unreachable, match=f"{server.address}: Connection refused"):
        dispatcher.job(JOB).result()
    with pytest.raises(Unreachable):
        dispatcher.call("web1", "ping")
    with pytest.raises(Unreachable):
        list(dispatcher.job(JOB).follow())
    with pytest.raises(Unreachable, match=r"No such file"):
        Dispatcher("unix:/nonexistent/socket").call("web1", "ping")


def test_an_answer_of_something_else_ends_the_patience() -> None:
    """Waiting does not turn a web server into a dispatcher."""
    line = b"HTTP/1.1 400 Bad Request\r\n"
    with LineServer([line]) as server, pytest.raises(NoDispatcher):
        Dispatcher(server.address).job(JOB).result()


def test_a_loop_left_early_closes_its_connection() -> None:
    """Nothing else would, and the dispatcher would feed it to the end of the job."""
    with LineServer([packets(0, "a"), HOLD], [b'{"cancelled":true}\n']) as server:
        job = Dispatcher(server.address).job(JOB)

        for packet in job.follow():
            assert packet.data == "a"
            break
        with job.follow() as follower:
            pass
        assert job.cancel() is True
        assert follower.position == 0


def test_a_failed_call_is_told_by_its_type() -> None:
    """The type is the dispatcher's word, or the worker's own."""
    line = b'{"error":{"type":"timeout","message":"m","data":{"limit":"timeout"}}}\n'
    with LineServer([line]) as server, pytest.raises(CallError) as caught:
        Dispatcher(server.address).job(JOB).result()

    assert str(caught.value) == "timeout: m"
    assert caught.value.data == {"limit": "timeout"}
