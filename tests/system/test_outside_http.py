"""What is posted over HTTP, and what comes of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from http_peer import answer, http_peer, redirect
from posting import LOCAL, a_post, poster

from harpcaller.runners.outside.http_client import MAX_HOPS
from harpcaller.runners.transfers import Reply

KIB = 1024


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Set variables of the environment that were not set."""
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]


# ── what is sent ──
async def test_a_post_is_sent_as_it_was_written() -> None:
    """Harmony reads the query; a length is always told, and nothing is added."""
    path = "/r/1?item%5Bhref%5D=s3%3A%2F%2Fb%2Fa%2Bb&item[type]=x/y"
    async with http_peer(answer(200, b"Ok")) as peer:
        reply = await poster().post(
            a_post(peer.url + path, headers=(("X-Own", "a b"), ("Content-Length", "9")))
        )

    [heard] = peer.heard
    assert reply == Reply(status=200, body=b"Ok")
    assert (heard.method, heard.target, heard.body) == ("POST", path, b"")
    assert heard.headers == {
        "host": f"localhost:{peer.port}",
        "x-own": "a b",
        "user-agent": "harpcaller",
        "accept-encoding": "identity",
        "content-length": "0",
    }
    assert len(heard.names) == 5


async def test_a_body_is_sent_with_its_length() -> None:
    """Harmony ignores a body without one."""
    async with http_peer(answer(204)) as peer:
        reply = await poster().post(a_post(peer.url, body=b"x" * 300_000))

    assert reply.status == 204
    assert peer.heard[0].headers["content-length"] == "300000"
    assert peer.heard[0].body == b"x" * 300_000


async def test_a_file_is_sent_with_its_length(tmp_path: Path) -> None:
    """It may be larger than memory: it goes in pieces, and never as chunks."""
    content = bytes(range(256)) * 4 * KIB
    (tmp_path / "out.nc").write_bytes(content)
    async with http_peer(answer(200)) as peer:
        reply = await poster(tmp_path).post(
            a_post(
                peer.url,
                file=str(tmp_path / "out.nc"),
                headers=(("Content-Type", "application/x-netcdf4"),),
            )
        )

    [heard] = peer.heard
    assert reply.status == 200
    assert heard.headers["content-length"] == str(len(content))
    assert heard.headers["content-type"] == "application/x-netcdf4"
    assert "transfer-encoding" not in heard.headers
    assert heard.body == content


@pytest.mark.parametrize("name", ["absent", "/etc/hostname", "../out"])
async def test_a_file_from_elsewhere_is_not_sent(tmp_path: Path, name: str) -> None:
    """A service may name any file as its result."""
    (tmp_path / "work").mkdir()
    (tmp_path / "out").write_bytes(b"secret")
    async with http_peer(answer()) as peer:
        file = str(tmp_path / "work") + "/" + name if name != "/etc/hostname" else name
        reply = await poster(tmp_path / "work").post(a_post(peer.url, file=file))

    assert reply == Reply(status=None)
    assert peer.heard == []


async def test_nothing_is_found_in_the_environment_or_kept(tmp_path: Path) -> None:
    """A proxy would be told all callbacks; a password or cookie is for others."""
    (tmp_path / "netrc").write_text("machine localhost login u password p")
    proxies = {"HTTP_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"}
    netrc = str(tmp_path / "netrc")
    async with http_peer(answer(200, b"", "Set-Cookie: a=b")) as peer:
        with environment(NETRC=netrc, **proxies):
            posts = poster()
            first = await posts.post(a_post(peer.url))
            second = await posts.post(a_post(peer.url))

    assert (first.status, second.status) == (200, 200)
    assert all("cookie" not in heard.headers for heard in peer.heard)
    assert all("authorization" not in heard.headers for heard in peer.heard)


# ── what is answered ──
@pytest.mark.parametrize("status", [200, 303, 307, 400, 404, 409, 429, 500, 503, 999])
async def test_an_answer_is_told_as_it_is(status: int) -> None:
    """What it means is for the machine to say."""
    after = "Retry-After: Sun, 06 Nov 1994 08:49:47 GMT"
    async with http_peer(answer(status, b'{"code":"x"}', after)) as peer:
        reply = await poster().post(a_post(peer.url))

    assert reply == Reply(status=status, retry_after_s=10, body=b'{"code":"x"}')
    assert len(peer.heard) == 1


async def test_a_redirect_is_followed_where_it_may_lead() -> None:
    """Method and body stay: Harmony stands behind a proxy that wants https."""
    async with http_peer(answer(201, b"there")) as there:
        step = redirect(308, f"{there.url}/x?y")
        async with http_peer(redirect(307, "/again"), step) as here:
            reply = await poster().post(
                a_post(
                    here.url,
                    body=b"body",
                    headers=(("Authorization", "Bearer x"), ("X-Own", "y")),
                    allow=(here.url, there.url),
                )
            )

    assert reply == Reply(status=201, body=b"there")
    assert [heard.target for heard in here.heard] == ["/", "/again"]
    assert here.heard[1].headers["authorization"] == "Bearer x"
    [last] = there.heard
    assert (last.method, last.target, last.body) == ("POST", "/x?y", b"body")
    assert last.headers["host"] == f"localhost:{there.port}"
    assert "authorization" not in last.headers
    assert last.headers["x-own"] == "y"


@pytest.mark.parametrize(
    ("status", "allow"),
    [(307, ()), (307, ("http://localhost:1",)), (302, LOCAL), (303, LOCAL)],
)
async def test_a_redirect_elsewhere_is_the_answer(
    status: int, allow: tuple[str, ...]
) -> None:
    """Only 307 and 308 keep a request as it is."""
    async with (
        http_peer(answer()) as there,
        http_peer(redirect(status, there.url)) as here,
    ):
        reply = await poster().post(a_post(here.url, allow=allow))

    assert reply.status == status
    assert there.heard == []


async def test_a_circle_of_redirects_is_left() -> None:
    """After a few of them the last one is the answer."""
    async with http_peer(redirect(307, "/")) as peer:
        reply = await poster().post(a_post(peer.url, allow=LOCAL))

    assert reply.status == 307
    assert len(peer.heard) == MAX_HOPS + 1


async def test_a_file_is_sent_again_from_its_beginning(tmp_path: Path) -> None:
    """A redirect comes when all of it has been sent."""
    (tmp_path / "a").write_bytes(b"a" * 100_000)
    async with http_peer(redirect(307, "/b"), answer()) as peer:
        post = a_post(peer.url, file=str(tmp_path / "a"), allow=LOCAL)
        reply = await poster(tmp_path).post(post)

    assert reply.status == 200
    assert [len(heard.body) for heard in peer.heard] == [100_000, 100_000]


@pytest.mark.parametrize(
    "url", ["ftp://a/", "http://u:p@localhost/", "localhost/x", "http://\u00e9/", ""]
)
async def test_what_is_no_target_is_not_asked(url: str) -> None:
    """A machine is told as of a server that does not answer."""
    assert await poster().post(a_post(url)) == Reply(status=None)
