"""Takes clients in: all who wait at once, whatever becomes of one of them."""

from __future__ import annotations

import errno
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import NoReturn, TypeAlias

import structlog
import trio

from harpcaller.meters import Accepts

MAX_AT_ONCE = 64  # then those who are in already have their turn
PAUSE_S = 0.1  # where there is no room for one more
# accept(2): what happened to a connection before it was taken in.
_OF_THE_CLIENT = frozenset(
    {
        errno.ECONNABORTED,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENONET,
        errno.ENOPROTOOPT,
        errno.EOPNOTSUPP,
        errno.EPERM,
        errno.EPROTO,
        errno.ETIMEDOUT,
    }
)

Meet: TypeAlias = Callable[[trio.SocketStream], Awaitable[None]]

log = structlog.get_logger()


async def accept_for_ever(
    sock: socket.socket, meet: Meet, sessions: trio.Nursery, accepts: Accepts
) -> NoReturn:
    """Have `meet` serve everybody who connects to `sock`, in the nursery `sessions`.

    Those who come together share a turn of the loop, and so a commit. Their
    connections are closed when they have been served.
    """
    is_short = False
    while True:
        await trio.lowlevel.wait_readable(sock)
        try:
            for stream in _waiting(sock, accepts):
                sessions.start_soon(_serve, stream, meet)
            is_short = False
        except OSError as error:  # most likely we may have no more descriptors
            if not is_short:
                log.warning("accept.failed", error=str(error))
            is_short = True
            accepts.failed += 1
            await trio.sleep(PAUSE_S)


async def _serve(stream: trio.SocketStream, meet: Meet) -> None:
    try:
        await meet(stream)
    finally:
        stream.socket.close()


def _waiting(sock: socket.socket, accepts: Accepts) -> Iterator[trio.SocketStream]:
    """Yield those who have connected, up to `MAX_AT_ONCE`."""
    for _ in range(MAX_AT_ONCE):
        try:
            client, _ = sock.accept()
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno not in _OF_THE_CLIENT:
                raise
            accepts.aborted += 1
        else:
            yield trio.SocketStream(trio.socket.from_stdlib_socket(client))
