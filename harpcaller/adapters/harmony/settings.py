"""What `[adapters.harmony]` settles, after it was judged; it never changes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import attrs

from harpcaller.adapters.harmony.bindings import Binding, find_binding
from harpcaller.adapters.harmony.chains import Chain, Step
from harpcaller.adapters.harmony.uris import readable
from harpcaller.adapters.places import Place, is_allowed, read_place


class Dialect(StrEnum):
    """What is posted to Harmony: its versions complete a request by different words."""

    SEED = "seed"
    ITEM_STATUS = "item-status"
    HARMONY_NOW = "harmony-now"
    NONE = "none"


class NoData(StrEnum):
    """How a request ends whose services all found nothing."""

    SUCCESS = "success"
    ERROR = "error"


@attrs.frozen(kw_only=True)
class Written:
    """What settings were read from: the table, the lines of services and bindings."""

    table: Mapping[str, Any] = attrs.field(factory=dict)
    services: Mapping[str, Any] = attrs.field(factory=dict)
    bindings: Mapping[str, Any] = attrs.field(factory=dict)
    core_max_exec_s: float = 0


@attrs.frozen(kw_only=True)
class Settings:
    """All that decides on a request beside the request itself.

    `chains` are the offered ones. `work_dir` is shared with workers, None is none.
    """

    environment: str
    chains: Mapping[str, Chain]
    bindings: Mapping[str, Binding]
    callback_allow: tuple[Place, ...]
    granule_allow: tuple[Place, ...]
    work_dir: str | None = None
    work_group: str | None = None
    href_map: Mapping[str, str] = attrs.field(factory=dict)
    native_format: Mapping[str, str] = attrs.field(factory=dict)  # by collection
    dialect: Dialect = Dialect.SEED
    ignore_errors: bool = True
    nodata: NoData = NoData.SUCCESS
    retry_limit: int = 5
    max_errors: int = 2000
    max_exec_s: float = 604800
    max_failed_percent: int = 75
    cancel_probe_s: float = 60  # 0 is never
    max_granules: int = 10_000_000
    count_locator: bool = False
    max_worker_line_bytes: int = 4 * 2**20
    warnings: tuple[str, ...] = ()
    written: Written = attrs.field(factory=Written, repr=False)
    disabled: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    def shared_dir(self, binding: Binding) -> str | None:
        """Return the directory that we share with the binding's workers."""
        return self.work_dir if binding.is_shared else None

    def may_read(self, uri: str) -> bool:
        """Tell whether a document may be read: ours, or where granules may be."""
        url = readable(uri)
        own = () if self.work_dir is None else (read_place(readable(self.work_dir)),)
        return is_allowed(url, (*self.granule_allow, *own))

    def may_post_to(self, callback: str) -> bool:
        """Tell whether Harmony may be told there: a path and a query are added."""
        is_web = callback.lower().startswith(("http:", "https:"))
        is_open = not {"?", "#"} & set(callback)
        return is_web and is_open and is_allowed(callback, self.callback_allow)

    def binding(self, chain: Chain, step: Step) -> Binding:
        """Return how a step of an offered service is reached: `load` saw that it is."""
        found = find_binding(self.bindings, chain, step)
        if found is None:
            raise LookupError(f"no binding for step {step.number} of {chain.name}")
        return found
