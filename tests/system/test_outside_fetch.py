"""Documents that are fetched over HTTP, and servers that are believed."""

from __future__ import annotations

import ssl

import attrs
import pytest
import trio
import trustme
from guarded_daemon import expired
from http_peer import (
    Act,
    answer,
    for_ever,
    http_peer,
    listening,
    redirect,
    silence,
)
from posting import LOCAL, SHORT_S, a_post, fetcher, poster, unfetched

from harpcaller.adapters.machine import Save
from harpcaller.runners.transfers import Reply, TransferFailed

OPEN_END = b"HTTP/1.1 200 OK\r\n\r\n"


# ── documents ──
async def test_a_document_is_fetched() -> None:
    """All of it, if it is no longer than it may be."""
    async with http_peer(answer(200, b"1234")) as peer:
        body = await fetcher().fetch(f"{peer.url}/c.json?x=%2F", 4)

    [heard] = peer.heard
    assert body == b"1234"
    assert (heard.method, heard.target) == ("GET", "/c.json?x=%2F")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_document_may_be_elsewhere(status: int) -> None:
    """Servers of data send to where it lies."""
    async with (
        http_peer(answer(200, b"{}")) as there,
        http_peer(redirect(status, f"{there.url}/x")) as here,
    ):
        body = await fetcher(here.url, there.url).fetch(here.url, 2)
        elsewhere = await unfetched(fetcher(here.url), here.url)

    assert (body, elsewhere) == (b"{}", f"Status{status}")
    assert len(there.heard) == 1


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("http://elsewhere.invalid/", "NotAllowed"),
        ("http://localhost.evil.invalid/", "NotAllowed"),
        ("https://localhost:1/", "NotAllowed"),
        ("http://localhost:1/a/../b", "NotAllowed"),
        ("http://169.254.169.254/latest/meta-data", "NotAllowed"),
        ("http://[::ffff:169.254.169.254]/", "NotAllowed"),
        ("http://2852039166/", "NotAllowed"),
        ("http://u@localhost:1/", "InvalidURI"),
        ("http:localhost:1", "InvalidURI"),
        ("http://localhost:1/ x", "InvalidURI"),
        ("http://localhost:1/", "Unreachable"),
    ],
)
async def test_what_cannot_be_fetched_is_told_by_a_word(uri: str, code: str) -> None:
    """Places are compared part by part, before anybody is asked."""
    assert await unfetched(fetcher("http://localhost:*"), uri) == code


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (answer(200, b"12345"), "TooLarge"),
        (for_ever(OPEN_END, b"x" * 9000), "TooLarge"),
        (answer(404, b"none"), "NotFound"),
        (answer(410), "NotFound"),
        (answer(401), "AccessDenied"),
        (answer(403), "AccessDenied"),
        (answer(204), "Status204"),
        (answer(206, b"12"), "Status206"),
        (answer(503), "Status503"),
        (answer(302), "Status302"),
        (answer(200, b"12")[:-1], "Unreachable"),
        (b"", "Unreachable"),
        (silence, "Timeout"),
    ],
)
async def test_a_document_that_is_not_all_there_is_none(
    step: bytes | Act, code: str
) -> None:
    """Half a catalog would be half a request."""
    limit_s = SHORT_S if code == "Timeout" else 60
    async with http_peer(step) as peer:
        assert await unfetched(fetcher(timeout_s=limit_s), peer.url, 4) == code


async def test_a_server_may_fail_now_and_then() -> None:
    """A request of thousands of granules is not refused for that."""
    steps = (answer(503), answer(200, b"12")[:-1], answer(200, b"12"))
    async with http_peer(*steps) as peer:
        body = await fetcher(attempts=3).fetch(peer.url, 4)

    assert (body, len(peer.heard)) == (b"12", 3)


@pytest.mark.parametrize(
    ("step", "times"), [(answer(503), 2), (answer(429), 2), (answer(404), 1)]
)
async def test_what_does_not_heal_is_not_asked_for_again(
    step: bytes, times: int
) -> None:
    """Nor is anything asked for ever."""
    async with http_peer(step) as peer:
        code = await unfetched(fetcher(attempts=2), peer.url)

    assert code in {"Status503", "Status429", "NotFound"}
    assert len(peer.heard) == times


async def test_nothing_is_written_over_http() -> None:
    """Nobody asked a server to keep our documents."""
    with pytest.raises(TransferFailed) as caught:
        await fetcher().save(
            Save(key="s", uri="http://localhost:1/", body=b""), again=False
        )

    assert caught.value.code == "NotSupported"


# ── TLS ──
@attrs.frozen
class Authority:
    """One that is believed, and the servers that it knows."""

    ca: trustme.CA

    @property
    def pem(self) -> str:
        """What is configured of it."""
        return self.ca.cert_pem.bytes().decode()

    def tls(self, certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
        """Return what a server shows, of `localhost` if no other is given."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (certificate or self.ca.issue_cert("localhost")).configure_cert(context)
        return context


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Make one."""
    return Authority(trustme.CA())


async def test_a_server_that_our_authority_knows_is_believed(
    authority: Authority,
) -> None:
    """Also where it is redirected to."""
    async with (
        http_peer(answer(200, b"Ok"), tls=authority.tls()) as there,
        http_peer(redirect(307, f"{there.url}/x")) as here,
    ):
        post = a_post(here.url, body=b"body", allow=LOCAL)
        reply = await poster(authorities=authority.pem).post(post)
        body = await fetcher(authorities=authority.pem).fetch(there.url, 9)

    assert reply == Reply(status=200, body=b"Ok")
    assert [heard.body for heard in there.heard] == [b"body", b""]
    assert body == b"Ok"


async def test_a_server_that_is_not_known_is_told_nothing(authority: Authority) -> None:
    """Of another authority, of another name, or of another year."""
    other = trustme.CA().issue_cert("localhost")
    wrong = authority.ca.issue_cert("elsewhere.example.net")
    for certificate in (other, wrong, expired(authority.ca)):
        async with http_peer(answer(), tls=authority.tls(certificate)) as peer:
            with trio.fail_after(30):
                reply = await poster(authorities=authority.pem).post(a_post(peer.url))

        assert reply == Reply(status=None)
        assert peer.heard == []


async def test_the_systems_authorities_do_not_know_a_laboratory(
    authority: Authority,
) -> None:
    """Certificates are verified where nothing is configured."""
    async with http_peer(answer(), tls=authority.tls()) as peer:
        assert await unfetched(fetcher(), peer.url) == "Unreachable"
        assert await poster().post(a_post(peer.url)) == Reply(status=None)


async def test_a_handshake_that_never_ends_is_left(authority: Authority) -> None:
    """The time for a connection is for that too."""

    async def hold(_: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with listening(hold) as url:
        files = fetcher(authorities=authority.pem, connect_timeout_s=SHORT_S)
        code = await unfetched(files, url.replace("http:", "https:"))

    assert code == "Timeout"
