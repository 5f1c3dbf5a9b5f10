"""The words for what goes wrong with a worker's socket."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest
import trio

from harpcaller.runners.failures import complaint, not_known, silent
from protocol.errors import ErrorType

PATH = "/run/secret/worker"


def caused(error: Exception, cause: BaseException) -> Exception:
    """Return `error` as if it had been raised from `cause`."""
    error.__cause__ = cause
    return error


def refused(number: int) -> OSError:
    """Return an error of the system that names a path."""
    return OSError(number, "in words", PATH)


ATTEMPTS = ExceptionGroup("all", [refused(errno.EHOSTUNREACH), refused(111)])


@pytest.mark.parametrize(
    ("error", "type_", "code"),
    [
        (refused(errno.ECONNREFUSED), "network_error", "econnrefused"),
        (refused(errno.ECONNRESET), "network_error", "reset"),
        (refused(errno.EPIPE), "network_error", "reset"),
        (refused(errno.ETIMEDOUT), "network_error", "timedout"),
        (refused(errno.EHOSTUNREACH), "network_error", "ehostunreach"),
        (refused(errno.ENETUNREACH), "network_error", "enetunreach"),
        (refused(errno.EMFILE), "os_error", "emfile"),
        (refused(errno.ENFILE), "os_error", "enfile"),
        (refused(errno.EACCES), "os_error", "eacces"),
        (refused(errno.ENOENT), "os_error", "enoent"),
        (refused(99999), "os_error", "unknown"),
        (caused(OSError("all failed"), ATTEMPTS), "network_error", "econnrefused"),
        (socket.gaierror(socket.EAI_NONAME, "not known"), "network_error", "nxdomain"),
        (UnicodeError("label too long"), "network_error", "nxdomain"),
        (ssl.SSLError(1, "[SSL: X] x"), "network_error", "ssl"),
        (ssl.SSLEOFError(8, "EOF"), "network_error", "closed"),
        (ssl.SSLZeroReturnError(6, "closed"), "network_error", "closed"),
        (trio.BrokenResourceError("x"), "network_error", "closed"),
        (trio.ClosedResourceError("x"), "network_error", "closed"),
        (OSError("of no number"), "network_error", "closed"),
        (
            caused(trio.BrokenResourceError("x"), refused(errno.ECONNRESET)),
            "network_error",
            "reset",
        ),
    ],
)
def test_each_error_has_one_word(error: Exception, type_: str, code: str) -> None:
    """Clients decide by the word whether to call again."""
    told = complaint(error, "cannot connect")

    assert (told.type, told.data) == (type_, {"code": code})
    assert told.message.startswith("cannot connect: ")
    assert PATH not in told.message


def test_a_bad_certificate_is_told_with_its_reason() -> None:
    """An operator has to know whether it is the name, the date or the authority."""
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_message = "certificate has expired"

    told = complaint(error, "cannot connect")

    assert told.message == (
        "cannot connect: certificate not accepted: certificate has expired"
    )


def test_our_own_verdicts_are_network_errors() -> None:
    """They are found by us, but the worker's."""
    assert not_known("cannot connect").data == {"code": "ssl"}
    assert silent(20).data == {"code": "timedout"}
    assert silent(20).type == ErrorType.NETWORK_ERROR
