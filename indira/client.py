"""The blocking side of the admin socket; standard library only, so it starts fast."""

from __future__ import annotations

import errno
import json
import os
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

MAX_REPLY_BYTES = 64 * 1024 * 1024
_RECEIVE_BYTES = 256 * 1024


class AdminError(Exception):
    """The daemon could not be asked; the message says why."""


class NotRunning(AdminError):
    """Nobody listens on the socket."""


class Refused(AdminError):
    """The socket may not be used, or its owner did not answer sensibly."""


class TimedOut(AdminError):
    """No answer within the time that was given."""


class AdminClient:
    """One connection to a daemon's admin socket, made by the first command.

    `timeout_s` bounds connecting and each command, or where a command tells how far
    it is, the silence between; None waits without end. `hear` is called with what a
    command tells before its reply.
    """

    def __init__(
        self,
        path: Path,
        *,
        timeout_s: float | None = None,
        hear: Callable[[dict[str, Any]], None] = lambda progress: None,
    ) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._hear = hear
        self._socket: socket.socket | None = None
        self._received = bytearray()

    def __enter__(self) -> AdminClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def send(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Return the daemon's reply to one command; None arguments are left out.

        Raises:
            NotRunning: nobody listens.
            Refused: the socket is not for us, or the answer is no reply.
            TimedOut: no answer in time.
        """
        request = {"command": command}
        request.update({k: v for k, v in arguments.items() if v is not None})
        line: bytes | None = json.dumps(request).encode() + b"\n"
        while "result" not in (reply := self._parse(self._ask(line))):
            if not isinstance(reply.get("progress"), dict):
                raise Refused(f"{self._path}: the answer is no reply to a command")
            self._hear(reply["progress"])
            line = None
        return reply

    def wait_closed(self) -> None:
        """Wait until the daemon has closed the connection.

        Raises:
            TimedOut: it is open still after `timeout_s`.
        """
        if self._socket is None:
            return
        self._socket.settimeout(self._timeout_s)
        try:
            while self._socket.recv(_RECEIVE_BYTES):
                pass
        except TimeoutError as error:
            raise TimedOut(f"{self._path} is still open") from error
        except OSError:  # reset: closed all the same
            pass

    def close(self) -> None:
        """Close the connection; the next command makes a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._received.clear()

    def _parse(self, line: bytes) -> dict[str, Any]:
        try:
            reply = json.loads(line)
        except ValueError as error:
            raise Refused(f"{self._path}: the answer is no JSON") from error
        if not isinstance(reply, dict):
            raise Refused(f"{self._path}: the answer is no reply to a command")
        return reply

    def _ask(self, line: bytes | None) -> bytes:
        """Return the next line that comes, after sending `line` if there is one."""
        deadline = None
        if self._timeout_s is not None:
            deadline = time.monotonic() + self._timeout_s
        try:
            if self._socket is None:
                self._socket = _connect(self._path, _left(deadline))
            if line is not None:
                self._socket.settimeout(_left(deadline))
                self._socket.sendall(line)
            return self._read_line(self._socket, deadline)
        except TimeoutError as error:
            self.close()
            raise TimedOut(f"no answer from {self._path} in time") from error
        except OSError as error:
            self.close()
            raise _typed(self._path, error) from error

    def _read_line(self, connection: socket.socket, deadline: float | None) -> bytes:
        searched = 0
        while (end := self._received.find(b"\n", searched)) < 0:
            searched = len(self._received)
            if searched > MAX_REPLY_BYTES:
                raise OSError(errno.EMSGSIZE, "the reply is too long")
            connection.settimeout(_left(deadline))
            data = connection.recv(_RECEIVE_BYTES)
            if not data:
                raise OSError(errno.EPIPE, "closed without an answer")
            self._received += data
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line


def wait_exit(pid: int, timeout_s: float | None) -> bool:
    """Wait until process `pid` is gone; False if it is there still.

    A process that the kernel will not let us watch counts as gone.
    """
    try:
        watch = os.pidfd_open(pid)
    except OSError:
        return True
    try:
        readable, _, _ = select.select([watch], [], [], timeout_s)
    finally:
        os.close(watch)
    return bool(readable)


def _connect(path: Path, timeout_s: float | None) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_s)
        connection.connect(str(path))
    except BaseException:
        connection.close()
        raise
    return connection


def _left(deadline: float | None) -> float | None:
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _typed(path: Path, error: OSError) -> AdminError:
    reason = error.strerror or str(error)
    if error.errno in {errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR}:
        return NotRunning(f"not running: nobody listens on {path}")
    if error.errno in {errno.EPIPE, errno.ECONNRESET}:  # it went away while asked
        return NotRunning(f"not running: {path} was closed without an answer")
    return Refused(f"{path}: {reason}")
