"""The registry finds hosts by name and shows them without their credentials."""

from __future__ import annotations

from harpcaller.addresses import TcpAddress, UnixAddress
from harpcaller.hosts.registry import Host, Registry


def host(name: str, address: str = "192.0.2.1") -> Host:
    """Return a host of that name."""
    return Host(
        name=name,
        address=TcpAddress(address, 4306),
        user="canary",
        password="canary",  # noqa: S106 (of a test)
    )


def test_a_configured_host_wins_over_a_learned_one() -> None:
    """The administrator's own words are the last ones."""
    registry = Registry([host("a", "configured")])

    registry.learn([host("a", "learned"), host("b", "learned")])

    assert registry.find("a") == host("a", "configured")
    assert registry.find("b") == host("b", "learned")
    assert registry.find("c") is None
    assert registry.names() == ["a", "b"]


def test_a_new_list_replaces_the_old_one() -> None:
    """A host that is gone from the script must not be called any more."""
    registry = Registry()

    registry.learn([host("a")])
    registry.learn([host("b")])
    registry.configure([host("c")])

    assert registry.names() == ["b", "c"]


def test_credentials_are_shown_nowhere() -> None:
    """Lists and tracebacks are read by more people than passwords are for."""
    registry = Registry([host("a"), Host(name="b", address=UnixAddress("/run/b"))])

    assert registry.listing() == [
        {"hostname": "a", "address": "192.0.2.1", "port": 4306},
        {"hostname": "b", "unix": "/run/b"},
    ]
    assert "password" not in repr(registry.find("a"))
