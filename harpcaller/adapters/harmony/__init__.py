"""NASA Harmony: data-operation messages, judged and turned into calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harpcaller.adapters.harmony.adapter import ADAPTER

__all__ = ["ADAPTER"]


def __getattr__(name: str) -> Any:
    # Loaded when it is asked for: the command that stands in for a container needs
    # some modules of this folder, and a machine takes longer than all it does.
    if name != "ADAPTER":
        raise AttributeError(name)
    from harpcaller.adapters.harmony.adapter import ADAPTER  # noqa: PLC0415 (as above)

    return ADAPTER
