"""What harpd does for its administrator, command by command."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

import attrs

from harpcaller import __version__
from harpcaller.worker.calls import Calls, RunningCall
from harpcaller.worker.catalogue import Offered
from harpcaller.worker.describe import description
from harpcaller.worker.settings import SettingsError
from indira.commands import (
    Arguments,
    Command,
    CommandTable,
    Kind,
    Parameter,
    Reply,
    refusal,
)
from protocol.harp_worker import Refused
from protocol.jsontext import JsonValue

_WAIT = Parameter(
    name="wait", kind=Kind.FLAG, help="Answer once it runs.", default=False
)
_CALL = Parameter(
    name="call",
    kind=Kind.TEXT,
    help="The number of a running call, or its job's ID.",
    is_required=True,
)


@attrs.frozen(kw_only=True)
class Administered:
    """The parts of harpd that commands act on."""

    calls: Calls
    stop: Callable[[], None]
    reload: Callable[[], Awaitable[Sequence[str]]]
    offered: Callable[[], Iterable[Offered]]
    listen: Sequence[str]


def commands(worker: Administered) -> CommandTable:
    """Return all that an administrator may ask of `worker`."""
    return CommandTable(
        [
            Command(
                name="status",
                help="Tell whether the worker runs, and where it listens.",
                run=partial(_status, worker),
                parameters=(_WAIT,),
            ),
            Command(
                name="stop",
                help="Stop: running calls get their grace.",
                run=partial(_stop, worker),
            ),
            Command(
                name="reload",
                help="Read the settings again; running calls go on.",
                run=partial(_reload, worker),
            ),
            Command(
                name="procedures",
                help="List what may be called, by name.",
                run=partial(_list_procedures, worker),
            ),
            Command(
                name="calls",
                help="List the calls that run, oldest first.",
                run=partial(_list_calls, worker),
            ),
            Command(
                name="kill",
                help="End a call; its dispatcher is told so.",
                run=partial(_kill, worker),
                parameters=(_CALL,),
            ),
        ]
    )


async def _status(worker: Administered, _: Arguments) -> Reply:
    return {
        "result": "running",
        "pid": os.getpid(),
        "version": __version__,
        "listen": list(worker.listen),
        "calls": len(worker.calls.running),
    }


async def _stop(worker: Administered, _: Arguments) -> Reply:
    worker.stop()
    return {"result": "ok", "pid": os.getpid()}


async def _reload(worker: Administered, _: Arguments) -> Reply:
    try:
        needs_restart = await worker.reload()
    except SettingsError as error:
        return refusal(str(error))
    except Refused as error:
        return refusal(f"procedures were not loaded: {error.message}")
    return {"result": "ok", "needs_restart": [*needs_restart]}


async def _list_procedures(worker: Administered, _: Arguments) -> Reply:
    return {"result": "ok", "procedures": description(worker.offered())}


async def _list_calls(worker: Administered, _: Arguments) -> Reply:
    return {"result": "ok", "calls": [_row(call) for call in worker.calls.running]}


async def _kill(worker: Administered, arguments: Arguments) -> Reply:
    name = arguments.text("call") or ""
    found = [
        call
        for call in worker.calls.running
        if name in {str(call.number), call.call.job_id}
    ]
    for call in found:
        worker.calls.kill(call.number)
    if not found:
        return refusal(f'no call "{name[:80]}" runs')
    return {"result": "ok", "killed": [call.number for call in found]}


def _row(running: RunningCall) -> JsonValue:
    return {
        "call": running.number,
        "procedure": running.call.procedure,
        "user": running.call.user,
        "peer": running.origin,
        "job_id": running.call.job_id,
        "since": round(running.since_at, 3),
        "state": "running" if running.is_started else "waiting",
    }
