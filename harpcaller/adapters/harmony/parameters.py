"""What Harmony is told of an output: the parameters of a callback, and their text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from harpcaller.adapters.harmony.granules import box_of, period_of
from harpcaller.adapters.harmony.mimes import UNKNOWN_TYPE, type_of
from harpcaller.adapters.harmony.stac import Asset
from harpcaller.adapters.harmony.uris import last_part

Parameters = Sequence[tuple[str, str]]
MAX_ERROR_CHARACTERS: Final = 4096
MAX_ERROR_BYTES: Final = 8000  # encoded


def item_parameters(item: Mapping[str, Any], asset: Asset, mime: str) -> Parameters:
    """Return the parameters of one output; what is not known is left out.

    `mime` is the format that was asked for, "" for none.
    """
    box, period = box_of(item), period_of(item)
    told = {
        "item[href]": asset.href,
        "item[type]": asset.type or type_of(asset.href) or mime or UNKNOWN_TYPE,
        "item[temporal]": None if period is None else ",".join(period),
        "item[bbox]": None if box is None else ",".join(map(number_text, box)),
        "item[title]": asset.title or last_part(asset.href),
    }
    return [(name, value) for name, value in told.items() if value is not None]


def error_parameters(text: str) -> Parameters:
    """Return the parameter of a failure, cut to what a URL carries."""
    cut = text[:MAX_ERROR_CHARACTERS]
    while len(quote(cut, safe="")) > MAX_ERROR_BYTES:
        cut = cut[: -(len(cut) // 8) - 1]
    return [("error", cut)]


def query(parameters: Parameters) -> str:
    """Return the text of a query; a plus is a plus."""
    return "&".join(
        f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters
    )


def number_text(number: float) -> str:
    """Return a number as short as it can be read back."""
    return str(int(number)) if number == int(number) else repr(number)
