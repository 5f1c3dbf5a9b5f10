"""How long a client is waited for, and how it is left."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import trio
from scripted_runner import DONE, ScriptedRunner, a_call, sleeping, streaming
from trio.testing import MockClock, lockstep_stream_pair
from visit import Visit, a_visit

from protocol.job import JobId

CANCEL = b'{"harpcaller":1,"cancel":"nothing"}'
CANCELLED = b'{"cancelled":false}\n'


def follow(job_id: str) -> bytes:
    """Return the request to follow all of a stream."""
    return b'{"harpcaller":1,"follow_stream":"%b","since":0}\n' % job_id.encode()


def wait_for(job_id: str) -> bytes:
    """Return the request to wait for a result."""
    return b'{"harpcaller":1,"get_result":"%b"}\n' % job_id.encode()


async def submit(visit: Visit, procedure: str) -> JobId:
    """Return the id of a call that was accepted."""
    return (await visit.dispatcher.submit(a_call(procedure))).job_id


def error_of(line: bytes) -> str:
    """Return the word of an error line."""
    error: dict[str, str] = json.loads(line)["error"]
    return error["type"]


async def test_a_connection_lingers_for_a_second(autojump_clock: MockClock) -> None:
    """A netcat that never half-closes ends by itself."""
    async with a_visit() as visit:
        await visit.say(CANCEL + b"\n")

        assert await visit.hear_out() == (CANCELLED, 1)


async def test_each_request_renews_the_lingering(autojump_clock: MockClock) -> None:
    """People paste one line after the other."""
    async with a_visit() as visit:
        for _ in range(5):
            await visit.say(CANCEL + b"\r\n")
            assert await visit.hear() == CANCELLED
            await trio.sleep(0.9)

        heard, at = await visit.hear_out()

    assert heard == b""
    assert at == pytest.approx(4 * 0.9 + 1)


@pytest.mark.parametrize(
    "line",
    [
        b"help",
        b"?",
        b'{"harpcaller":1,"hello":true}',
        b'{"harpcaller":1,"help":true}',
        b'{"harpcaller":1,"cancel":"nothing","session":true}',
        b'{"harpcaller":1,"get_status":"nothing","session":true}',
    ],
)
async def test_a_session_stays_for_ten_minutes(
    line: bytes, autojump_clock: MockClock
) -> None:
    """Whoever wants to converse says so."""
    async with a_visit() as visit:
        await visit.say(line + b"\n")
        assert await visit.hear()
        await trio.sleep(500)
        await visit.say(CANCEL + b"\n")
        assert await visit.hear() == CANCELLED

        assert await visit.hear_out() == (b"", 500 + 600)


async def test_a_silent_client_is_left_after_thirty_seconds(
    autojump_clock: MockClock,
) -> None:
    """It is told nothing: it asked nothing."""
    async with a_visit() as visit:
        assert await visit.hear_out() == (b"", 30)


async def test_blank_lines_are_no_first_line(autojump_clock: MockClock) -> None:
    """A keepalive of blanks keeps nothing alive."""
    async with a_visit() as visit:
        for _ in range(4):
            await visit.say(b"\r\n")
            await trio.sleep(7)

        assert await visit.hear_out() == (b"", 30)


async def test_an_unfinished_line_is_answered_after_two_seconds(
    autojump_clock: MockClock,
) -> None:
    """`printf` without a line end, into a netcat that never half-closes."""
    async with a_visit() as visit:
        await visit.say(CANCEL[:10])
        await trio.sleep(1.5)
        await visit.say(CANCEL[10:])

        heard, at = await visit.hear_out()

    assert heard == (
        b'{"error":{"type":"parse_error","message":"incomplete line: no newline"}}\n'
    )
    assert at == 3.5


async def test_a_dripping_line_has_thirty_seconds(autojump_clock: MockClock) -> None:
    """Two seconds for each byte would be for ever."""
    async with a_visit() as visit:

        async def drip() -> None:
            while True:
                await visit.say(b" ")
                await trio.sleep(1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(drip)
            heard, at = await visit.hear_out()
            nursery.cancel_scope.cancel()

    assert error_of(heard) == "parse_error"
    assert at == 30


async def test_requests_that_are_always_cut_in_the_middle_go_on_for_ever(
    autojump_clock: MockClock,
) -> None:
    """Who sends much has always begun the next line; that one has its own time."""
    async with a_visit() as visit:
        await visit.say(CANCEL[:10])
        for _ in range(60):
            await trio.sleep(1)
            await visit.say(CANCEL[10:] + b"\n" + CANCEL[:10])
            assert await visit.hear() == CANCELLED

        heard, at = await visit.hear_out()

    assert error_of(heard) == "parse_error"
    assert at == 62


async def test_an_unfinished_line_in_a_session_is_waited_for(
    autojump_clock: MockClock,
) -> None:
    """People type slowly; after ten minutes they have gone."""
    async with a_visit() as visit:
        await visit.say(b"help\n")
        await visit.hear()
        await visit.say(CANCEL[:5])
        await trio.sleep(599)
        await visit.say(CANCEL[5:] + b"\n" + CANCEL[:5])
        assert await visit.hear() == CANCELLED

        assert await visit.hear_out() == (b"", 599 + 600)


async def test_a_follower_is_never_idle(autojump_clock: MockClock) -> None:
    """A stream may pause for hours, whatever the connection's own patience."""
    runner = ScriptedRunner(p=streaming(packets=2, gap_s=500))
    async with a_visit(runner) as visit:
        await visit.say(follow(await submit(visit, "p")))

        heard, at = await visit.hear_out()

    assert heard == (
        b'{"packet":0,"data":0}\n{"packet":1,"data":1}\n{"result":"done"}\n'
    )
    assert at == 3 * 500 + 1


async def test_a_request_behind_one_that_waits_is_answered_after_it(
    autojump_clock: MockClock,
) -> None:
    """Answers are in the order of the requests."""
    async with a_visit(ScriptedRunner(p=sleeping(50))) as visit:
        await visit.say(wait_for(await submit(visit, "p")), CANCEL + b"\n")
        assert await visit.hear_out() == (b'{"result":"done"}\n' + CANCELLED, 51)


async def test_an_end_means_no_more_requests(autojump_clock: MockClock) -> None:
    """All is answered, and nothing is waited for any longer."""
    async with a_visit(ScriptedRunner(p=sleeping(50))) as visit:
        await visit.say(wait_for(await submit(visit, "p")), CANCEL)
        await visit.client.send_eof()

        assert await visit.hear_out() == (b'{"result":"done"}\n' + CANCELLED, 50)


@pytest.mark.parametrize("ask", [follow, wait_for])
async def test_who_waits_for_a_job_that_goes_on_is_told_of_the_stop(
    ask: Callable[[str], bytes], autojump_clock: MockClock
) -> None:
    """A bare end of the connection would look like a broken network."""
    async with a_visit() as visit:
        await visit.dispatcher.store.set_room(0)
        job_id = await submit(visit, "nap")
        await visit.say(ask(job_id))
        await trio.sleep(3)

        await visit.dispatcher.stop(30)

        heard, at = await visit.hear_out()
    assert error_of(heard) == "shutting_down"
    assert at == 3


async def test_who_waits_for_a_job_that_is_stopped_hears_its_end(
    autojump_clock: MockClock,
) -> None:
    """Its outcome is known: it is lost."""
    async with a_visit() as visit:
        await visit.say(follow(await submit(visit, "hang")))
        await trio.sleep(3)

        await visit.dispatcher.stop(30)

        heard, at = await visit.hear_out()
    assert error_of(heard) == "missing_result"
    assert at == 33


async def test_a_dispatcher_that_stops_still_answers(autojump_clock: MockClock) -> None:
    """Who asks within the grace gets to know what there is to know."""
    async with a_visit() as visit:
        job_id = await submit(visit, "hang")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(visit.dispatcher.stop, 30)
            await trio.sleep(1)
            call = b'{"harpcaller":1,"host":"h","procedure":"p","arguments":[]}\n'
            cancel = b'{"harpcaller":1,"cancel":"%b"}\n' % job_id.encode()
            await visit.say(call, cancel)

            refusal, answer = (await visit.hear_out())[0].splitlines()

    assert error_of(refusal) == "shutting_down"
    assert answer == b'{"cancelled":true}'


async def test_an_idle_session_can_be_ended(autojump_clock: MockClock) -> None:
    """At a stop nobody waits ten minutes for a client that asks nothing."""
    async with a_visit() as visit:
        await visit.say(b"help\n")
        await visit.hear()
        await trio.sleep(5)

        visit.session.end_if_idle()

        assert await visit.hear_out() == (b"", 5)


async def test_a_busy_session_is_not_idle(autojump_clock: MockClock) -> None:
    """Its answer is under way."""
    async with a_visit(ScriptedRunner(p=sleeping(50))) as visit:
        await visit.say(wait_for(await submit(visit, "p")))
        await trio.sleep(5)

        visit.session.end_if_idle()

        assert (await visit.hear_out())[0] == b'{"result":"done"}\n'


async def test_a_client_that_takes_nothing_is_dropped_after_a_minute(
    autojump_clock: MockClock,
) -> None:
    """Its reply would wait for ever, and with it the memory that it needs."""
    async with a_visit(pair=lockstep_stream_pair) as visit:
        await visit.say(CANCEL + b"\n")
        await trio.sleep(59)
        assert await visit.hear() == CANCELLED

        await visit.say(CANCEL + b"\n")
        await trio.sleep(61)
        with pytest.raises(trio.BrokenResourceError):
            await visit.say(CANCEL + b"\n")


async def test_a_client_that_goes_away_leaves_its_job_alone(
    autojump_clock: MockClock,
) -> None:
    """P8: it ends its session, and nothing else."""
    runner = ScriptedRunner(p=streaming(packets=5, gap_s=10))
    async with a_visit(runner) as visit:
        job_id = await submit(visit, "p")
        await visit.say(follow(job_id))
        await visit.hear()
        await visit.client.aclose()
        await trio.sleep(100)

        record = await visit.dispatcher.store.get(job_id)

    assert record is not None
    assert (record.outcome, record.packets) == (DONE, 5)
