"""One connection to a dispatcher, and the patience to replace it when it breaks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Self

from harpcaller.client.access import Access
from harpcaller.client.errors import NoDispatcher, RequestRefused, Unreachable
from harpcaller.client.replies import (
    Reply,
    check_hello,
    is_shutting_down,
    read_reply,
)
from harpcaller.client.requests import hello

CONNECT_TIMEOUT_S = 10
REPLY_TIMEOUT_S = 60  # of a request that the dispatcher answers at once
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0
MAX_REPLY_BYTES = 256 * 1024 * 1024  # far beyond any honest line


class Connection:
    """A connection that has asked one question, and said before who asks.

    Raises:
        Unreachable: there is no dispatcher.
        RequestRefused: the dispatcher does not know the token.
    """

    def __init__(self, access: Access, request: bytes, *, may_wait: bool) -> None:
        self._access = access
        try:
            self._socket = access.connect(CONNECT_TIMEOUT_S)
        except OSError as error:
            raise self._unreachable(_reason(error)) from error
        self._replies = self._socket.makefile("rb")
        try:
            if access.token is not None:
                self._say_who(access.token)
            self._send(request, None if may_wait else REPLY_TIMEOUT_S)
        except BaseException:
            self.close()
            raise

    def _say_who(self, token: str) -> None:
        # The request waits for the answer: it must not be done for nobody.
        self._send(hello(token), REPLY_TIMEOUT_S)
        check_hello(self.read())

    def _send(self, request: bytes, timeout_s: float | None) -> None:
        try:
            self._socket.settimeout(timeout_s)
            self._socket.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the reply that says why, such as too_large, may be there already
        except OSError as error:
            raise self._unreachable(_reason(error)) from error

    def read(self) -> Reply:
        """Return the next reply.

        Raises:
            Unreachable: the connection broke before the reply was complete.
        """
        try:
            line = self._replies.readline(MAX_REPLY_BYTES)
        except OSError as error:
            raise self._unreachable(_reason(error)) from error
        # Half a line may be valid JSON and still not what was meant.
        if not line.endswith(b"\n"):
            raise self._unreachable("it broke off without a complete answer")
        return read_reply(line)

    def close(self) -> None:
        """Close the connection."""
        self._replies.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _unreachable(self, reason: str) -> Unreachable:
        return Unreachable(f"the dispatcher at {self._access}: {reason}")


class Inquiry:
    """A request that is safe to repeat, asked again when its connection breaks.

    The first connection must stand, unless `is_known`: then the dispatcher has been
    there before, and is waited for. Each answer renews the `patience_s`.
    """

    def __init__(
        self,
        access: Access,
        *,
        patience_s: float,
        is_known: bool,
    ) -> None:
        self._access = access
        self._patience_s = patience_s
        self._is_known = is_known
        self._connection: Connection | None = None

    def read(self, ask: Callable[[], bytes]) -> Reply:
        """Return the next reply; `ask` makes the request for each new connection.

        Raises:
            Unreachable: there was no dispatcher, or none for `patience_s`.
            NoDispatcher: something else listens there; waiting does not help.
            RequestRefused: `shutting_down`, and none came back for `patience_s`; or it
                does not know the token.
        """
        give_up_at = time.monotonic() + self._patience_s
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return self._read_once(ask)
            except (Unreachable, RequestRefused) as error:
                self.close()
                if (
                    not _may_pass(error)
                    or not self._is_known
                    or time.monotonic() + pause_s > give_up_at
                ):
                    raise
            # Half of the pause is by chance: else all followers come at once.
            time.sleep(pause_s * (0.5 + os.urandom(1)[0] / 510))
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _read_once(self, ask: Callable[[], bytes]) -> Reply:
        if self._connection is None:
            self._connection = Connection(self._access, ask(), may_wait=True)
            self._is_known = True
        reply = self._connection.read()
        if is_shutting_down(reply):
            raise RequestRefused("shutting_down", "the dispatcher is shutting down")
        return reply

    def close(self) -> None:
        """Close the connection, if one is open."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def ask(access: Access, request: bytes) -> Reply:
    """Return the reply to a request that is answered at once.

    Raises:
        Unreachable: there is no dispatcher, or it broke off.
        RequestRefused: the dispatcher does not know the token.
    """
    with Connection(access, request, may_wait=False) as connection:
        return connection.read()


def _may_pass(error: Unreachable | RequestRefused) -> bool:
    """Tell whether it may help to ask again."""
    if isinstance(error, RequestRefused):
        return error.type == "shutting_down"
    return not isinstance(error, NoDispatcher)


def _reason(error: OSError) -> str:
    refusal = getattr(error, "verify_message", None)  # of ssl, which may not be loaded
    if refusal:
        return f"its certificate is not accepted: {refusal}"
    return error.strerror or str(error) or type(error).__name__
