"""Which host a call goes to."""

from __future__ import annotations

import hashlib
from collections.abc import Container
from typing import Final

from harpcaller.adapters.cumulus.errors import CumulusError
from harpcaller.adapters.cumulus.reach import is_template
from harpcaller.adapters.cumulus.templates import Resolver

_NOT_ALLOWED: Final = "Cumulus.HostNotAllowed"


def chosen(host: str | tuple[str, ...], execution: str) -> str:
    """Return a host, of several always the same one for an execution.

    So what its tasks leave on a host's disks is there for the next.
    """
    if isinstance(host, str):
        return host
    number = int.from_bytes(hashlib.sha256(execution.encode()).digest(), "big")
    return host[number % len(host)]


def resolved(host: str, resolver: Resolver, allowed: Container[str]) -> str:
    """Return the host that a template names; a message may choose among a few only.

    Raises:
        CumulusError: Cumulus.HostNotAllowed.
    """
    if not is_template(host):
        return host
    found = resolver.resolve(host)
    if isinstance(found, str) and found in allowed:
        return found
    raise CumulusError(
        _NOT_ALLOWED, "host: expected one that is in host_allow", path="host"
    )
