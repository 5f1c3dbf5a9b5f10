"""Who is on the other end of a Unix socket, and whether he may administer."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Set
from typing import Protocol

import attrs

_UCRED = struct.Struct("iII")  # unix(7), SO_PEERCRED: pid, uid, gid
_SO_PEERGROUPS = 59  # asm-generic/socket.h; the socket module has no name for it
_MAX_GROUPS_BYTES = 1024  # what getsockopt of the socket module takes: 256 groups


class HasOptions(Protocol):
    """A socket, trio's or the standard library's."""

    def getsockopt(self, level: int, name: int, size: int, /) -> bytes:
        """Return an option's bytes."""


@attrs.frozen(kw_only=True)
class Peer:
    """Who connected, as the kernel vouches for it.

    `groups` are his other groups; none of them is known of one who has over 256.
    """

    pid: int
    uid: int
    gid: int
    groups: frozenset[int] = frozenset()


@attrs.frozen(kw_only=True)
class Allowed:
    """Who may administer besides root and our own user."""

    uids: Set[int] = frozenset()
    gids: Set[int] = frozenset()

    def admits(self, peer: Peer) -> bool:
        """Tell whether `peer` may."""
        if peer.uid in {0, os.geteuid()} or peer.uid in self.uids:
            return True
        return not self.gids.isdisjoint({peer.gid, *peer.groups})


def admins(group: int | None) -> Allowed | None:
    """Return who may ask by a socket of `group`; None is whoever can open it."""
    return None if group is None else Allowed(gids={group})


def peer_of(sock: HasOptions) -> Peer:
    """Return who connected a Unix socket."""
    packed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, gid = _UCRED.unpack(packed)
    return Peer(pid=pid, uid=uid, gid=gid, groups=_groups_of(sock))


def _groups_of(sock: HasOptions) -> frozenset[int]:
    try:
        packed = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MAX_GROUPS_BYTES)
    except OSError:  # too many, or a kernel before 4.13
        return frozenset()
    return frozenset(gid for (gid,) in struct.iter_unpack("I", packed))
