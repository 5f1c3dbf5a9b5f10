"""Who is connected, as an administrator is told: little is kept, the kernel knows."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Iterator

import attrs
import trio

from harpcaller.front.entrance import Entrance
from harpcaller.front.peers import unix_peer
from harpcaller.front.session import Session
from protocol.jsontext import JsonValue


@attrs.frozen(kw_only=True, eq=False)
class Connected:
    """A client: the number that stays his, where he came in, since when (UTC)."""

    number: int
    listener: Entrance
    sock: trio.socket.SocketType
    since: float
    session: Session

    def told(self) -> dict[str, JsonValue]:
        """Return who it is and what he does, as an object."""
        state, job_id = self.session.pursuit
        told: dict[str, JsonValue] = {
            "connection": self.number,
            "listener": str(self.listener),
            "peer": _peer_of(self.sock),
            "identity": self.session.identity_name,
            "since": self.since,
            "state": state.value,
        }
        return told if job_id is None else {**told, "job": job_id}


class Clients:
    """Owns the list of who is connected."""

    def __init__(self) -> None:
        self._connected: dict[int, Connected] = {}  # in the order of their numbers
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._connected)

    def __iter__(self) -> Iterator[Connected]:
        return iter(list(self._connected.values()))  # each may go meanwhile

    def add(
        self, listener: Entrance, sock: trio.socket.SocketType, session: Session
    ) -> int:
        """Enter a client who has just come in; return his number."""
        number = next(self._numbers)
        self._connected[number] = Connected(
            number=number,
            listener=listener,
            sock=sock,
            since=time.time(),
            session=session,
        )
        return number

    def remove(self, number: int) -> None:
        """Forget a client who has gone."""
        del self._connected[number]

    def told(self, after: int, limit: int) -> list[dict[str, JsonValue]]:
        """Return what is told of up to `limit` clients with numbers above `after`."""
        found = (one for number, one in self._connected.items() if number > after)
        return [one.told() for one in itertools.islice(found, limit)]


def _peer_of(sock: trio.socket.SocketType) -> JsonValue:
    """Return who is at the other end; None if he is gone."""
    try:
        if sock.family == socket.AF_UNIX:
            peer = unix_peer(sock)
            return {"uid": peer.uid, "pid": peer.pid}
        address, port, *_ = sock.getpeername()
    except OSError:
        return None
    return {"address": str(address), "port": int(port)}
