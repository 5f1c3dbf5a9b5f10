"""Calls as processes, seen from harpd: what may be called, and each family of them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import attrs
import structlog
import trio

from harpcaller.rights import complain_if_not_ours
from harpcaller.worker.catalogue import (
    Catalogue,
    Defaults,
    Offered,
    catalogue_complaints,
    make_catalogue,
)
from harpcaller.worker.family import Family, orders_for
from harpcaller.worker.harmony.errand import errand_of
from harpcaller.worker.harmony.settings import HarmonyCli, HarmonyHttp
from harpcaller.worker.kinds.executable import Executable, run_executable
from harpcaller.worker.kinds.python import run_python
from harpcaller.worker.limits import Gates
from harpcaller.worker.orders import PythonFunction
from harpcaller.worker.orphans import Orphans
from harpcaller.worker.powers import our_powers
from harpcaller.worker.procedures import Info
from harpcaller.worker.profile import Profile
from harpcaller.worker.supervisor import Asked
from protocol.harp import HarpCall
from protocol.harp_worker import Refusal, Refused

log = structlog.get_logger()


class Child(Protocol):
    """One call that runs: the lines it says, and how it ends."""

    async def receive_some(self) -> bytes:
        """Return what the call says next; b"" when it is over."""

    async def receive_ending(self) -> bytes:
        """Wait until nothing is left; return the line that tells the end, if any."""


@attrs.frozen(kw_only=True)
class Plan:
    """What is to be served; seconds, bytes."""

    procedures: Path | None
    executables: tuple[Offered, ...]
    defaults: Defaults
    term_grace_s: float
    max_line_bytes: int


class Children:
    """Starts calls; owns the families of its profiles, and how many calls use them."""

    def __init__(self, plan: Plan, gates: Gates, orphans: Orphans) -> None:
        self._plan = plan
        self._gates = gates
        self._orphans = orphans
        self._source = b""
        self._families: dict[Profile, Family] = {}
        self._calls = 0
        self._unused = trio.Event()
        self.catalogue: Catalogue = {}
        """What may be called; empty until `warm_up`."""

    async def warm_up(self) -> None:
        """Load the procedures, into the warm parent of the default profile.

        Raises:
            Refused: `procedure_loading_error`, with what was wrong.
        """
        if self._plan.procedures is not None:
            self._source = _read_trusted(self._plan.procedures)
        functions = await self._family(self._plan.defaults.profile).load()
        self.catalogue = make_catalogue(
            functions, self._plan.executables, self._plan.defaults
        )
        self._gates.adjust(
            {name: offered.limits for name, offered in self.catalogue.items()}
        )
        for complaint in self.complaints():
            log.warning("profile.impossible", reason=complaint)

    def complaints(self) -> list[str]:
        """Return what keeps procedures from running as they are configured."""
        return list(
            catalogue_complaints(
                self.catalogue.values(), self._plan.defaults, our_powers()
            )
        )

    @asynccontextmanager
    async def place(self, call: HarpCall) -> AsyncIterator[None]:
        """Wait until the procedure may run once more, and hold that place.

        Raises:
            Refused: `no_such_procedure`, or `busy`.
        """
        name = self._find(call).name
        self._calls += 1
        try:
            async with self._gates.place(name):
                yield
        finally:
            self._calls -= 1
            if not self._calls:
                self._unused.set()

    @asynccontextmanager
    async def run(self, call: HarpCall, origin: str) -> AsyncIterator[Child]:
        """Run `call` in a process of its own; the block leaves nothing of it behind.

        `origin` is where it came from. It has to have its place.

        Raises:
            Refused: `procedure_loading_error`, `invalid_argument_list`.
        """
        info = Info(user=call.user, job_id=call.job_id, peer=origin)
        offered = self._find(call)
        family = self._family(offered.profile)
        if isinstance(offered.what, Executable):
            async with run_executable(
                family,
                offered.what,
                call,
                info,
                offered.limits,
                max_line_bytes=self._plan.max_line_bytes,
                grace_s=family.patience_s,
            ) as executing:
                yield executing
        else:
            asked = _asked(offered.what, call, info)
            async with run_python(family, asked, offered.limits) as child:
                yield child

    async def close(self) -> None:
        """End all that is left. The calls should have ended before."""
        async with trio.open_nursery() as nursery:
            for family in self._families.values():
                nursery.start_soon(family.close)

    async def wait_unused(self) -> None:
        """Return when no call waits or runs any more; none may begin meanwhile."""
        if self._calls:
            self._unused = trio.Event()
            await self._unused.wait()

    def _find(self, call: HarpCall) -> Offered:
        offered = self.catalogue.get(call.procedure)
        if offered is None:
            message = f'no procedure "{call.procedure}" here'
            raise Refused(Refusal.NO_SUCH_PROCEDURE, message)
        return offered

    def _family(self, profile: Profile) -> Family:
        """Return the processes of a profile, which are started when they are needed.

        Raises:
            Refused: `procedure_loading_error`, its user is unknown.
        """
        if profile not in self._families:
            orders = orders_for(
                profile,
                None if self._plan.procedures is None else str(self._plan.procedures),
                _environment(),
                term_grace_s=self._plan.term_grace_s,
                max_line_bytes=self._plan.max_line_bytes,
            )
            self._families[profile] = Family(
                profile, orders, self._source, self._orphans
            )
        return self._families[profile]


_LOADING = Refusal.PROCEDURE_LOADING_ERROR


def _read_trusted(path: Path) -> bytes:
    """Return what is in a file that calls are made of.

    Raises:
        Refused: `procedure_loading_error`, it cannot be read or others may change it.
    """
    try:
        complaint = complain_if_not_ours(path)
        if complaint is None:
            return path.read_bytes()
    except OSError as error:
        complaint = error.strerror
    raise Refused(_LOADING, f"{path}: {complaint}")


def _asked(
    what: PythonFunction | HarmonyCli | HarmonyHttp, call: HarpCall, info: Info
) -> Asked:
    """Return what a supervisor is asked for where the process speaks the wire."""
    return Asked(
        procedure=call.procedure,
        arguments=call.arguments,
        info=info,
        errand=None if isinstance(what, PythonFunction) else errand_of(what, call),
    )


def _environment() -> Mapping[str, str]:
    return os.environ
