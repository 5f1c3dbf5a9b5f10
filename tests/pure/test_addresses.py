"""Addresses are read and written as the configuration spells them."""

from __future__ import annotations

import pytest

from harpcaller.addresses import Address, TcpAddress, UnixAddress, read_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("*:3502", TcpAddress("*", 3502)),
        ("127.0.0.1:3502", TcpAddress("127.0.0.1", 3502)),
        ("localhost:0", TcpAddress("localhost", 0)),
        ("[::1]:3502", TcpAddress("::1", 3502)),
        ("unix:/run/harpcaller/client", UnixAddress("/run/harpcaller/client")),
    ],
)
def test_an_address_survives_reading_and_writing(text: str, address: Address) -> None:
    """What is logged and listed can be pasted back into the configuration."""
    assert read_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "3502", ":3502", "localhost", "localhost:", "localhost:x", " a:1"),
        *("localhost:65536", "localhost:-1", "localhost:٣", "localhost:000001"),
        *("::1:3502", "[::1", "[::g]:1", "[fe80]:1"),
        *("unix:", "unix:" + "x" * 108, "unix:/a\0b"),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """A typing mistake must stop the start, not listen somewhere else."""
    with pytest.raises(ValueError, match=r"xpected|ermitted"):
        read_address(text)


@pytest.mark.parametrize(
    ("text", "is_loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.8.8.8:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("unix:/tmp/x", True),
        ("*:1", False),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("192.0.2.1:1", False),
        ("localhost.example:1", False),
        ("127.0.0.1.example:1", False),
    ],
)
def test_only_this_machine_is_loopback(text: str, is_loopback: bool) -> None:
    """Without authentication nobody else may reach the dispatcher."""
    assert read_address(text).is_loopback is is_loopback
