"""The ways to write where a dispatcher listens."""

from __future__ import annotations

import pytest

from harpcaller.client.address import (
    Address,
    TcpAddress,
    TlsAddress,
    UnixAddress,
    read_address,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:3502", TcpAddress("127.0.0.1", 3502)),
        ("dispatcher.example.org:1", TcpAddress("dispatcher.example.org", 1)),
        ("localhost", TcpAddress("localhost", 3502)),
        ("[::1]:3503", TcpAddress("::1", 3503)),
        ("[fe80::1%eth0]", TcpAddress("fe80::1%eth0", 3502)),
        ("unix:/run/harpcaller/client", UnixAddress("/run/harpcaller/client")),
        ("tls:[::1]:3503", TlsAddress(TcpAddress("::1", 3503))),
        ("tls:dispatcher", TlsAddress(TcpAddress("dispatcher", 3502))),
    ],
)
def test_an_address_is_read_and_written(text: str, address: Address) -> None:
    """What is printed in a hint must be pasteable as --server."""
    assert read_address(text) == address
    assert read_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":3502",
        "::1",
        "*:3502",
        "host:0",
        "host:65536",
        "host:",
        "h:x",
        "unix:",
        "tls:",
        "tls:tls:h",
    ],
)
def test_what_is_no_address_is_refused_with_what_was_expected(text: str) -> None:
    """A typing error must not become a connection to somewhere else."""
    with pytest.raises(ValueError, match="expected HOST:PORT"):
        read_address(text)
