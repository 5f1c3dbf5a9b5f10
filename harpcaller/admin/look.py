"""Commands that tell how the dispatcher is: its limits, and who is connected."""

from __future__ import annotations

from functools import partial

from harpcaller import descriptors
from harpcaller.admin.paging import PAGE, page_length
from harpcaller.admin.parts import Administered
from harpcaller.listing import no_page
from indira.commands import Arguments, Command, Reply
from protocol.job import State
from protocol.jsontext import JsonValue

_MAX_DIGITS = 18  # of a connection's number


def look_commands(daemon: Administered) -> list[Command]:
    """Return what tells how `daemon` is."""
    return [
        Command(
            name="limits",
            help="Tell the limits in force, and how much of them is used.",
            run=partial(_limits, daemon),
        ),
        Command(
            name="connections",
            help="List the clients that are connected, and what they do.",
            run=partial(_connections, daemon),
            parameters=PAGE,
        ),
    ]


async def _limits(daemon: Administered, _: Arguments) -> Reply:
    counts = await daemon.store.counts()
    used: dict[str, JsonValue] = {
        "max_open_files": descriptors.limit(),
        "open_files": descriptors.count_open(),
        "running": counts[State.RUNNING],
        "queued": counts[State.QUEUED],
        "connections": daemon.count_connections(),
    }
    return {"result": "ok", "limits": {**daemon.limits(), **used}}


async def _connections(daemon: Administered, arguments: Arguments) -> Reply:
    after, length = _number(arguments.text("after")), page_length(arguments)
    found = daemon.connections(after, length + 1)
    page: list[JsonValue] = [*found[:length]]
    is_last = len(found) <= length
    last = None if is_last else str(found[length - 1]["connection"])
    return {"result": "ok", "connections": page, "after": last}


def _number(after: str | None) -> int:
    if after is None:
        return 0
    if not (after.isascii() and after.isdigit()) or len(after) > _MAX_DIGITS:
        raise no_page()
    return int(after)
