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
    found = dict(headers)
    origin = found.get(b"origin")
    if origin is None:
        is_foreign = found.get(b"sec-fetch-site", b"").lower() in FOREIGN_SITES
    else:
        is_foreign = not _is_own(origin.decode("latin-1").lower(), found, own)
    if is_foreign:
        return Complaint(403, "pages of other sites may not ask for this")
    return None


def _is_own(origin: str, headers: dict[bytes, bytes], own: str | None) -> bool:
    if origin == own:
        return True
    host = headers.get(b"host", b"").decode("latin-1").lower()
    return bool(host) and origin in {f"http://{host}", f"https://{host}"}


def host_of(url: str) -> str:
    """Return the host of a URL, in the spelling of `Host`."""
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host
