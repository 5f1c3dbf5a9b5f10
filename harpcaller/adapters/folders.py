"""The folders beside this module: each exports an adapter and is found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from harpcaller import adapters
from harpcaller.adapters.adapter import Adapter


def names() -> tuple[str, ...]:
    """Return the names of all adapters, sorted."""
    modules = pkgutil.iter_modules(adapters.__path__)
    return tuple(sorted(module.name for module in modules if module.ispkg))


def find(name: str) -> Adapter[Any]:
    """Return the adapter that a folder exports; `name` is one of `names`."""
    module = importlib.import_module(f"{adapters.__name__}.{name}")
    adapter: Adapter[Any] = module.ADAPTER
    return adapter
