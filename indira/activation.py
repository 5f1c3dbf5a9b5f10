"""Sockets that systemd opened for us, sd_listen_fds(3): it kept who came meanwhile."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, MutableMapping

import attrs

_FIRST_FD = 3
_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


class ActivationError(Exception):
    """What systemd passed and what we are to listen on do not fit together."""


@attrs.frozen
class Passed:
    """A listening socket, and its name in the socket unit (FileDescriptorName=)."""

    name: str
    sock: socket.socket

    def __str__(self) -> str:
        """Return name and address, as a complaint shows them."""
        at = self.sock.getsockname()
        if self.sock.family == socket.AF_UNIX:
            return f"{self.name} unix:{os.fsdecode(at)}"
        host = f"[{at[0]}]" if self.sock.family == socket.AF_INET6 else at[0]
        return f"{self.name} {host}:{at[1]}"

    def is_at(self, family: int, at: tuple[object, ...]) -> bool:
        """Tell whether it listens on a TCP address, for one alone or among others."""
        if self.sock.family not in {socket.AF_INET, socket.AF_INET6}:
            return False
        found = self.sock.getsockname()
        if (self.sock.family, *found[:2]) == (family, *at[:2]):
            return True
        # One that systemd made of a mere port: it takes IPv4 too.
        is_both = self.sock.family == socket.AF_INET6 and not self.sock.getsockopt(
            socket.IPPROTO_IPV6, socket.IPV6_V6ONLY
        )
        return is_both and (found[0], at[0], found[1]) == ("::", "0.0.0.0", at[1])  # noqa: S104 (it is compared)

    def is_file(self, path: str) -> bool:
        """Tell whether it is the Unix socket of a path."""
        is_unix = self.sock.family == socket.AF_UNIX
        return is_unix and os.fsdecode(self.sock.getsockname()) == path


class Activation:
    """Owns the sockets that were passed until somebody takes them."""

    def __init__(self, passed: Iterable[Passed] = ()) -> None:
        self._passed = list(passed)

    @property
    def left(self) -> tuple[Passed, ...]:
        """What nobody has taken."""
        return tuple(self._passed)

    def take_tcp(
        self, name: str, family: int, at: tuple[object, ...]
    ) -> socket.socket | None:
        """Return the socket of that name at an address, if it was passed."""
        return self._take(
            one for one in self._passed if one.name == name and one.is_at(family, at)
        )

    def take_file(self, name: str, path: str) -> socket.socket | None:
        """Return the socket of that name at a path, if it was passed."""
        return self._take(
            one for one in self._passed if one.name == name and one.is_file(path)
        )

    def close(self) -> None:
        """Close what nobody has taken."""
        for one in self._passed:
            one.sock.close()
        self._passed.clear()

    def _take(self, found: Iterable[Passed]) -> socket.socket | None:
        for one in found:
            self._passed.remove(one)
            one.sock.setblocking(False)
            return one.sock
        return None


def receive(
    names: Iterable[str], environment: MutableMapping[str, str] = os.environ
) -> Activation:
    """Return what systemd passed to this process; what it said is taken away.

    Raises:
        ActivationError: a name is none of `names`, or a socket does not listen.
    """
    told = {name: environment.pop(name, "") for name in _VARIABLES}
    if told["LISTEN_PID"] != str(os.getpid()):
        return Activation()
    known = set(names)
    fds = range(_FIRST_FD, _FIRST_FD + int(told["LISTEN_FDS"] or 0))
    given = told["LISTEN_FDNAMES"].split(":") if told["LISTEN_FDNAMES"] else []
    passed = [_passed(fd, name) for fd, name in zip(fds, given, strict=False)]
    strange = sorted({one.name for one in passed} - known)
    if strange or len(given) < len(fds):
        raise ActivationError(
            f"systemd passes {len(fds)} sockets named {', '.join(given) or 'nothing'}:"
            f" FileDescriptorName= has to be one of {', '.join(sorted(known))}"
        )
    return Activation(passed)


def _passed(fd: int, name: str) -> Passed:
    os.set_inheritable(fd, False)
    try:
        sock = socket.socket(fileno=fd)
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return Passed(name, sock)
    except OSError:
        pass
    raise ActivationError(f'systemd passes "{name}", which is no listening socket')
