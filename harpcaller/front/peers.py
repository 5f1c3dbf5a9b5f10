"""What the kernel knows of the other end of a connection."""

from __future__ import annotations

import socket
import struct
from collections.abc import Collection

import attrs
import trio

THIS_MACHINE = "127.0.0.1"
_UCRED = struct.Struct("iII")  # unix(7), SO_PEERCRED: pid, uid, gid
_SO_PEERGROUPS = 59  # asm-generic/socket.h; Python has no name for it
_GROUPS_BYTES = 1024  # the most that Python asks for: 256 groups


@attrs.frozen(kw_only=True)
class UnixPeer:
    """The process at the other end of a Unix socket, as it was when it connected."""

    pid: int
    uid: int
    gid: int


def unix_peer(sock: trio.socket.SocketType) -> UnixPeer:
    """Return who connected."""
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, gid = _UCRED.unpack(credentials)
    return UnixPeer(pid=pid, uid=uid, gid=gid)


def unix_groups(sock: trio.socket.SocketType) -> Collection[int]:
    """Return the other groups of who connected; none if it has more than 256."""
    try:
        ids = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_BYTES)
    except OSError:
        return ()
    return struct.unpack(f"{len(ids) // 4}I", ids)


def remote_peer(sock: trio.socket.SocketType) -> str | None:
    """Return the address to count by; None for this machine's own."""
    try:
        host = str(sock.getpeername()[0])
    except OSError:
        return "gone"
    is_loopback = host == "::1" or host.startswith(("127.", "::ffff:127."))
    return None if is_loopback else host
