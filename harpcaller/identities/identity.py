"""Somebody who may be a client: the proofs, the roles, and what they reach."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import attrs

from harpcaller.roles import Role
from protocol.call import Call
from protocol.job import JobRecord


@attrs.frozen(kw_only=True)
class Proofs:
    """Each of these shows that a client is the identity.

    `token_digests` are those of `digest_of`; `certificates` are names in the
    certificate of a client; `uids` and `gids` are those of a peer on a Unix socket.
    """

    token_digests: tuple[bytes, ...] = attrs.field(default=(), repr=False)
    certificates: tuple[str, ...] = ()
    uids: tuple[int, ...] = ()
    gids: tuple[int, ...] = ()


@attrs.frozen(kw_only=True)
class Identity:
    """A name and its rights; the empty name is nobody's: he proved nothing.

    `hosts` and `procedures` are patterns, `*` and `?` as in a shell; None is all.
    """

    name: str
    roles: frozenset[Role]
    hosts: Sequence[str] | None = None
    procedures: Sequence[str] | None = None
    proofs: Proofs = Proofs()

    @property
    def is_anonymous(self) -> bool:
        """Tell whether it is nobody."""
        return not self.name

    def has(self, role: Role) -> bool:
        """Tell whether it has a role, of its own or as an admin."""
        return role in self.roles or Role.ADMIN in self.roles

    def reaches(self, host: str) -> bool:
        """Tell whether its list of hosts names `host`."""
        return _is_named(host, self.hosts)

    def may_ask_for(self, call: Call) -> bool:
        """Tell whether its lists name what is to be called."""
        return self.reaches(call.host) and _is_named(call.procedure, self.procedures)

    def owns(self, job: JobRecord) -> bool:
        """Tell whether it submitted `job`, and still may submit."""
        is_own = not self.is_anonymous and job.identity == self.name
        return is_own and self.has(Role.SUBMIT)

    def may_do_all(self, role: Role) -> bool:
        """Tell whether it may read or cancel any job, whosever."""
        return self.hosts is None and self.has(role)

    def may_see(self, job: JobRecord) -> bool:
        """Tell whether it may know that there is such a job."""
        return self.may_do(Role.READ, job) or self.may_do(Role.CANCEL, job)

    def may_do(self, role: Role, job: JobRecord) -> bool:
        """Tell whether it may read or cancel `job`."""
        return self.owns(job) or (self.has(role) and self.reaches(job.host))


ANONYMOUS_AT_HOME = Identity(name="", roles=frozenset({Role.ADMIN}))
"""Who proved nothing, and came by loopback or a Unix socket."""

STRANGER = Identity(name="", roles=frozenset())
"""Who proved nothing, and may do nothing but say who he is."""


def _is_named(name: str, patterns: Sequence[str] | None) -> bool:
    if patterns is None:
        return True
    return any(fnmatchcase(name, pattern) for pattern in patterns)
