"""What went wrong with a worker's socket, in the words of the wire: one table."""

from __future__ import annotations

import errno
import os
import socket
import ssl

from protocol.errors import ErrorType, WireError

# The network's doing, or the worker's; any other errno is this machine's: os_error.
_NETWORK_CODES = {
    errno.ECONNREFUSED: "econnrefused",
    errno.ECONNRESET: "reset",
    errno.ECONNABORTED: "reset",
    errno.EPIPE: "reset",
    errno.ETIMEDOUT: "timedout",
    errno.EHOSTUNREACH: "ehostunreach",
    errno.EHOSTDOWN: "ehostdown",
    errno.ENETUNREACH: "enetunreach",
    errno.ENETDOWN: "enetdown",
    errno.ENETRESET: "reset",
    errno.ENOTCONN: "closed",
}
_CLOSED = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


def complaint(error: BaseException, doing: str) -> WireError:
    """Return what the client is told of `error`, met while `doing` something.

    No path and no address is in it, only what the system calls the error.
    """
    cause = _root(error)
    match cause:
        case socket.gaierror():
            return _network("nxdomain", f"{doing}: {cause.strerror}")
        case ssl.SSLCertVerificationError():
            reason = f"certificate not accepted: {cause.verify_message}"
            return _network("ssl", f"{doing}: {reason}")
        case ssl.SSLError() if not isinstance(cause, _CLOSED):
            return _network("ssl", f"{doing}: TLS: {_reason(cause)}")
        case OSError(errno=int(number)) if not isinstance(cause, ssl.SSLError):
            return _system(number, doing)
        case UnicodeError() | ValueError():
            return _network("nxdomain", f"{doing}: its address is no host name")
        case _:
            return _network("closed", f"{doing}: the connection was closed")


def not_known(doing: str) -> WireError:
    """Return what the client is told of a certificate that is not a known one."""
    reason = "certificate not accepted: it is not among the known ones"
    return _network("ssl", f"{doing}: {reason}")


def silent(silence_s: float) -> WireError:
    """Return what the client is told of a worker whose heart stopped."""
    return _network("timedout", f"no sign of life from the worker for {silence_s:g} s")


def _root(error: BaseException) -> BaseException:
    """Return what trio wrapped: the last of several attempts to connect counts."""
    cause = error.__cause__
    if isinstance(cause, BaseExceptionGroup):
        return _root(cause.exceptions[-1])
    if isinstance(error, OSError) and error.errno is not None:
        return error
    return error if cause is None else _root(cause)


def _network(code: str, message: str) -> WireError:
    return WireError(ErrorType.NETWORK_ERROR, message, {"code": code})


def _system(number: int, doing: str) -> WireError:
    message = f"{doing}: {os.strerror(number)}"
    code = _NETWORK_CODES.get(number)
    if code is not None:
        return _network(code, message)
    name = errno.errorcode.get(number, "unknown").lower()
    return WireError(ErrorType.OS_ERROR, message, {"code": name})


def _reason(error: ssl.SSLError) -> str:
    return str(getattr(error, "reason", None) or "failed").lower().replace("_", " ")
