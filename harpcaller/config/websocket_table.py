"""The keys of the [websocket] table of the configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harpcaller.config.http_table import read_public_url
from harpcaller.config.keys import Key, read_listen
from harpcaller.origin import origin_of


def read_origins(value: Any, folder: Path) -> frozenset[str]:
    """Return the origins of web pages, as browsers write them."""
    expected = "expected a list of https://HOST or http://HOST, perhaps with ports"
    if not isinstance(value, list):
        raise ValueError(expected)  # noqa: TRY004 (one complaint)
    try:
        return frozenset(origin_of(read_public_url(one, folder)) for one in value)
    except ValueError:
        raise ValueError(expected) from None


WEBSOCKET_KEYS: dict[str, Key] = {
    "listen": Key("websocket_listen", read_listen),
    "origins": Key("websocket_origins", read_origins),
}
