"""Who may call, how passwords are kept, and what wrong ones lead to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harpcaller.failures import (
    MAX_DELAY_S,
    MAX_FAILURES,
    MAX_ORIGINS,
    SHUT_S,
    FailureLog,
    network_of,
)
from harpcaller.worker.passwords import Entry, Hashed, Plain, hashed, read_entry
from harpcaller.worker.users import Users, read_users, write_user

CHEAP = Hashed(log_n=1, r=1, p=1, salt=b"salt", hash=bytes(32))
# RFC 7914, section 12: the third vector of scrypt.
RFC_7914 = (
    "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+"
    "qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw"
)


def test_only_the_right_password_is_right() -> None:
    """Any text is a password, and an unknown user has none."""
    users = Users(entries={"a": Plain("b"), "odd": Plain("\udc80"), "h": hashed("x")})

    assert users.is_right("a", "b")
    assert users.is_right("odd", "\udc80")
    assert users.is_right("h", "x")
    assert not users.is_right("h", "X")
    assert not users.is_right("a", "B")
    assert not users.is_right("b", "b")
    assert not users.is_right("b", "")
    assert not users.is_right("b", "\0")
    assert users.plain == ["a", "odd"]


def test_without_users_everybody_may_call() -> None:
    """That is for Unix sockets: the file's mode says who may connect."""
    assert Users().is_empty
    assert Users().may_call("anybody", "anything")


def test_a_user_may_call_what_his_patterns_name() -> None:
    """Without patterns that is all; with none of them, nothing."""
    entries: dict[str, Entry] = {"a": Plain("p"), "b": Plain("p"), "c": Plain("p")}
    users = Users(entries=entries, allowed={"a": ["disk-*", "ping"], "b": []})

    for name in ("disk-", "disk-free", "ping"):
        assert users.may_call("a", name)
    for name in ("Ping", "pingx", "xdisk-", ""):
        assert not users.may_call("a", name)
    assert not users.may_call("b", "ping")
    assert users.may_call("c", "ping")


def test_the_hash_is_that_of_the_standard() -> None:
    """Other programs can write and verify such lines."""
    entry = read_entry(RFC_7914)

    assert entry.fits("pleaseletmein")
    assert not entry.fits("pleaseletmeout")
    assert str(entry) == RFC_7914


@pytest.mark.parametrize(
    ("text", "password"),
    [  # openssl passwd -5 and -6
        ("$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"),
        (
            "$5$rounds=10000$saltstringsaltst$"
            "3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA",
            "Hello world!",
        ),
        (
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJu"
            "esI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
            "Hello world!",
        ),
    ],
)
def test_hashes_of_the_originals_passfile_are_verified(
    text: str, password: str
) -> None:
    """Nobody has to ask all users for new passwords."""
    entry = read_entry(text)

    assert entry.fits(password)
    assert not entry.fits(password + " ")
    assert not entry.fits("a\0b")
    assert not entry.fits("a" * 10_000)
    assert not entry.fits("\ud800")
    assert text not in repr(entry)


def test_each_hash_has_its_own_salt() -> None:
    """Equal passwords do not show."""
    one, other = hashed("x"), hashed("x")

    assert str(one) != str(other)
    assert read_entry(str(one)) == one
    assert "x" not in repr(one)
    assert "secret" not in repr(Plain("secret"))


@given(st.text(max_size=40))
@settings(max_examples=50)
def test_any_text_is_an_entry_or_refused(text: str) -> None:
    """The file is written by hand."""
    try:
        entry = read_entry(text)
    except ValueError:
        assert not text or text.startswith("$")
    else:
        assert isinstance(entry, Plain)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("$1$salt$hash", "unknown scheme"),
        ("$6$salt$hash", "cut off"),
        ("$5$saltstring", "ends with its salt"),
        ("$5$", "cut off"),
        (
            "$5$rounds=1000001$salt$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
            "more than 1000000 rounds",
        ),
        (
            "$5$rounds=1$salt$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
            "out of bounds",
        ),
        ("$scrypt$", "unknown scheme"),
        (str(CHEAP) + "\n", "unknown scheme"),
        ("$scrypt$ln=30,r=8,p=1$c2FsdA$" + "A" * 43, "out of bounds"),
        ("$scrypt$ln=14,r=8,p=99$c2FsdA$" + "A" * 43, "out of bounds"),
        ("$scrypt$ln=0,r=8,p=1$c2FsdA$" + "A" * 43, "out of bounds"),
        ("$scrypt$ln=14,r=8,p=1$c2FsdA$AAAA", "too short"),
        ("$scrypt$ln=14,r=8,p=1$c2FsdA$A", "cut off"),
    ],
)
def test_a_hash_that_cannot_be_verified_is_refused(text: str, why: str) -> None:
    """It must not pass for a password, nor cost a minute and a gigabyte."""
    with pytest.raises(ValueError, match=why):
        read_entry(text)


def test_users_are_read_from_their_file(tmp_path: Path) -> None:
    """A password may have colons and blanks; it is all that follows the first colon."""
    file = tmp_path / "users"
    file.write_text(f"# comment\n\na:b\nc: d:e \nf:{CHEAP}\ng:\u2028\n")

    assert read_users(file) == {
        "a": Plain("b"),
        "c": Plain(" d:e "),
        "f": CHEAP,
        "g": Plain("\u2028"),
    }


@pytest.mark.parametrize(
    "line", ["canary", ":canary", "canary:", "a:$6$canary$x", "b:canary"]
)
def test_a_bad_line_of_users_is_told_by_its_number(tmp_path: Path, line: str) -> None:
    """Its text may be a password; and a hash must not pass for one."""
    file = tmp_path / "users"
    file.write_text(f"b:b\n{line}\n")

    with pytest.raises(ValueError, match="line 2: ") as caught:
        read_users(file)

    assert "canary" not in str(caught.value).replace("canary:", "")


def test_a_user_is_written_beside_the_others(tmp_path: Path) -> None:
    """Comments stay; the file is its owner's alone, and never half written."""
    file = tmp_path / "users"

    write_user(file, "a", CHEAP)
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text(f"# who may call\n{file.read_text()}b:c")
    write_user(file, "a", hashed("x"))
    write_user(file, "d", CHEAP)

    assert file.read_text().startswith("# who may call\na:$scrypt$")
    found = read_users(file)
    assert list(found) == ["a", "b", "d"]
    assert found["a"].fits("x")
    assert os.listdir(tmp_path) == ["users"]  # noqa: PTH208 (hidden ones, too)


@pytest.mark.parametrize("name", ["", "a:b", "#a", "a\nb"])
def test_a_name_that_the_file_cannot_keep_is_refused(tmp_path: Path, name: str) -> None:
    """It would be another line, another user, or a comment."""
    with pytest.raises(ValueError, match="no name"):
        write_user(tmp_path / "users", name, CHEAP)

    assert not (tmp_path / "users").exists()


def test_failures_wait_longer_and_longer_and_shut_the_door() -> None:
    """A few mistakes cost a person seconds, guessing costs for ever."""
    failures = FailureLog()

    waits = [failures.count("a", now=0) for _ in range(MAX_FAILURES)]

    assert waits[:3] == [1, 2, 3]
    assert max(waits) == MAX_DELAY_S
    assert failures.is_shut("a", now=SHUT_S)
    assert not failures.is_shut("b", now=0)
    assert not failures.is_shut("a", now=SHUT_S + 1)
    assert failures.count("a", now=SHUT_S + 1) == 1


def test_failures_are_remembered_of_so_many_origins() -> None:
    """Memory is not the attacker's."""
    failures = FailureLog()
    for number in range(MAX_ORIGINS + 1):
        for _ in range(MAX_FAILURES):
            failures.count(str(number), now=0)

    assert not failures.is_shut("0", now=0)
    assert failures.is_shut("1", now=0)


@pytest.mark.parametrize(
    ("host", "counted_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
    ],
)
def test_failures_are_counted_by_what_one_owner_has(host: str, counted_as: str) -> None:
    """An IPv6 customer has 2**64 addresses."""
    assert network_of(host) == counted_as
