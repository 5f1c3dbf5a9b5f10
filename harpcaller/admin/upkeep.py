"""Commands for the days of maintenance: drain, pause, prune, back up, check."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import trio

from harpcaller.admin.parts import Administered
from harpcaller.store import Fault, StoreError
from harpcaller.upkeep import prune_once
from indira.commands import (
    Arguments,
    Command,
    Kind,
    Long,
    Parameter,
    Reply,
    Tell,
    refusal,
)
from protocol.jsontext import JsonValue, canonical

_LOOK_S = 0.1  # how soon it is noticed that the last job has ended
_TELL_S = 5.0  # how often somebody is told that nothing has changed

_WAIT = Parameter(
    name="wait", kind=Kind.FLAG, help="Answer once nothing runs.", default=False
)
_FILE = Parameter(
    name="path", kind=Kind.TEXT, help="A new file, an absolute path.", is_required=True
)
_QUEUE = Parameter(
    name="queue", kind=Kind.OBJECT, help="A queue's name.", is_required=True
)
_MAX_AGE = Parameter(
    name="max_age",
    kind=Kind.AGE,
    help="Forget what ended so long ago; default as configured.",
)


def upkeep_commands(daemon: Administered) -> list[Command]:
    """Return what keeps `daemon` well."""
    return [*_holding_commands(daemon), *_store_commands(daemon)]


def _holding_commands(daemon: Administered) -> list[Command]:
    return [
        Command(
            name="drain",
            help="Accept and start nothing more; what runs goes on.",
            run=Long(run=partial(_drain, daemon)),
            parameters=(_WAIT,),
        ),
        Command(
            name="resume",
            help="Accept and start again after a drain.",
            run=partial(_resume, daemon),
        ),
        Command(
            name="pause_queue",
            help="Start no job of a queue until it is resumed.",
            run=partial(_pause_queue, daemon, True),
            parameters=(_QUEUE,),
        ),
        Command(
            name="resume_queue",
            help="Start the jobs of a paused queue again.",
            run=partial(_pause_queue, daemon, False),
            parameters=(_QUEUE,),
        ),
    ]


def _store_commands(daemon: Administered) -> list[Command]:
    return [
        Command(
            name="prune_jobs",
            help="Forget jobs that ended long ago.",
            run=Long(run=partial(_prune_jobs, daemon)),
            parameters=(_MAX_AGE,),
        ),
        Command(
            name="backup",
            help="Write a consistent copy of all jobs to a new file.",
            run=Long(run=partial(_backup, daemon)),
            parameters=(_FILE,),
        ),
        Command(
            name="check_store",
            help="Look for damage of what is stored.",
            run=Long(run=partial(_check_store, daemon)),
        ),
    ]


async def _drain(daemon: Administered, arguments: Arguments, tell: Tell) -> Reply:
    dispatcher = daemon.dispatcher
    await dispatcher.drain()
    told, told_at = -1, 0.0
    while arguments.flag("wait") and (running := dispatcher.running_count):
        if not dispatcher.is_draining:
            return refusal("it was resumed meanwhile")
        if running != told or trio.current_time() - told_at > _TELL_S:
            told, told_at = running, trio.current_time()
            await tell({"running": running})
        await trio.sleep(_LOOK_S)
    return {"result": "ok", "running": dispatcher.running_count}


async def _resume(daemon: Administered, _: Arguments) -> Reply:
    await daemon.dispatcher.resume(daemon.max_running())
    return {"result": "ok"}


async def _pause_queue(
    daemon: Administered, paused: bool, arguments: Arguments
) -> Reply:
    name = canonical(arguments.object("queue"))
    await daemon.dispatcher.pause_queue(name, paused=paused)
    return {"result": "ok"}


async def _prune_jobs(daemon: Administered, arguments: Arguments, tell: Tell) -> Reply:
    max_age_s = arguments.seconds("max_age")
    if max_age_s is None:
        max_age_s = daemon.max_age_s()
    if max_age_s is None:
        return refusal("no age is configured: say how old a job must be")
    told_at = trio.current_time()

    async def tell_count(pruned: int) -> None:
        nonlocal told_at
        if trio.current_time() - told_at >= _TELL_S:
            told_at = trio.current_time()
            await tell({"pruned": pruned})

    before = time.time() - max_age_s
    adapters = daemon.dispatcher.adapters
    pruned = await prune_once(daemon.store, adapters, before, tell_count)
    return {"result": "ok", "pruned": pruned}


async def _backup(daemon: Administered, arguments: Arguments, tell: Tell) -> Reply:
    path = Path(arguments.text("path") or "")
    if not path.is_absolute():
        return refusal(f"{path}: expected an absolute path")

    async def tell_pages(done: int, total: int) -> None:
        await tell({"pages": done, "of": total})

    try:
        await daemon.store.backup(path, tell_pages)
    except (OSError, StoreError) as error:
        return refusal(str(error))
    return {"result": "ok", "path": str(path)}


async def _check_store(daemon: Administered, _: Arguments, tell: Tell) -> Reply:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_tell_time, tell)
        faults = await daemon.store.check()
        nursery.cancel_scope.cancel()
    return {"result": "ok", "faults": [fault_value(fault) for fault in faults]}


async def _tell_time(tell: Tell) -> None:
    begun = trio.current_time()
    while True:
        await trio.sleep(_TELL_S)
        await tell({"seconds": round(trio.current_time() - begun)})


def fault_value(fault: Fault) -> JsonValue:
    """Return what is told of damage."""
    return {"message": fault.message, "job": fault.job_id}
