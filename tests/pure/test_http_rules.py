"""Whose word about other clients is believed, and what stands in a request's query."""

from __future__ import annotations

import base64
import ipaddress

import pytest

from harpcaller.gateway.credentials import refuse_in_query, token_in
from harpcaller.gateway.query import MAX_PARAMETERS, Query
from harpcaller.gateway.rules import Rules
from protocol.errors import ErrorType, WireError

PROXIES = Rules(
    trusted_proxies=(
        ipaddress.IPv4Network("127.0.0.1/32"),
        ipaddress.IPv4Network("192.0.2.0/24"),
        ipaddress.IPv6Network("2001:db8::/32"),
    )
)
KNOWN = ("since", "recent", "wait", "after")


@pytest.mark.parametrize(
    ("values", "origin"),
    [
        ([], None),
        (["203.0.113.5"], "203.0.113.5"),
        (["203.0.113.5:1234"], "203.0.113.5"),
        (["[2001:db9::1]:1234"], "2001:db9::1"),
        (["10.0.0.1, 203.0.113.5"], "203.0.113.5"),
        (["127.0.0.1", "203.0.113.5,192.0.2.9"], "203.0.113.5"),
        (["192.0.2.8, 2001:db8::5"], "192.0.2.8"),
        (["10.0.0.1, rubbish"], None),
        (["rubbish, 192.0.2.9"], "192.0.2.9"),
    ],
)
def test_a_proxy_is_believed_up_to_the_first_stranger(
    values: list[str], origin: str | None
) -> None:
    """What stands before him may be his own invention."""
    assert PROXIES.forwarded_for("127.0.0.1", values) == origin
    assert PROXIES.forwarded_for("::ffff:192.0.2.1", values) == origin


@pytest.mark.parametrize("peer", ["203.0.113.1", "fe80::1%eth0", "gone", None])
def test_who_is_no_proxy_is_not_believed(peer: str | None) -> None:
    """Anybody may write that header."""
    assert PROXIES.forwarded_for(peer, ["10.0.0.1"]) is None


def test_a_unix_socket_may_be_a_proxy_too() -> None:
    """Whoever may connect there is let in by the rights of a file."""
    rules = Rules(trusts_unix=True)

    assert rules.forwarded_for(None, ["10.0.0.1"]) == "10.0.0.1"
    assert rules.forwarded_for("10.0.0.2", ["10.0.0.1"]) is None


def test_the_public_url_is_a_name_and_an_origin() -> None:
    """Both follow from it, so they stand in the configuration once."""
    rules = Rules(public_url="https://Calls.Example/", allowed_hosts=("Other",))

    assert rules.names == {"calls.example", "other"}
    assert rules.origin == "https://calls.example"
    assert Rules().origin is None


def basic(text: bytes) -> str:
    """Return the header that says user and password."""
    return f"Basic {base64.b64encode(text).decode()}"


@pytest.mark.parametrize(
    "header",
    [
        "Bearer t:1",
        "bearer   t:1 ",
        "token t:1",
        basic(b"anybody:t:1"),
        basic(b":t:1").replace("Basic", "bAsIc"),
    ],
)
def test_a_token_may_be_shown_in_three_ways(header: str) -> None:
    """Each is the only one that some client knows."""
    assert token_in(header) == "t:1"


def test_who_shows_nothing_has_no_token() -> None:
    """He may be known by other means."""
    assert token_in(None) is None


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Digest x",
        "hct_x",
        "Basic !",
        basic(b"\xff:x"),
        basic(b"user"),
        basic(b"user:"),
    ],
)
def test_what_is_no_token_is_refused(header: str) -> None:
    """Somebody meant to say who he is: not to be treated as one who did not."""
    with pytest.raises(WireError) as caught:
        token_in(header)

    assert caught.value.type is ErrorType.UNAUTHORIZED


@pytest.mark.parametrize("name", ["token", "access_token"])
def test_no_token_belongs_into_a_query(name: str) -> None:
    """It would stay in the logs of others, and in histories."""
    with pytest.raises(WireError, match="Authorization"):
        refuse_in_query({name: "secret"})

    refuse_in_query({"tokens": "1"})


def test_parameters_are_read_by_their_kinds() -> None:
    """Each may be left out."""
    query = Query(b"since=12&wait=1.5&after=a%20b%26+c", KNOWN)

    assert (query.count("since"), query.seconds("wait", most=60)) == (12, 1.5)
    assert query.text("after") == "a b& c"
    assert query.start() == (12, None)
    assert Query(b"", KNOWN).start() == (None, None)
    assert Query(b"", KNOWN).seconds("wait", most=60) is None


def read_all(text: bytes) -> None:
    """Read what several paths take."""
    query = Query(text, KNOWN)
    query.start()
    query.seconds("wait", most=60)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"sinse=1", 'did you mean "since"'),
        (b"x=1", "expected one of"),
        (b"since=1&since=1", "it once"),
        (b"since=1&recent=1", 'no "recent"'),
        (b"since=-1", "at least 0"),
        (b"since=1.0", "at least 0"),
        (b"since=%D9%A1", "at least 0"),
        (b"since=", "at least 0"),
        (b"since=" + b"9" * 19, "at least 0"),
        (b"wait=61", "from 0 to 60"),
        (b"wait=nan", "from 0 to 60"),
        (b"wait=1e2", "from 0 to 60"),
        (b"after=%FF", "in UTF-8"),
        (b"after=\xff", "in UTF-8"),
        (b"&".join([b"after=1"] * (MAX_PARAMETERS + 1)), "at most"),
    ],
)
def test_a_doubtful_parameter_is_refused(text: bytes, told: str) -> None:
    """To guess would answer another question."""
    with pytest.raises(WireError, match=told) as caught:
        read_all(text)

    assert caught.value.type is ErrorType.INVALID_REQUEST


def test_an_integer_has_its_bounds_named() -> None:
    """Who is told them need not try."""
    query = Query(b"since=7", KNOWN)

    with pytest.raises(WireError, match="from 1 to 6"):
        query.count("since", least=1, most=6)
