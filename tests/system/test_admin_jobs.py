"""What the administrator sees and does, over a real store."""

from __future__ import annotations

import uuid
from pathlib import Path

import attrs
import orjson
import pytest
from admin_desk import CALL, CONNECTIONS, HOSTS, QUEUE, desk_over

from harpcaller.hosts.refresh import Refreshed
from indira.commands import reply_line
from protocol.call import Sealed
from protocol.errors import WireError
from protocol.jsontext import JsonText
from protocol.outcome import Failed, Returned


async def test_a_jobs_info_is_what_was_called_and_how_it_ended(tmp_path: Path) -> None:
    """The original's keys `job`, `call`, `time`, `info`, and what we know besides."""
    call = attrs.evolve(CALL, info=JsonText(b'{"n":1}'), queue=QUEUE)
    async with desk_over(tmp_path) as desk:
        [claim] = await desk.submit(call)
        await desk.store.append(claim, 0, [JsonText(b"1"), JsonText(b"2")])
        await desk.store.finish(claim, Failed(type="timeout", message="m"), 2, [])

        reply = await desk.ask("job_info", job=claim.job_id)

    info = reply["info"]
    times = info.pop("time")
    assert reply["result"] == "ok"
    assert times["submit"] <= times["start"] <= times["end"]
    assert info == {
        "job": claim.job_id,
        "state": "ended",
        "call": {"host": "db01", "procedure": "backup", "arguments": ["x", 1e5]},
        "info": {"n": 1},
        "limits": {"timeout": 600, "max_exec_time": 86400},
        "queue": {"name": {"a": 1, "b": 2}, "concurrency": 1},
        "outcome": "failed",
        "type": "timeout",
        "packets": 2,
        "starts": 1,
    }


async def test_a_retried_jobs_info_tells_its_starts_once(tmp_path: Path) -> None:
    """Two equal keys in one object would be read differently by every reader."""
    async with desk_over(tmp_path) as desk:
        [claim] = await desk.submit(attrs.evolve(CALL, retries=2))
        line = orjson.dumps({"command": "job_info", "job": claim.job_id})
        found, arguments = desk.table.parse(line)

        text = reply_line(await found.carry_out(arguments, desk.hear))

    assert text.count(b'"starts":') == 1
    assert orjson.loads(text)["info"]["starts"] == 1


async def test_neither_results_nor_sealed_values_are_shown(tmp_path: Path) -> None:
    """A list is read over shoulders and pasted into tickets."""
    sealed = attrs.evolve(
        CALL,
        arguments=JsonText(b'{"password":"***"}'),
        sealed=(Sealed(pointer="/password", value=JsonText(b'"hunter2"')),),
    )
    async with desk_over(tmp_path) as desk:
        [claim] = await desk.submit(sealed)
        told = [await desk.ask("job_info", job=claim.job_id)]
        await desk.store.finish(claim, Returned(JsonText(b'"hunter2"')), 0, [])
        told += [
            await desk.ask("job_info", job=claim.job_id),
            await desk.ask("list_jobs", list_all=True),
        ]

    assert "hunter2" not in str(told)
    assert told[1]["info"]["outcome"] == "returned"


async def test_a_label_is_shown_and_finds_its_jobs(tmp_path: Path) -> None:
    """An adapter's job is known to its people by what they called it."""
    async with desk_over(tmp_path) as desk:
        await desk.submit()
        await desk.submit(label="other")
        [claim] = await desk.submit(label='a "b"')

        [listed] = await desk.ask_pages("list_jobs", "jobs", label='a "b"')
        live = await desk.ask_pages("list_jobs", "jobs")
        told = await desk.ask("job_info", job=claim.job_id)
        await desk.store.finish(claim, Returned(JsonText(b"1")), 0, [])
        ended = await desk.ask("list_jobs", label='a "b"', list_all=True)

    assert listed["job"] == claim.job_id
    assert listed["label"] == told["info"]["label"] == 'a "b"'
    assert [job.get("label") for job in live] == [None, "other", 'a "b"']
    assert [job["state"] for job in ended["jobs"]] == ["ended"]


@pytest.mark.parametrize("part", ["aaaa-1111", "AAAA-1111", "b0b0", "22220000"])
async def test_any_unique_part_of_an_id_will_do(part: str, tmp_path: Path) -> None:
    """Nobody types 36 characters."""
    job_id = "b0b03333-aaaa-1111-8000-000022220000"
    async with desk_over(tmp_path) as desk:
        await desk.submit(job_id="00000000-0000-1111-8000-000000000000")
        await desk.submit(job_id=job_id)

        reply = await desk.ask("job_info", job=part)

    assert reply["info"]["job"] == job_id


async def test_a_beginning_comes_before_a_part(tmp_path: Path) -> None:
    """What is copied from the left of a list means the job on that line."""
    meant = "b0b03333-aaaa-1111-8000-000022220000"
    async with desk_over(tmp_path) as desk:
        await desk.submit(job_id="00000000-0000-1111-8000-0000b0b03333")
        await desk.submit(job_id=meant)

        reply = await desk.ask("job_info", job="b0b03333")

    assert reply["info"]["job"] == meant


async def test_an_ambiguous_part_is_answered_with_candidates(tmp_path: Path) -> None:
    """Cancelling one of several at a guess would be the worst answer."""
    ids = [f"0000aaaa-0000-4000-8000-00000000000{number}" for number in range(3)]
    async with desk_over(tmp_path) as desk:
        for job_id in ids:
            await desk.submit(job_id=job_id)

        reply = await desk.ask("cancel_job", job="0aaaa")
        listed = await desk.ask_pages("list_jobs", "jobs")

    assert reply["result"] == "error"
    assert sorted(reply["candidates"]) == ids
    assert [job["state"] for job in listed] == ["running"] * 3


@pytest.mark.parametrize(
    ("part", "result"),
    [
        ("", "error"),
        ("abc", "error"),
        ("------", "error"),
        ("abcd", "no_such_job"),
        ("%%%%", "no_such_job"),
        ("____", "no_such_job"),
        ("00000000-0000-4000-8000-000000000000", "no_such_job"),
        ("x" * 100_000, "no_such_job"),
    ],
)
async def test_what_is_part_of_no_id_finds_nothing(
    part: str, result: str, tmp_path: Path
) -> None:
    """Wildcards of the store's language are no wildcards here."""
    async with desk_over(tmp_path) as desk:
        await desk.submit(job_id="11111111-1111-4111-8111-111111111111")

        for command in ("job_info", "cancel_job"):
            reply = await desk.ask(command, job=part)

            assert reply["result"] == result
            assert len(reply["message"]) < 200


async def test_a_job_is_cancelled_once(tmp_path: Path) -> None:
    """The second one is told that there is nothing to cancel, as by the original."""
    async with desk_over(tmp_path, max_running=1) as desk:
        await desk.submit()
        job_id = str(uuid.uuid4())
        await desk.submit(job_id=job_id)

        first = await desk.ask("cancel_job", job=job_id)
        second = await desk.ask("cancel_job", job=job_id)

    assert first == {"result": "ok", "job": job_id}
    assert second["result"] == "no_such_job"
    assert "has ended before" in second["message"]


async def test_the_list_has_live_jobs_and_with_all_also_ended(tmp_path: Path) -> None:
    """As the original's `list` and `list --all`."""
    async with desk_over(tmp_path, max_running=2) as desk:
        [ended] = await desk.submit()
        await desk.store.finish(ended, Returned(JsonText(b"1")), 0, [])
        for _ in range(4):
            await desk.submit()

        live = await desk.ask_pages("list_jobs", "jobs", limit=1)
        every = await desk.ask_pages("list_jobs", "jobs", list_all=True, limit=2)

    assert sorted(job["state"] for job in live) == ["queued"] * 2 + ["running"] * 2
    assert len({job["job"] for job in live}) == 4
    assert len({job["job"] for job in every}) == 5
    assert every[0]["job"] == ended.job_id


async def test_a_page_of_large_jobs_is_short(tmp_path: Path) -> None:
    """A reply is bounded by its size too: arguments may be as long as a line."""
    large = attrs.evolve(CALL, arguments=JsonText(b'["' + b"x" * 200_000 + b'"]'))
    async with desk_over(tmp_path) as desk:
        for _ in range(20):
            await desk.submit(large)

        page = await desk.ask("list_jobs", list_all=True)
        every = await desk.ask_pages("list_jobs", "jobs", list_all=True)

    assert len(page["jobs"]) == 8
    assert len({job["job"] for job in every}) == 20


@pytest.mark.parametrize("after", ["ended:1", "queued:x", "x", ":"])
async def test_a_made_up_place_in_the_list_is_refused(
    after: str, tmp_path: Path
) -> None:
    """`after` comes from a reply; anything else is a mistake to be told."""
    async with desk_over(tmp_path) as desk:
        for list_all in (False, True):
            with pytest.raises(WireError, match="no page ended there"):
                await desk.ask("list_jobs", after=after, list_all=list_all)


async def test_a_queue_is_listed_by_name_whatever_the_key_order(tmp_path: Path) -> None:
    """Names are equal by value; each job tells whether it runs."""
    async with desk_over(tmp_path) as desk:
        await desk.submit()
        await desk.submit(attrs.evolve(CALL, queue=QUEUE))
        await desk.submit(attrs.evolve(CALL, queue=QUEUE))

        queues = await desk.ask_pages("list_queues", "queues")
        jobs = await desk.ask_pages("list_queue", "jobs", queue={"b": 2, "a": 1})
        same = await desk.ask_pages("list_jobs", "jobs", queue={"b": 2, "a": 1})

    assert queues == [{"a": 1, "b": 2}]
    assert [job["running"] for job in jobs] == [False, True]
    assert [job["job"] for job in same] == [job["job"] for job in jobs]


async def test_all_queued_jobs_of_a_queue_are_cancelled(tmp_path: Path) -> None:
    """The reply says how many."""
    async with desk_over(tmp_path) as desk:
        for _ in range(3):
            await desk.submit(attrs.evolve(CALL, queue=QUEUE))

        reply = await desk.ask("cancel_queue", queue={"b": 2, "a": 1})
        left = await desk.ask_pages("list_queue", "jobs", queue={"a": 1, "b": 2})

    assert reply == {"result": "ok", "cancelled": 2}
    assert [job["running"] for job in left] == [True]


async def test_hosts_come_in_pages(tmp_path: Path) -> None:
    """Registries of many thousand hosts exist."""
    async with desk_over(tmp_path) as desk:
        page = await desk.ask("list_hosts")
        every = await desk.ask_pages("list_hosts", "hosts", limit=7)

    assert len(page["hosts"]) == 100
    assert every == HOSTS


async def test_connections_come_in_pages(tmp_path: Path) -> None:
    """Tens of thousands may be open; what is behind the last page is told as such."""
    async with desk_over(tmp_path) as desk:
        page = await desk.ask("connections")
        every = await desk.ask_pages("connections", "connections", limit=7)
        whole = await desk.ask("connections", limit=250)

    assert (len(page["connections"]), page["after"]) == (100, "100")
    assert every == CONNECTIONS
    assert (len(whole["connections"]), whole["after"]) == (250, None)


async def test_a_refresh_that_failed_is_told_with_its_problems(tmp_path: Path) -> None:
    """The old list is kept, and whoever asked learns why."""
    async with desk_over(tmp_path) as desk:
        good = await desk.ask("refresh_hosts")
        desk.refreshed = Refreshed(count=3, problems=("line 2: no hostname",))
        bad = await desk.ask("refresh_hosts")

    assert good == {"result": "ok", "count": 3}
    assert bad["result"] == "error"
    assert "old list of 3 hosts is kept: line 2: no hostname" in bad["message"]


async def test_old_jobs_are_pruned_on_demand(tmp_path: Path) -> None:
    """Without an age in the command or the configuration nothing is forgotten."""
    async with desk_over(tmp_path) as desk:
        [claim] = await desk.submit()
        await desk.store.finish(claim, Returned(JsonText(b"1")), 0, [])
        await desk.submit()

        refused = await desk.ask("prune_jobs")
        too_young = await desk.ask("prune_jobs", max_age=3600)
        pruned = await desk.ask("prune_jobs", max_age=0.000001)
        left = await desk.ask_pages("list_jobs", "jobs", list_all=True)

    assert refused["result"] == "error"
    assert too_young == {"result": "ok", "pruned": 0}
    assert pruned == {"result": "ok", "pruned": 1}
    assert len(left) == 1


async def test_status_and_stop_reach_the_daemon(tmp_path: Path) -> None:
    """The two commands that every init script knows."""
    async with desk_over(tmp_path) as desk:
        status = await desk.ask("status", wait=True)
        stop = await desk.ask("stop")

        assert len(desk.stops) == 1

    assert status == {"result": "running", "waited": True, "draining": False}
    assert stop["result"] == "ok"
    assert isinstance(stop["pid"], int)
