"""The hosts that calls may name: those of the configuration and those of the script.

The registry owns both lists; it does no IO.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from harpcaller.addresses import Address, TcpAddress
from protocol.jsontext import JsonValue

__all__ = ["DEFAULT_PORT", "Host", "Registry"]

DEFAULT_PORT = 4306


@attrs.frozen(kw_only=True)
class Host:
    """A worker: where it is, what to tell it, and the name its certificate bears.

    `harp2` is for Unix sockets: over TLS the handshake agrees on it.
    """

    name: str
    address: Address
    user: str = ""
    password: str = attrs.field(default="", repr=False)
    harp2: bool = False
    server_name: str | None = None


class Registry:
    """Finds hosts by name; what the configuration says wins over the script."""

    def __init__(self, configured: Iterable[Host] = ()) -> None:
        self._configured: dict[str, Host] = {}
        self._learned: dict[str, Host] = {}
        self._known: dict[str, Host] = {}
        self.configure(configured)

    def configure(self, hosts: Iterable[Host]) -> None:
        """Replace the hosts of the configuration."""
        self._configured = {host.name: host for host in hosts}
        self._known = self._learned | self._configured

    def learn(self, hosts: Iterable[Host]) -> None:
        """Replace the hosts of the script."""
        self._learned = {host.name: host for host in hosts}
        self._known = self._learned | self._configured

    def find(self, name: str) -> Host | None:
        """Return the host of that name, if there is one."""
        return self._known.get(name)

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._known)

    def listing(self) -> list[dict[str, JsonValue]]:
        """Return what may be shown of each host, by name: no credentials."""
        return [_entry(self._known[name]) for name in self.names()]


def _entry(host: Host) -> dict[str, JsonValue]:
    if isinstance(host.address, TcpAddress):
        return {
            "hostname": host.name,
            "address": host.address.host,
            "port": host.address.port,
        }
    return {"hostname": host.name, "unix": host.address.path}
