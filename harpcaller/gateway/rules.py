"""What the configuration says about whom HTTP answers, and how much; it may change."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TypeAlias

import attrs

from harpcaller.gateway.origins import host_of
from harpcaller.origin import origin_of

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_BODY_BYTES = 1024 * 1024
MAX_FOLLOWERS = 100


@attrs.frozen(kw_only=True)
class Rules:
    """Names and proxies of ours, and bounds.

    `trusted_proxies` are the addresses whose `X-Forwarded-For` is believed;
    `trusts_unix` believes that of Unix sockets. `max_followers` is how many streams
    one identity may follow at a time, or one address of nobody's.
    """

    public_url: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
    trusts_unix: bool = False
    max_body_bytes: int = MAX_BODY_BYTES
    max_followers: int = MAX_FOLLOWERS
    names: frozenset[str] = attrs.field(init=False)
    origin: str | None = attrs.field(init=False)

    @names.default
    def _find_names(self) -> frozenset[str]:
        own = () if self.public_url is None else (host_of(self.public_url),)
        return frozenset(name.lower() for name in (*self.allowed_hosts, *own))

    @origin.default
    def _find_origin(self) -> str | None:
        return None if self.public_url is None else origin_of(self.public_url)

    def is_proxy(self, address: str | None) -> bool:
        """Tell whether an address is that of a proxy of ours; None is a Unix socket."""
        if address is None:
            return self.trusts_unix
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None) or found
        return any(mapped in network for network in self.trusted_proxies)

    def forwarded_for(self, peer: str | None, values: Iterable[str]) -> str | None:
        """Return for whom a proxy of ours asks: the last address that is no proxy's.

        None where `peer` is no proxy, or says no address. What stands before that
        address may have been written by anybody.
        """
        if not self.is_proxy(peer):
            return None
        last = None
        for word in reversed(",".join(values).split(",")):
            address = _address_in(word.strip())
            if address is None:
                return last
            last = address
            if not self.is_proxy(address):
                return address
        return last


def _address_in(word: str) -> str | None:
    """Return the address of one entry, which may bear a port."""
    for text in (word, word.rpartition(":")[0]):
        try:
            return str(ipaddress.ip_address(text.strip("[]")))
        except ValueError:
            continue
    return None
