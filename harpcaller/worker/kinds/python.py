"""A Python procedure, or an errand, that runs: its process speaks the wire itself."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import trio

from harpcaller.worker.control import Supervisor
from harpcaller.worker.death import Exited, as_exception
from harpcaller.worker.family import Family
from harpcaller.worker.limits import Limits
from harpcaller.worker.supervisor import Asked, write_asked
from protocol import harp_worker
from protocol.jsontext import encode

_CHUNK_BYTES = 1 << 16


@attrs.define(eq=False)
class PythonChild:
    """One call whose process speaks the wire: its lines pass as they are."""

    _supervisor: Supervisor
    _lines: trio.lowlevel.FdStream
    _limits: Limits
    _grace_s: float
    _received_bytes: int = 0

    async def receive_some(self) -> bytes:
        """Return what the procedure's process wrote next; b"" when it is over."""
        if self._is_too_much:
            return b""
        data = bytes(await self._lines.receive_some(_CHUNK_BYTES))
        self._received_bytes += len(data)
        return b"" if self._is_too_much else data

    async def receive_ending(self) -> bytes:
        """Wait until nothing is left; return the line the dispatcher is to hear.

        It is empty if the process said its own, or if its supervisor died.
        """
        if self._is_too_much:
            await self._supervisor.end(self._grace_s)
            return too_much(self._limits)
        death = await self._supervisor.receive_death()
        return b"" if death in {None, Exited(0)} else as_exception(death)

    @property
    def _is_too_much(self) -> bool:
        most = self._limits.max_output_bytes
        return most is not None and self._received_bytes > most


def too_much(limits: Limits) -> bytes:
    """Return the line of a call that was ended because it said too much."""
    most = limits.max_output_bytes
    message = f"the procedure wrote more than its limit of {most} bytes"
    data = encode({"limit": {"max_output_bytes": most}})
    return harp_worker.exception("OutputTooLarge", message, data)


@asynccontextmanager
async def run_python(
    family: Family, asked: Asked, limits: Limits
) -> AsyncIterator[PythonChild]:
    """Run `asked` in a child of its own; the block leaves nothing of it behind.

    Raises:
        Refused: `procedure_loading_error`.
    """
    asked = attrs.evolve(asked, timeout_s=limits.timeout_s)
    reading, writing = os.pipe()
    async with trio.lowlevel.FdStream(reading) as lines:
        try:
            running = family.run(write_asked(asked), [writing], limits.timeout_s)
            async with running as supervisor:
                os.close(writing)
                writing = -1
                yield PythonChild(supervisor, lines, limits, family.patience_s)
                await lines.aclose()  # who still writes must not wait for a reader
        finally:
            if writing >= 0:
                os.close(writing)
