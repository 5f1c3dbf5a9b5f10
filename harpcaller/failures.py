"""How often wrong passwords and tokens came from where, and what follows from it."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

import attrs

MAX_FAILURES = 10
SHUT_S = 60.0  # counted from the last failure
MAX_DELAY_S = 5.0
MAX_ORIGINS = 4096


@attrs.define
class _Failures:
    count: int
    last_at: float


class FailureLog:
    """Counts failures by origin; owns nothing that outgrows `MAX_ORIGINS`.

    After `MAX_FAILURES` an origin is shut until it was quiet for `SHUT_S`.
    """

    def __init__(self) -> None:
        self._by_origin: OrderedDict[str, _Failures] = OrderedDict()

    def is_shut(self, origin: str, now: float) -> bool:
        """Tell whether passwords from there are not even looked at."""
        found = self._by_origin.get(origin)
        if found is None or now - found.last_at > SHUT_S:
            return False
        return found.count >= MAX_FAILURES

    def count(self, origin: str, now: float) -> float:
        """Count one more failure; return how many seconds its answer has to wait."""
        found = self._by_origin.get(origin)
        if found is None or now - found.last_at > SHUT_S:
            found = self._by_origin[origin] = _Failures(0, now)
        found.count += 1
        found.last_at = now
        self._by_origin.move_to_end(origin)
        if len(self._by_origin) > MAX_ORIGINS:
            self._by_origin.popitem(last=False)
        return min(float(found.count), MAX_DELAY_S)


def network_of(host: str) -> str:
    """Return by what an address is counted: one owner has a whole IPv6 /64."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))
