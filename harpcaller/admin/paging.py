"""Lists in pages: what a command takes for them."""

from __future__ import annotations

from indira.commands import Arguments, Kind, Parameter

_PAGE_LENGTH = 100
_MAX_PAGE_LENGTH = 1000

PAGE = (
    Parameter(name="after", kind=Kind.TEXT, help="Where the page before it ended."),
    Parameter(name="limit", kind=Kind.COUNT, help="How many at most, up to 1000."),
)


def page_length(arguments: Arguments) -> int:
    """Return how many a page holds at most."""
    return min(arguments.count("limit") or _PAGE_LENGTH, _MAX_PAGE_LENGTH)
