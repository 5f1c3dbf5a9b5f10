"""What a request has to be like before anything looks at what it asks."""

from __future__ import annotations

from harpcaller.gateway.framing import (
    MAX_HEAD_BYTES,
    MAX_TARGET_BYTES,
    collapsed,
    complain_of_framing,
)

Headers = list[tuple[bytes, bytes]]


def status_of(version: str, target_bytes: int, headers: Headers) -> int | None:
    """Return the status of the complaint, if there is one."""
    complaint = complain_of_framing(version, target_bytes, headers)
    return None if complaint is None else complaint.status


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


def test_slashes_in_a_row_are_one() -> None:
    """Clients put a path that begins with one behind an address that ends with one."""
    assert collapsed("//a///b/") == "/a/b/"
