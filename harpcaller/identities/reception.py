"""Gives each new connection what it is from the beginning: by where it came from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import trio

from harpcaller.identities.identity import Identity
from harpcaller.identities.known import Identities
from harpcaller.identities.tls import ClientTls
from harpcaller.identities.visitor import Desk, Visitor
from harpcaller.peerlog import PeerLog


class Reception:
    """Makes visitors of connections; None where nobody is asked.

    Whoever came in while nobody was asked is not asked later.
    """

    def __init__(
        self, identities: Identities | None = None, tls: ClientTls | None = None
    ) -> None:
        self.identities = identities or Identities()
        self.tls = tls
        self.peer_log = PeerLog(trio.current_time)
        self._desk = Desk(self.identities, self.peer_log)

    def renew(
        self,
        identities: Iterable[Identity],
        tls: ClientTls | None,
        *,
        is_required: bool = False,
    ) -> None:
        """Put others in force: rights at once, certificates for handshakes to come.

        Without `tls` the old one stays: a listener that is open needs one.
        """
        self.identities.replace(identities, is_required=is_required)
        self.tls = tls or self.tls

    def by_loopback(self) -> Visitor | None:
        """Receive somebody from this machine."""
        if self.identities.is_empty:
            return None
        return self._visitor("127.0.0.1", None, is_at_home=True)

    def by_unix(self, uid: int, gids: Collection[int]) -> Visitor | None:
        """Receive a peer on a Unix socket."""
        if self.identities.is_empty:
            return None
        proved = self.identities.by_peer(uid, gids)
        return self._visitor(f"uid {uid}", proved, is_at_home=True)

    def by_network(self, host: str) -> Visitor | None:
        """Receive somebody from another machine, in clear."""
        if self.identities.is_empty:
            return None
        return self._visitor(host, None, is_at_home=False)

    def by_tls(
        self, host: str, names: Sequence[str], *, is_at_home: bool
    ) -> Visitor | None:
        """Receive somebody whose certificate, if he showed one, bears `names`."""
        is_asked = self.tls is not None and self.tls.asks_for_certificates
        if self.identities.is_empty and not is_asked:
            return None
        proved = self.identities.by_certificate(names)
        return self._visitor(host, proved, is_at_home=is_at_home and not is_asked)

    def _visitor(
        self, origin: str, proved: Identity | None, *, is_at_home: bool
    ) -> Visitor:
        return Visitor(self._desk, origin, proved, is_at_home=is_at_home)
