"""The adapters that the configuration names, each with its settings, by host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import attrs

from harpcaller.adapters.adapter import Adapter
from harpcaller.adapters.places import Places
from harpcaller.runners.outside.file_writing import Desk
from harpcaller.runners.outside.http_messages import HttpSettings
from harpcaller.runners.outside.s3_client import S3Settings

PREFIX: Final = "@"  # of hosts that are adapters


@attrs.frozen(kw_only=True)
class Installed:
    """An adapter, its settings in force, and what the core sees to for it."""

    adapter: Adapter[Any]
    settings: Any = attrs.field(repr=False)
    cancel_grace_s: float = 30
    s3: S3Settings = attrs.field(factory=S3Settings)
    http: HttpSettings = attrs.field(factory=HttpSettings)
    places: Places = attrs.field(factory=Places)
    work_gid: int | None = None  # the number of `places.work_group`

    @property
    def desk(self) -> Desk | None:
        """Where documents are written, if there is such a place."""
        if self.places.work_dir is None:
            return None
        return Desk(folder=self.places.work_dir, gid=self.work_gid)


class Adapters:
    """Those in force; a reload swaps them all at once."""

    def __init__(self, installed: Iterable[Installed] = ()) -> None:
        self._by_host: dict[str, Installed] = {}
        self.configure(installed)

    def configure(self, installed: Iterable[Installed]) -> None:
        """Go by these from now on."""
        self._by_host = {PREFIX + one.adapter.name: one for one in installed}

    def __iter__(self) -> Iterator[Installed]:
        return iter(self._by_host.values())

    def find(self, host: str) -> Installed | None:
        """Return the adapter that is called as `host`."""
        return self._by_host.get(host)
