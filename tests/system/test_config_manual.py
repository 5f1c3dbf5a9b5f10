"""harpcaller.toml(5) says what the code reads."""

from __future__ import annotations

import re

import pytest
from manual import MAN

from harpcaller.config import Config
from harpcaller.config.adapter_keys import ADAPTER_HTTP_KEYS, CORE_KEYS, S3_KEYS
from harpcaller.config.host_tables import HOST_KEYS
from harpcaller.config.http_table import HTTP_KEYS
from harpcaller.config.identity_tables import IDENTITY_KEYS
from harpcaller.config.keys import IGNORED, KEYS, STREAM_DIRECTORY
from harpcaller.config.reporter_tables import REPORTER_KEYS
from harpcaller.config.websocket_table import WEBSOCKET_KEYS

PAGE = MAN / "harpcaller.toml.5"
UNITS = {"max_age": 3600}


def test_every_key_is_in_the_manual_and_the_reverse() -> None:
    """An operator looks there first."""
    told = set(re.findall(r"^\.It Ic (\w+)$", PAGE.read_text(), re.MULTILINE))

    ours = {*HOST_KEYS, *HTTP_KEYS, *WEBSOCKET_KEYS, *IDENTITY_KEYS, *REPORTER_KEYS}
    adapters = {*CORE_KEYS, *S3_KEYS, *ADAPTER_HTTP_KEYS}
    assert told == KEYS.keys() | ours | adapters


def test_the_originals_keys_are_in_the_manual() -> None:
    """Whoever comes from the original finds what became of them."""
    for key in (*IGNORED, STREAM_DIRECTORY):
        assert f".Ic {key}\n" in PAGE.read_text()


@pytest.mark.parametrize("name", KEYS)
def test_each_default_in_the_manual_is_the_default(name: str) -> None:
    """A wrong default is worse than none."""
    default = getattr(Config(), KEYS[name].setting)
    text = PAGE.read_text().split(f".It Ic {name}\n")[1].split("\n.It")[0]

    if isinstance(default, bool):
        assert f"Default {str(default).lower()}." in text
    elif isinstance(default, int | float):
        assert f"Default {default / UNITS.get(name, 1):.0f}." in text
