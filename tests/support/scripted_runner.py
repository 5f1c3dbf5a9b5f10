"""A runner without a network: a call does what the procedure of its name says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import trio

from harpcaller.runners import Progress
from harpcaller.store import Claim
from protocol.call import Call, QueueSpec
from protocol.jsontext import JsonText, encode
from protocol.outcome import Outcome, Returned

Procedure: TypeAlias = Callable[[Progress], Awaitable[Outcome]]

DONE = Returned(JsonText(b'"done"'))
QUEUE = QueueSpec(name=JsonText(b'{"name":"one"}'))


class ScriptedRunner:
    """Knows its procedures by name; `started` are the calls in their order."""

    def __init__(self, **procedures: Procedure) -> None:
        self.started: list[str] = []
        self._procedures = {"hang": hang, "nap": sleeping(1), **procedures}

    async def carry_out(self, claim: Claim, progress: Progress) -> Outcome:
        """Carry out one call."""
        self.started.append(claim.job_id)
        return await self._procedures[claim.record.procedure](progress)


async def hang(progress: Progress) -> Outcome:
    """Connect, and never end."""
    progress.connected()
    await trio.sleep_forever()
    return DONE


async def never_connect(_: Progress) -> Outcome:
    """Wait for the other side for ever."""
    await trio.sleep_forever()
    return DONE


def sleeping(seconds: float) -> Procedure:
    """Return a procedure that takes so long and says nothing meanwhile."""

    async def procedure(progress: Progress) -> Outcome:
        progress.connected()
        await trio.sleep(seconds)
        return DONE

    return procedure


def streaming(packets: int, gap_s: float) -> Procedure:
    """Return a procedure that streams numbers, each after a gap."""

    async def procedure(progress: Progress) -> Outcome:
        progress.connected()
        for number in range(packets):
            await trio.sleep(gap_s)
            progress.heard()
            await progress.emit([encode(number)])
        await trio.sleep(gap_s)
        return DONE

    return procedure


def a_call(
    procedure: str,
    *,
    timeout_s: float | None = None,
    max_exec_s: float | None = None,
    queue: QueueSpec | None = None,
) -> Call:
    """Return a call of a procedure without arguments."""
    return Call(
        host="h",
        procedure=procedure,
        arguments=JsonText(b"[]"),
        timeout_s=timeout_s,
        max_exec_s=max_exec_s,
        queue=queue,
    )
