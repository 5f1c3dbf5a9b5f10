"""What a request has to be like before anything looks at what it asks."""

from __future__ import annotations

import pytest

from harpcaller.gateway.framing import (
    MAX_HEAD_BYTES,
    MAX_TARGET_BYTES,
    collapsed,
    complain_of_framing,
    complain_of_host,
)

Headers = list[tuple[bytes, bytes]]
LOOPBACK = ("127.0.0.1", 3580)


def status_of(version: str, target_bytes: int, headers: Headers) -> int | None:
    """Return the status of the complaint, if there is one."""
    complaint = complain_of_framing(version, target_bytes, headers)
    return None if complaint is None else complaint.status


def is_known(server: tuple[str, int] | None, host: bytes) -> bool:
    """Tell whether a client may call us by this name."""
    return complain_of_host(server, [(b"x", b"evil"), (b"host", host)]) is None


def test_both_versions_of_http_1_are_spoken_and_no_other() -> None:
    """What is not spoken is not guessed at."""
    spoken = [status_of(version, 1, []) for version in ("1.0", "1.1", "2.0", "0.9")]

    assert spoken == [None, None, 505, 505]


def test_a_target_is_bounded_to_the_byte() -> None:
    """The bound is what the manual of a client may rely on."""
    assert status_of("1.1", MAX_TARGET_BYTES, []) is None
    assert status_of("1.1", MAX_TARGET_BYTES + 1, []) == 414


def test_a_head_is_bounded_as_a_whole() -> None:
    """Many small headers are as much to keep as a large one."""
    most = MAX_HEAD_BYTES - 1 - len(b"x: \r\n")

    assert status_of("1.1", 1, [(b"x", b"v" * most)]) is None
    assert status_of("1.1", 1, [(b"x", b"v" * (most + 1))]) == 431
    assert status_of("1.1", 1, [(b"x", b"v")] * 4000) == 431


def test_a_body_has_one_length() -> None:
    """Two servers in a row might each believe another one of two."""
    length, coding = (b"content-length", b"1"), (b"transfer-encoding", b"chunked")

    assert status_of("1.1", 1, [length]) is None
    assert status_of("1.1", 1, [coding]) is None
    assert status_of("1.1", 1, [length, coding]) == 400


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
        b"",
        b"\xff",
    ],
)
def test_on_loopback_no_other_name_will_do(host: bytes) -> None:
    """A web page could have us answer it by a name that points here."""
    assert not is_known(LOOPBACK, host)


def test_elsewhere_any_name_will_do() -> None:
    """What others call this machine we do not know; web pages reach no socket file."""
    assert is_known(("192.0.2.1", 3580), b"dispatcher.example")
    assert is_known(None, b"anything")


def test_slashes_in_a_row_are_one() -> None:
    """Clients put a path that begins with one behind an address that ends with one."""
    assert collapsed("//a///b/") == "/a/b/"
