"""What a Harmony service answers by HTTP, and what becomes of it."""

from __future__ import annotations

import pytest

from harpcaller.worker.harmony.answers import (
    MAX_TEXT_CHARACTERS,
    Elsewhere,
    file_name,
    judge,
)
from harpcaller.worker.harmony.categories import Forbidden, NoRetry, Server

URL = "http://localhost:4000/service/harmony"


@pytest.mark.parametrize("status", [200, 201])
def test_the_body_is_the_result(status: int) -> None:
    """No other place is told."""
    assert judge(status, URL, None, "") is None


@pytest.mark.parametrize(
    ("location", "href"),
    [
        ("s3://bucket/x.nc", "s3://bucket/x.nc"),
        ("/x.nc", "http://localhost:4000/x.nc"),
        ("x.nc", "http://localhost:4000/service/x.nc"),
    ],
)
def test_a_redirect_is_the_result(location: str, href: str) -> None:
    """It is not followed: that is for who wants the result."""
    assert judge(303, URL, location, "") == Elsewhere(href)


@pytest.mark.parametrize("location", [None, "", "file:///etc/passwd", "javascript:1"])
def test_a_redirect_to_nowhere_is_none(location: str | None) -> None:
    """A file there is not one here."""
    with pytest.raises(NoRetry, match="answered 302, and leads to no result"):
        judge(302, URL, location, "")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (202, NoRetry),
        (400, NoRetry),
        (403, Forbidden),
        (404, NoRetry),
        (500, Server),
        (503, Server),
        (999, Server),
    ],
)
def test_a_failure_says_whether_to_try_again(
    status: int, kind: type[Exception]
) -> None:
    """By the words of Harmony's own library."""
    with pytest.raises(kind):
        judge(status, URL, None, "")


def test_a_failure_has_the_words_of_the_service() -> None:
    """The user reads them; a page of a proxy is cut."""
    with pytest.raises(Server, match=r"^broken$"):
        judge(500, URL, None, " broken\n")
    with pytest.raises(Server, match=r"^the service answered 500$"):
        judge(500, URL, None, "")
    with pytest.raises(Server) as caught:
        judge(500, URL, None, "x" * 10_000)
    assert len(str(caught.value)) == MAX_TEXT_CHARACTERS


@pytest.mark.parametrize(
    ("told", "mime", "name"),
    [
        ("x.nc", None, "x.nc"),
        ("../../etc/x.nc", None, "x.nc"),
        ("c:\\x.nc", None, "x.nc"),
        (".hidden", None, "hidden"),
        ("a\nb\0", None, "ab"),
        ("é" * 200, None, "é" * 100),
        ("..", "image/png", "s1.b0.png"),
        (None, "application/x-unheard-of", "s1.b0"),
        (None, None, "s1.b0"),
    ],
)
def test_a_file_has_a_harmless_name(
    told: str | None, mime: str | None, name: str
) -> None:
    """The service's own, where that is one."""
    assert file_name(told, "s1.b0", mime) == name
