"""The keys of a table in harpd.toml: which there may be, and of what type."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeAlias

Types: TypeAlias = type | tuple[type, ...]


def check_keys(
    where: str, table: Mapping[str, Any], known: Mapping[str, Types]
) -> None:
    """Do nothing if all keys are known and their values of the right type.

    Raises:
        ValueError: naming the key.
    """
    for key, value in table.items():
        complaint = complain_of(key, value, known)
        if complaint is not None:
            raise ValueError(f"{where}: {complaint}")


def complain_of(key: str, value: Any, known: Mapping[str, Types]) -> str | None:
    """Return what is wrong with one key, None if it is known and of its type."""
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1)
        hint = f', did you mean "{near[0]}"?' if near else ""
        return f'unknown key "{key}"{hint}'
    if not _is_of(known[key], value):
        return f'"{key}": not expected to be {type(value).__name__}'
    return None


def _is_of(types: Types, value: Any) -> bool:
    """Tell whether a value has one of the types; true is no 1."""
    if isinstance(value, bool):
        return bool in (types if isinstance(types, tuple) else (types,))
    return isinstance(value, types)
