"""The folders beside this module: each exports an adapter and is found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Any

from harpcaller import adapters
from harpcaller.adapters.adapter import Adapter


def names() -> tuple[str, ...]:
    """Return the names of all adapters, sorted."""
    found = (one.name for one in pkgutil.iter_modules(adapters.__path__) if one.ispkg)
    return tuple(sorted(name for name in found if hasattr(_folder(name), "ADAPTER")))


def find(name: str) -> Adapter[Any]:
    """Return the adapter that a folder exports; `name` is one of `names`."""
    adapter: Adapter[Any] = _folder(name).ADAPTER
    return adapter


def _folder(name: str) -> ModuleType:
    return importlib.import_module(f"{adapters.__name__}.{name}")
