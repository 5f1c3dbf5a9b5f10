"""Everything a client can be told instead of a result: one exception for each case."""

from __future__ import annotations

from typing import Any


class ClientError(Exception):
    """What all errors of this package are."""


class _Complaint(ClientError):
    """A type, a sentence and optional data, as they came from the other side."""

    def __init__(self, type: str, message: str, data: Any = None) -> None:  # noqa: A002 (the wire's word)
        super().__init__(type, message, data)
        self.type = type
        self.message = message
        self.data = data

    def __str__(self) -> str:
        return f"{self.type}: {self.message}"


class RemoteException(_Complaint):
    """The procedure raised an exception; this is the end of the job."""


class CallError(_Complaint):
    """The call could not be carried out; this is the end of the job.

    `type` is `os_error`, `network_error`, `protocol_error`, `timeout`,
    `unknown_host`, `missing_result`, or a word of the worker's own; see
    harpcaller-protocol(7).
    """


class Cancelled(ClientError):
    """Somebody cancelled the job; this is its end."""

    def __init__(self) -> None:
        super().__init__("the job was cancelled")


class NotFinished(ClientError):
    """The job has not ended yet; asking again later may give another answer."""

    def __init__(self) -> None:
        super().__init__("the job has not finished yet")


class RequestRefused(_Complaint):
    """The dispatcher did not do what it was asked; no job was touched."""


class NoSuchJob(RequestRefused):
    """The dispatcher knows no job of this id."""


class Unreachable(ClientError):
    """No dispatcher answers at the address.

    A call for which this was raised after the connection stood may have been
    accepted; give calls a `key` to make them safe to repeat.
    """


class NoDispatcher(Unreachable):
    """Something answers at the address, but not as a dispatcher does."""
