"""Which URLs are at a place that a setting allows."""

from __future__ import annotations

import pytest

from harpcaller.adapters.places import (
    host_of,
    is_allowed,
    origin_of,
    read_place,
)


@pytest.mark.parametrize(
    ("place", "url"),
    [
        ("s3:", "s3://bucket/key"),
        ("https:", "HTTPS://any.where:99/x?y=z"),
        ("http://127.0.0.1:*", "http://127.0.0.1:8089/service/1"),
        ("http://[::1]:*", "http://[::1]:8089/"),
        ("http://a", "http://A:80/x"),
        ("https://a:443/p", "https://a/p/q"),
        ("http://a/p/", "http://a/p"),
        ("http://a/p", "http://a/./p//q"),
        ("file:///data/", "file:///data/g_1.txt"),
    ],
)
def test_a_url_may_be_at_a_place(place: str, url: str) -> None:
    """Schemes, hosts, ports and paths are compared part by part."""
    assert is_allowed(url, [read_place("x:"), read_place(place)])


@pytest.mark.parametrize(
    ("place", "url"),
    [
        ("https:", "http://a"),
        ("http://a", "http://a.evil"),
        ("http://a", "http://a:81"),
        ("http://a", "http://a@b"),
        ("http://a", "http://user@a/"),
        ("http://a/p", "http://a/pq"),
        ("http://a/p", "http://a/p/../q"),
        ("http://a/p", "http://a/p/%2e%2e/q"),
        ("http://a", "http://a:x/"),
        ("http://a", "http://[a/"),
        ("http://a", "http://a\\@b/"),
        ("http://a", "http://a/\n"),
        ("http://a", "//a/x"),
        ("file:///data", "file:///etc/hostname"),
        ("file:///data", "file://data/x"),
    ],
)
def test_a_url_may_only_look_as_if(place: str, url: str) -> None:
    """Text that begins alike is how others got in."""
    assert not is_allowed(url, [read_place(place)])


@pytest.mark.parametrize(
    "text", ["", "a", "http:a", "http://", "http://a#b", "http://u@a", "http://a b"]
)
def test_a_setting_that_names_no_place_is_refused(text: str) -> None:
    """It would allow nothing, or everything."""
    with pytest.raises(ValueError, match="origin"):
        read_place(text)


def test_a_refused_url_is_told_by_its_host() -> None:
    """The rest may be a secret."""
    assert host_of("http://user:pass@169.254.169.254/x?token=y") == "169.254.169.254"
    assert host_of("file:///etc/hostname") == "file:"
    assert host_of("http://[") == "no URL"
    assert host_of("x") == "no URL"


def test_a_redirect_may_stay_at_its_origin() -> None:
    """A Post names the origins that it may be led to."""
    assert origin_of("https://a:1/b?c") == "https://a:1"


@pytest.mark.parametrize(
    ("place", "folder"),
    [
        ("file:", "/"),
        ("file:///data/in/", "/data/in"),
        ("file://elsewhere/data", None),
        ("https://a/data", None),
    ],
)
def test_a_place_may_be_a_directory(place: str, folder: str | None) -> None:
    """Files of another machine are none of ours."""
    assert read_place(place).folder == folder
