"""Cumulus workflows as jobs of a dispatcher, through its crashes and cancels."""

from __future__ import annotations

from typing import Any

from adapted import Adapted, outcome_of, submit
from cumulus_runs import a_case, a_list, a_message
from cumulus_workflow_cases import settings_of
from eventually import eventually
from trio.testing import MockClock

from harpcaller.adapters.cumulus import ADAPTER
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.store import JobFilter
from protocol import outcome as ends
from protocol.call import Call, seal
from protocol.job import JobId
from protocol.jsontext import decode, encode
from protocol.outcome import Raised, Returned

PASSWORD = "C4n4ry-p4ss"  # noqa: S105 (a canary)


def a_world(*procedures: str) -> Adapted:
    """Return a dispatcher's world with a workflow of some procedures."""
    tasks = [
        {"name": f"T{number}", "host": "h", "procedure": procedure}
        for number, procedure in enumerate(procedures)
    ]
    return Adapted(adapter=ADAPTER, settings=settings_of(a_case(a_list(*tasks))))


async def begun(dispatcher: Dispatcher, message: Any, *seals: str) -> JobId:
    """Submit a message; return the id of the job that carries it."""
    arguments = {"message": message}
    sealed = seal(copy := decode(encode(arguments)), [*seals])
    call = Call(
        host="@cumulus", procedure="Flow", arguments=encode(copy), sealed=sealed
    )
    return await submit(dispatcher, call)


async def notes(world: Adapted, job_id: JobId) -> list[Any]:
    """Return what the stream of a workflow says, events left out."""
    packets: list[Any] = [decode(packet) for packet in await world.log(job_id)]
    return [packet for packet in packets if "event" not in packet]


async def test_a_message_goes_through_its_workflow(autojump_clock: MockClock) -> None:
    """C-11: the children in order, each with its parent; the result is the message."""
    world = a_world("one", "two", "three")

    async with world.life() as dispatcher:
        job_id = await begun(dispatcher, a_message(payload=1))
        outcome = await outcome_of(dispatcher, job_id)
        children = await world.children(job_id)

    assert isinstance(outcome, Returned)
    infos: list[Any] = [decode(child.info) for child in children]
    assert {info["parent"] for info in infos} == {job_id}
    assert sorted(info["key"] for info in infos) == ["0.T0/a0", "1.T1/a0", "2.T2/a0"]
    assert len(world.workers.got) == 3
    told = await notes(world, job_id)
    kinds = [packet["cumulus"] for packet in told]
    assert kinds == ["started", *["call", "answered"] * 3]
    named = await world.store.jobs(JobFilter(label="ex-1"), None, 10)
    assert [job.job_id for job in named.jobs] == [job_id]


async def test_what_ran_is_not_run_again_after_a_crash(
    autojump_clock: MockClock,
) -> None:
    """C-16: task 1 is not repeated; task 2 is lost, and its message is told."""
    world = a_world("one", "hang", "three")
    async with world.life() as dispatcher:
        job_id = await begun(dispatcher, a_message(payload=1))
        await eventually(lambda: len(world.workers.got) == 2)

    async with world.life() as dispatcher:
        outcome = await outcome_of(dispatcher, job_id)

    assert isinstance(outcome, Raised)
    assert outcome.type == "HarpCaller.Lost"
    data: Any = decode(outcome.data or b"")
    assert data["task"] == "T1"
    assert data["message"]["exception"]["Error"] == "HarpCaller.Lost"
    assert len(world.workers.got) == 2
    assert "resumed" in [packet["cumulus"] for packet in await notes(world, job_id)]


async def test_a_cancel_reaches_the_task(autojump_clock: MockClock) -> None:
    """C-15: the child is cancelled, the next is never called."""
    world = a_world("one", "hang", "three")

    async with world.life() as dispatcher:
        job_id = await begun(dispatcher, a_message())
        await eventually(lambda: len(world.workers.got) == 2)
        await dispatcher.cancel(job_id)
        outcome = await outcome_of(dispatcher, job_id)
        children = await world.children(job_id)

    assert outcome == ends.Cancelled()
    assert [child.outcome for child in children].count(ends.Cancelled()) == 1
    assert len(children) == 2


async def test_secrets_are_seen_by_workers_alone(autojump_clock: MockClock) -> None:
    """C-19: in the call to the worker, and nowhere else that can be read."""
    world = a_world("one", "fail")
    message = a_message(
        meta={"cmr": {"password": PASSWORD}},
        payload={"pin": "qwertz-1"},
        workflow_config={"T1": {"url": "https://u:{meta.cmr.password}@h/"}},
    )

    async with world.life() as dispatcher:
        job_id = await begun(dispatcher, message, "/message/payload/pin")
        outcome = await outcome_of(dispatcher, job_id)
        children = await world.children(job_id)

    assert isinstance(outcome, Raised)
    told = repr([*children, await world.log(job_id), await world.store.get(job_id)])
    sent = repr(world.workers.got)
    assert PASSWORD in sent
    assert "qwertz-1" in sent
    assert PASSWORD not in outcome.message
    for child in children:
        assert PASSWORD not in repr(child)
        assert "qwertz-1" not in repr(child)
    assert PASSWORD not in repr(await world.log(job_id))
    assert told.count("***") > 2
