"""The [http] table of a configuration: where it is served, to whom, how much."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pytest

from harpcaller.addresses import TcpAddress, UnixAddress
from harpcaller.config import Config, ConfigError, load_config


def load(folder: Path, text: str) -> Config:
    """Return the configuration that `text` is."""
    path = folder / "harpcaller.toml"
    path.write_text(text)
    path.chmod(0o600)
    return load_config(path)


def problems_of(folder: Path, text: str) -> list[str]:
    """Return what is wrong with `text`."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    return [str(problem) for problem in caught.value.problems]


def test_http_is_off_until_it_is_given_an_address(tmp_path: Path) -> None:
    """Nobody opens a port by not knowing of it."""
    assert load(tmp_path, "[http]\nmin_free_bytes = 1").http_listen == ()


def test_the_http_table_is_read(tmp_path: Path) -> None:
    """Its addresses are spelled as those for lines."""
    config = load(tmp_path, '[http]\nlisten = ["127.0.0.1:3580", "unix:/run/web"]')

    assert config.http_listen == (
        TcpAddress("127.0.0.1", 3580),
        UnixAddress("/run/web"),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            '[http]\nlisen = "127.0.0.1:1"',
            'http.lisen: unknown key, did you mean "listen"?',
        ),
        (
            "[http]\nmin_free_bytes = -1",
            "http.min_free_bytes: expected an integer of at least 0",
        ),
        ("http = 1", "http: expected a table [http]"),
    ],
)
def test_what_is_wrong_in_the_http_table_is_said(
    tmp_path: Path, text: str, problem: str
) -> None:
    """By the same words as everywhere."""
    assert problems_of(tmp_path, text) == [problem]


def test_names_and_proxies_of_http_are_read(tmp_path: Path) -> None:
    """Networks are compared as such, not as text."""
    config = load(
        tmp_path,
        """
        [http]
        public_url = "https://calls.example.net:8443/"
        allowed_hosts = ["calls", "[2001:db8::1]"]
        trusted_proxies = ["127.0.0.1", "2001:db8::/32", "unix"]
        """,
    )

    assert config.http_public_url == "https://calls.example.net:8443/"
    assert config.http_allowed_hosts == ("calls", "[2001:db8::1]")
    assert config.http_trusted_proxies == (
        IPv4Network("127.0.0.1/32"),
        IPv6Network("2001:db8::/32"),
        "unix",
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("public_url", "1"),
        ("public_url", '"ftp://calls.example.net"'),
        ("public_url", '"https://"'),
        ("public_url", '"https://user@calls.example.net"'),
        ("public_url", '"https://calls.example.net/path"'),
        ("public_url", '"https://calls.example.net?x"'),
        ("public_url", '"https://calls.example.net:0"'),
        ("public_url", '"https://calls.example.net:x"'),
        ("public_url", '"https://[::1"'),
        ("allowed_hosts", '"calls"'),
        ("allowed_hosts", "[1]"),
        ("allowed_hosts", '["*"]'),
        ("trusted_proxies", '"127.0.0.1"'),
        ("trusted_proxies", '["proxy.example.net"]'),
        ("max_followers", "0"),
        ("max_body_bytes", "1"),
    ],
)
def test_doubtful_rules_of_http_are_refused(
    tmp_path: Path, key: str, value: str
) -> None:
    """A rule that means something else than it says protects nobody."""
    [problem] = problems_of(tmp_path, f"[http]\n{key} = {value}")

    assert problem.startswith(f"http.{key}: expected ")


def test_http_is_not_served_to_the_world_unasked(tmp_path: Path) -> None:
    """Clients are not asked who they are there either."""
    text = '[http]\nlisten = "192.0.2.1:3580"'

    [problem] = problems_of(tmp_path, text)
    config = load(tmp_path, f"insecure_no_auth = true\n{text}")

    assert problem.startswith("http.listen: 192.0.2.1:3580 can be reached")
    assert config.http_listen == (TcpAddress("192.0.2.1", 3580),)
