"""By what name a client knows us, and from whose page it comes; no IO.

A web page may send requests to any address that its reader can reach. What it cannot
do is choose `Host`, `Origin` and `Sec-Fetch-Site`: the browser writes them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import TypeAlias
from urllib.parse import urlsplit

from harpcaller.gateway.framing import Complaint
from harpcaller.origin import FOREIGN_SITES

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]

_SCHEMES = ("http", "https")
_LOCAL_HOST = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]*)(?::[0-9]*)?")


def complain_of_host(
    server: tuple[str, int | None] | None, headers: Headers, names: Collection[str]
) -> Complaint | None:
    """Return what is wrong with the name that a client knows us by.

    A web page of a name that its owner points at our address is kept out so: its
    requests carry that name. Good are names of this machine for itself, the address
    that the client came to, and `names`, which are in lower case; on Unix sockets,
    where `server` is None, any is.
    """
    if server is None:
        return None
    for name, value in headers:
        if name == b"host" and not _is_ours(value, server[0], names):
            return Complaint(403, "not a name of ours: see allowed_hosts")
    return None


def _is_ours(host: bytes, address: str, names: Collection[str]) -> bool:
    match = _HOST.fullmatch(host.decode("latin-1").lower())
    if match is None:
        return False
    name = match[1]
    if name in names or name.strip("[]") == address:
        return True
    return _LOCAL_HOST.fullmatch(name) is not None


def complain_of_origin(headers: Headers, own: str | None) -> Complaint | None:
    """Return what is wrong with the page that sends a request which changes something.

    Clients that are no browsers come from none. `own` is the origin that our clients
    know us by where it differs from `Host`.
    """
    found = list(headers)
    hosts = {
        value.decode("latin-1").lower() for name, value in found if name == b"host"
    }
    ours = {f"{scheme}://{host}" for host in hosts - {""} for scheme in _SCHEMES}
    for name, value in found:
        # Either is enough: by the scheme alone a page may be of another site.
        is_foreign = name == b"sec-fetch-site" and value.lower() in FOREIGN_SITES
        if name == b"origin":
            is_foreign = value.decode("latin-1").lower() not in {*ours, own}
        if is_foreign:
            return Complaint(403, "pages of other sites may not ask for this")
    return None


def host_of(url: str) -> str:
    """Return the host of a URL, in the spelling of `Host`."""
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host
