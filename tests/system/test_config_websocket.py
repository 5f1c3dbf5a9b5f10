"""The [websocket] table of a configuration: where, and for which pages."""

from __future__ import annotations

from pathlib import Path

from harpcaller.addresses import TcpAddress
from harpcaller.config import Config, load_config


def load(folder: Path, text: str) -> Config:
    """Return the configuration that `text` is."""
    path = folder / "harpcaller.toml"
    path.write_text(text)
    path.chmod(0o600)
    return load_config(path)


def test_nobody_connects_by_websocket_until_it_is_given_an_address(
    tmp_path: Path,
) -> None:
    """Nobody opens a port by not knowing of it; no page may connect unnamed."""
    config = load(tmp_path, "[websocket]\norigins = []")

    assert config.websocket_listen == ()
    assert config.websocket_origins == frozenset()


def test_origins_are_kept_as_browsers_write_them(tmp_path: Path) -> None:
    """They are compared as text."""
    config = load(
        tmp_path,
        """
        insecure_no_auth = true
        [websocket]
        listen = ["127.0.0.1:3504"]
        origins = ["https://Calls.Example.net:443/", "http://[::1]:8000"]
        """,
    )

    assert config.websocket_listen == (TcpAddress("127.0.0.1", 3504),)
    assert config.websocket_origins == {
        "https://calls.example.net",
        "http://[::1]:8000",
    }
