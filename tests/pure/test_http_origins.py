"""By what name HTTP clients may know us, and from whose pages they may ask."""

from __future__ import annotations

import pytest

from harpcaller.gateway.origins import (
    complain_of_host,
    complain_of_origin,
    host_of,
)
from harpcaller.origin import origin_of

LOOPBACK = ("127.0.0.1", 3580)
NAMES = frozenset({"calls.example", "[2001:db8::1]"})


def is_known(server: tuple[str, int] | None, host: bytes) -> bool:
    """Tell whether a client may call us by this name."""
    headers = [(b"x", b"evil"), (b"host", host)]
    return complain_of_host(server, headers, NAMES) is None


def may_ask(own: str | None = None, **headers: str) -> bool:
    """Tell whether a request with these headers may change something."""
    told = [(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()]
    return complain_of_origin(told, own) is None


@pytest.mark.parametrize(
    "host",
    [b"localhost", b"LOCALHOST:3580", b"127.0.0.1:3580", b"127.8.9.1", b"[::1]:1"],
)
def test_on_loopback_we_are_known_by_its_names(host: bytes) -> None:
    """Whatever way a client of this machine came by the address."""
    assert is_known(LOOPBACK, host)
    assert is_known(("::1", 3580), host)


@pytest.mark.parametrize(
    "host",
    [
        b"evil.example",
        b"localhost.evil.example",
        b"127.0.0.1.evil.example",
        b"calls.example.evil",
        b"192.0.2.1",
        b"localhost:x",
        b"a:b:c",
        b"",
        b"\xff",
    ],
)
def test_no_other_name_will_do(host: bytes) -> None:
    """A web page could have us answer it by a name that points here."""
    assert not is_known(LOOPBACK, host)
    assert not is_known(("192.0.2.2", 3580), host)


def test_names_of_the_configuration_will_do_anywhere() -> None:
    """A proxy, and clients of other machines, know us by those."""
    for server in (LOOPBACK, ("192.0.2.1", 3580)):
        assert is_known(server, b"calls.example:443")
        assert is_known(server, b"Calls.Example")
        assert is_known(server, b"[2001:DB8::1]:80")


def test_the_address_that_a_client_came_to_is_a_name_too() -> None:
    """Who writes it has no name that could be pointed elsewhere."""
    assert is_known(("192.0.2.1", 3580), b"192.0.2.1:3580")
    assert is_known(("2001:db8::2", 3580), b"[2001:db8::2]:3580")


def test_on_a_unix_socket_any_name_will_do() -> None:
    """Web pages reach none."""
    assert is_known(None, b"anything")


def test_a_request_without_a_host_is_not_from_a_page() -> None:
    """HTTP/1.0 has none; browsers write it always."""
    assert complain_of_host(LOOPBACK, [(b"x", b"y")], ()) is None


def test_clients_that_are_no_browsers_come_from_no_page() -> None:
    """They say neither."""
    assert may_ask(host="localhost:1")


@pytest.mark.parametrize(
    ("site", "is_welcome"),
    [
        ("cross-site", False),
        ("same-site", False),
        ("Cross-Site", False),
        ("same-origin", True),
        ("none", True),
    ],
)
def test_a_browser_that_says_only_the_site_is_believed(
    site: str, is_welcome: bool
) -> None:
    """A GET that creates has no Origin."""
    assert may_ask(host="localhost:1", sec_fetch_site=site) is is_welcome


@pytest.mark.parametrize(
    "origin",
    ["null", "http://evil.example", "http://localhost:2", "ftp://localhost:1", ""],
)
def test_other_pages_may_not_ask(origin: str) -> None:
    """A sandboxed frame says null; another port is another server."""
    assert not may_ask(host="localhost:1", origin=origin)
    assert not may_ask(origin=origin)


def test_a_page_that_is_ours_by_its_origin_alone_may_not_ask() -> None:
    """S-3: that of another server of this host by TLS has an origin like ours."""
    own = "https://localhost:1"

    assert may_ask(host="localhost:1", origin=own, sec_fetch_site="same-origin")
    assert not may_ask(host="localhost:1", origin=own, sec_fetch_site="cross-site")


def test_each_origin_has_to_be_ours() -> None:
    """Of two, whoever stands before us may have judged the other one."""
    own, others = (b"origin", b"http://a"), (b"origin", b"http://b")

    assert complain_of_origin([(b"host", b"a"), own, own], None) is None
    assert complain_of_origin([(b"host", b"a"), own, others], None) is not None
    assert complain_of_origin([(b"host", b"a"), others, own], None) is not None


def test_our_own_pages_may_ask() -> None:
    """Under the name that their reader typed, or the one that is configured."""
    assert may_ask(host="localhost:1", origin="http://localhost:1")
    assert may_ask(host="Localhost:1", origin="HTTPS://localhost:1")
    assert may_ask("https://calls.example", host="x", origin="https://calls.example")
    assert not may_ask("https://calls.example", host="x", origin="https://b.example")


@pytest.mark.parametrize(
    ("url", "origin", "host"),
    [
        ("https://Calls.Example", "https://calls.example", "calls.example"),
        ("https://calls.example:443/", "https://calls.example", "calls.example"),
        ("http://calls.example:8080", "http://calls.example:8080", "calls.example"),
        ("http://[2001:DB8::1]:80", "http://[2001:db8::1]", "[2001:db8::1]"),
    ],
)
def test_a_url_has_an_origin_and_a_host(url: str, origin: str, host: str) -> None:
    """Both in the spelling of browsers, or they would never be equal."""
    assert (origin_of(url), host_of(url)) == (origin, host)
