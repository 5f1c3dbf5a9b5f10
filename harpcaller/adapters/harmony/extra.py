"""The packages of the extra `[harmony]`: looked for, and not imported."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from typing import Final

from harpcaller.adapters.adapter import Problem

PACKAGES: Final = (
    "httpx",
    "jsonschema",
    "pystac",
    "rfc3339_validator",
    "rfc3986_validator",
    "yaml",
)


def lacking(packages: Iterable[str]) -> list[Problem]:
    """Return a problem if one of the packages is not installed, else nothing."""
    names = [name for name in packages if importlib.util.find_spec(name) is None]
    if not names:
        return []
    message = f"needs {', '.join(names)}: pip install 'harpcaller[harmony]'"
    return [Problem(place="", message=message)]
