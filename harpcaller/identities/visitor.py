"""Who a connection is, from what it has proved so far."""

from __future__ import annotations

import structlog
import trio

from harpcaller.failures import FailureLog, network_of
from harpcaller.identities.identity import Identity
from harpcaller.identities.known import Identities
from harpcaller.peerlog import PeerLog
from protocol.errors import ErrorType, WireError

log = structlog.get_logger()


class Desk:
    """Looks at tokens; owns the count of wrong ones."""

    def __init__(self, identities: Identities, peer_log: PeerLog) -> None:
        self.identities = identities
        self._failures = FailureLog()
        self._peer_log = peer_log

    async def identify(self, token: str, origin: str) -> Identity:
        """Return whose token it is.

        A right one passes at once, whatever came from `origin` before: who shares an
        address with a fool is not hurt.

        Raises:
            WireError: `unauthorized`, later and later for wrong ones of one origin.
        """
        identity = self.identities.by_token(token)
        if identity is None:
            delay_s = self._failures.count(network_of(origin), trio.current_time())
            self._peer_log.warn("token.refused", origin)
            await trio.sleep(delay_s)
            raise WireError(ErrorType.UNAUTHORIZED, "the token is not a known one")
        return identity


class Visitor:
    """One connection where clients are asked who they are."""

    __slots__ = ("_desk", "_is_at_home", "_origin", "_proved")

    def __init__(
        self, desk: Desk, origin: str, proved: Identity | None, *, is_at_home: bool
    ) -> None:
        self._desk = desk
        self._origin = origin
        self._proved = proved
        self._is_at_home = is_at_home

    @property
    def identity(self) -> Identity:
        """Who it is, with the rights in force now: they may be taken away any time."""
        identities, proved = self._desk.identities, self._proved
        if proved is not None and not identities.is_empty:
            proved = identities.named(proved.name)
        return proved or identities.anonymous(is_at_home=self._is_at_home)

    async def shown(self, token: str) -> Visitor:
        """Return a visitor who is whose token it is; this one stays who he is.

        Raises:
            WireError: `unauthorized`, it is nobody's.
        """
        proved = await self._desk.identify(token, self._origin)
        return Visitor(self._desk, self._origin, proved, is_at_home=False)

    async def prove(self, token: str) -> None:
        """Become whose token it is.

        Raises:
            WireError: `unauthorized`, it is nobody's; who it was before, it still is.
        """
        if self._desk.identities.is_empty:
            return
        self._proved = await self._desk.identify(token, self._origin)
        log.info("client.identified", identity=self._proved.name, peer=self._origin)
