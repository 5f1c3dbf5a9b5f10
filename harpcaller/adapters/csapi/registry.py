"""The services there are: those of the configuration, and those registered."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import attrs

from harpcaller.adapters.adapter import Problem
from harpcaller.adapters.csapi.refusals import Refusal
from harpcaller.adapters.csapi.service import Service, read_service
from harpcaller.adapters.csapi.settings import Settings
from harpcaller.adapters.parts import Part
from harpcaller.adapters.route import Operations
from protocol.jsontext import JsonValue, decode, encode

_PREFIX: Final = "service/"  # of the documents that hold a registration
_MAX_READ: Final = 256


@attrs.frozen(kw_only=True)
class Entry:
    """A service; a retired one takes no jobs, and tells of those it had.

    `table` is what it was registered with; one of the configuration has none.
    """

    service: Service
    table: Mapping[str, JsonValue] | None = attrs.field(default=None, repr=False)
    is_retired: bool = False

    @property
    def is_fixed(self) -> bool:
        """Tell whether it cannot be changed over HTTP."""
        return self.table is None


@attrs.frozen
class Registry:
    """What is known of the services now, to one request."""

    _settings: Settings
    _means: Operations

    async def find(self, name: str) -> Entry:
        """Return the service of that name.

        Raises:
            Refusal: 404.
        """
        entry = await self.look_up(name)
        if entry is None:
            raise Refusal(404, "there is no such service")
        return entry

    async def look_up(self, name: str) -> Entry | None:
        """Return the service of that name, if there is or was one."""
        fixed = self._settings.services.get(name)
        if fixed is not None:
            return Entry(service=fixed)
        kept = await self._means.document(_PREFIX + name)
        return None if kept is None else _read_kept(name, kept)

    async def find_default(self) -> Entry:
        """Return the service that answers at the root.

        Raises:
            Refusal: 404, none does.
        """
        return await self._find_where(
            lambda service: service.is_default, "no service is the default one"
        )

    async def find_asset(self, asset_id: str) -> Entry:
        """Return the service of that asset id, written as clients do, 0x or not.

        Raises:
            Refusal: 404.
        """
        wanted = asset_id.removeprefix("0x").lower()
        return await self._find_where(
            lambda service: service.asset_id == wanted, "there is no such asset"
        )

    async def entries(self) -> Sequence[Entry]:
        """Return all that are not retired, by their names."""
        return [one for one in await self._all() if not one.is_retired]

    async def keep(self, entry: Entry) -> None:
        """Have a registered service be there, or retired, from now on."""
        table = dict(entry.table or {})
        kept: dict[str, JsonValue] = {
            "table": table,
            "metadata": entry.service.metadata.decode(),
            "is_retired": entry.is_retired,
        }
        await self._means.keep(_PREFIX + entry.service.name, encode(kept))

    async def _find_where(
        self, is_wanted: Callable[[Service], bool], complaint: str
    ) -> Entry:
        found = [one for one in await self._all() if is_wanted(one.service)]
        if not found:
            raise Refusal(404, complaint)
        return min(found, key=lambda one: (one.is_retired, not one.is_fixed))

    async def _all(self) -> Sequence[Entry]:
        names = {*self._settings.services}
        for document in await self._means.documents():
            names.add(document.removeprefix(_PREFIX))
        found: list[Entry] = []
        for name in sorted(names):
            with suppress(Refusal):  # who asks for it by its name is told why
                found.append(await self.find(name))
        return found


@functools.lru_cache(maxsize=_MAX_READ)
def _read_kept(name: str, kept: bytes) -> Entry:
    value: Any = decode(kept)
    problems: list[Problem] = []
    part = Part(value["table"], "", problems)
    service = read_service(name, part, value["metadata"].encode())
    if service is None:
        raise Refusal(503, "it was registered with a dispatcher of another version")
    return Entry(service=service, table=value["table"], is_retired=value["is_retired"])
