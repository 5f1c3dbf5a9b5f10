"""Where requests may be sent, what is said in them, how long an answer asks to wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harpcaller.runners.outside.http_targets import (
    MAX_RETRY_AFTER_S,
    NoTarget,
    headers_elsewhere,
    headers_for,
    read_places,
    read_target,
    redirected,
    retry_after_s,
)

NOW = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("http://a", "a", "/"),
        ("HTTPS://A.b:8443/x", "a.b:8443", "/x"),
        ("http://[::1]:80/", "[::1]:80", "/"),
        ("http://[::1]", "[::1]", "/"),
        ("http://a?b=c", "a", "/?b=c"),
        (
            "http://a/%2e%2E/x%2Bz?item[href]=s3%3A%2F%2Fb",
            "a",
            "/%2e%2E/x%2Bz?item[href]=s3%3A%2F%2Fb",
        ),
        ("http://a/x?", "a", "/x"),
        ("http://a/x#y?z", "a", "/x"),
    ],
)
def test_a_target_is_what_was_written(url: str, authority: str, path: str) -> None:
    """Harmony reads percents and brackets as they were sent."""
    target = read_target(url)

    assert (target.authority, target.path) == (authority, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a/b",
        "//a/b",
        "ftp://a",
        "file:///a",
        "http:",
        "http://",
        "http:///a",
        "http://user@a/",
        "http://:secret@a/",
        "http://a:99999",
        "http://a:b",
        "http://[a",
        "http://a\\@b/",
        "http://a/ b",
        "http://a/\r\nX: y",
        "http://a/\x7f",
        "http://é/",
        "http://a/é",
    ],
)
def test_what_readers_disagree_on_is_no_target(url: str) -> None:
    """One reader's path is another's host."""
    with pytest.raises(NoTarget):
        read_target(url)


@given(st.text())
def test_any_text_is_a_target_or_is_none(text: str) -> None:
    """URLs come from services and servers."""
    for url in (text, f"http://{text}", f"http://a/{text}"):
        try:
            target = read_target(url)
        except NoTarget:
            continue
        assert target.host
        assert " " not in target.path


@pytest.mark.parametrize(
    ("location", "there"),
    [
        ("http://b/x", "http://b/x"),
        ("/y?z", "https://a/y?z"),
        ("y", None),
        ("//b/x", None),
        ("https://a/other", None),
        ("https://a/base/../../other", None),
        ("http://b.evil/", None),
        ("http://b@evil/", None),
        ("http://169.254.169.254/", None),
        ("file:///etc/hostname", None),
        ("http://[", None),
        ("", None),
        ("http://b/\u00e9", None),
    ],
)
def test_a_redirect_leads_to_where_it_may(location: str, there: str | None) -> None:
    """All else is where somebody wants us to go."""
    at = read_target("https://a/start/x")
    allow = read_places(["http://b", "https://a/y", "no place", "https://a/base"])

    target = redirected(at, location, allow)

    assert (None if target is None else target.url) == there


def test_headers_that_frame_a_request_are_ours() -> None:
    """Two lengths, or a length and chunks, are two requests to somebody."""
    given = [
        ("Content-Length", "7"),
        ("Transfer-Encoding", "chunked"),
        ("host", "elsewhere"),
        ("X-Own", "é"),
    ]

    told = headers_for(read_target("http://a:1/"), given, 0)

    assert told == [
        (b"Host", b"a:1"),
        (b"X-Own", "é".encode()),
        (b"User-Agent", b"harpcaller"),
        (b"Accept-Encoding", b"identity"),
        (b"Content-Length", b"0"),
    ]


def test_who_asks_may_be_said_otherwise() -> None:
    """A machine may speak for somebody."""
    told = headers_for(read_target("http://a/"), [("user-agent", "we")], 5)

    assert (b"user-agent", b"we") in told
    assert (b"Content-Length", b"5") in told
    assert not any(name == b"User-Agent" for name, _ in told)


def test_what_is_meant_for_one_server_is_not_told_another() -> None:
    """A redirect must not collect tokens."""
    given = (("Authorization", "Bearer x"), ("X-Own", "y"), ("COOKIE", "z"))

    assert headers_elsewhere(given) == (("X-Own", "y"),)
    assert read_target("http://a/x").is_beside(read_target("http://a/y"))
    assert not read_target("http://a/x").is_beside(read_target("https://a/x"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        (" 120 ", 120),
        ("9999999999", MAX_RETRY_AFTER_S),
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10),
        ("Sunday, 06-Nov-94 08:49:47 GMT", 10),
        ("Sun Nov  6 08:49:47 1994", 10),
        ("Sun, 06 Nov 1994 08:49:47 +0100", 0),
        ("Sun, 06 Nov 2094 08:49:37 GMT", MAX_RETRY_AFTER_S),
        ("Sun, 06 Nov 1984 08:49:37 GMT", 0),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("9" * 400, None),
        ("soon", None),
        ("Sun, 99 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 99999 08:49:37 GMT", None),
        ("٣", None),
    ],
)
def test_an_answer_asks_to_wait(text: str, seconds: float | None) -> None:
    """In seconds, or until one of the dates of RFC 9110."""
    assert retry_after_s({"retry-after": text}, NOW) == seconds


def test_most_answers_do_not_ask_to_wait() -> None:
    """Then it is for the machine to say."""
    assert retry_after_s({}, NOW) is None


@given(st.text())
def test_any_text_asks_for_some_wait_or_none(text: str) -> None:
    """It is a server's."""
    found = retry_after_s({"retry-after": text}, NOW)

    assert found is None or 0 <= found <= MAX_RETRY_AFTER_S
