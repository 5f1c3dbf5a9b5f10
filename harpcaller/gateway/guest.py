"""Who is at the other end of a connection, as its listener knows him."""

from __future__ import annotations

from typing import TypeAlias

import attrs

from harpcaller.identities.visitor import Visitor

Place: TypeAlias = tuple[str, int]


@attrs.frozen(kw_only=True)
class Guest:
    """Both ends' addresses, None for Unix sockets, and what he has proved so far.

    Without a `visitor` nobody is asked who he is.
    """

    client: Place | None = None
    server: Place | None = None
    visitor: Visitor | None = None
    is_tls: bool = False

    @property
    def host(self) -> str | None:
        """The address that he comes from; None for a Unix socket."""
        return None if self.client is None else self.client[0]
