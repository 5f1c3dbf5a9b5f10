"""Puts a dispatcher together with the runners of workers and of adapters' jobs."""

from __future__ import annotations

from collections.abc import Callable

import trio

from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.dispatch.family import Family
from harpcaller.dispatch.limits import Limits
from harpcaller.runners import Runner
from harpcaller.runners.installed import Installed
from harpcaller.runners.outside.carriers import Carriers
from harpcaller.runners.parents import ParentRunner
from harpcaller.runners.router import Router
from harpcaller.runners.workflow import Means
from harpcaller.store import Store


def open_dispatcher(
    store: Store,
    workers: Runner,
    limits: Limits,
    jobs: trio.Nursery,
    clock: Callable[[], float],
) -> Dispatcher:
    """Return a dispatcher without adapters yet: `adapters.configure` brings them."""
    carriers = Carriers(clock)

    def find(host: str) -> Installed | None:
        return dispatcher.adapters.find(host)

    def means_for(installed: Installed) -> Means:
        return Means(
            children=Family(dispatcher),
            transfers=carriers.outside(installed),
            store=store,
            clock=clock,
            cancel_grace_s=installed.cancel_grace_s,
            opens_sealed=installed.adapter.opens_sealed,
        )

    def external() -> Runner:
        return dispatcher.external

    parents = ParentRunner(find, means_for, store, external)
    router = Router(workers, parents, store)
    dispatcher = Dispatcher(store, router, limits, jobs, clock)
    return dispatcher
