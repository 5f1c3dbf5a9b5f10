"""All identities there are, found by what a client proves."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable, Sequence

from harpcaller.identities.identity import (
    ANONYMOUS_AT_HOME,
    STRANGER,
    Identity,
)
from harpcaller.identities.tokens import digest_of
from harpcaller.roles import Role


class Identities:
    """Owns the identities in force; without any, clients are not asked.

    `is_required`: who proved nothing may do nothing, wherever he comes from.
    """

    def __init__(
        self, identities: Iterable[Identity] = (), *, is_required: bool = False
    ) -> None:
        self.replace(identities, is_required=is_required)

    def replace(
        self, identities: Iterable[Identity], *, is_required: bool = False
    ) -> None:
        """Put others in force, at once: clients that are here keep their names only."""
        known = list(identities)
        self._by_name = {one.name: one for one in known}
        self._tokens = [(proof, one) for one in known for proof in _digests(one)]
        self._certificates = {
            name: one for one in known for name in one.proofs.certificates
        }
        self._uids = {uid: one for one in known for uid in one.proofs.uids}
        self._gids = [(gid, one) for one in known for gid in one.proofs.gids]
        self._is_required = is_required

    @property
    def is_empty(self) -> bool:
        """Tell whether nobody is known, so that nobody is asked."""
        return not self._by_name

    def anonymous(self, *, is_at_home: bool) -> Identity:
        """Return what somebody may do who proved nothing."""
        return ANONYMOUS_AT_HOME if is_at_home and not self._is_required else STRANGER

    def named(self, name: str) -> Identity | None:
        """Return the identity of this name, if there still is one."""
        return self._by_name.get(name)

    def by_token(self, token: str) -> Identity | None:
        """Return whose token it is; how long that takes tells nothing."""
        digest = digest_of(token)
        found = None
        for known, identity in self._tokens:
            if hmac.compare_digest(known, digest):
                found = identity
        return found

    def by_certificate(self, names: Sequence[str]) -> Identity | None:
        """Return whose certificate bears `names`: the first that is known counts.

        Where nobody is known everybody with a certificate may do all, by its first
        name: the authority that signed it decided.
        """
        if self.is_empty:
            if not names:
                return None
            return Identity(name=names[0], roles=frozenset({Role.ADMIN}))
        known = (self._certificates.get(name) for name in names)
        return next((one for one in known if one is not None), None)

    def by_peer(self, uid: int, gids: Collection[int]) -> Identity | None:
        """Return who has this user id; else the first with one of the group ids."""
        if uid in self._uids:
            return self._uids[uid]
        return next((one for gid, one in self._gids if gid in gids), None)


def _digests(identity: Identity) -> Sequence[bytes]:
    return identity.proofs.token_digests
