"""`harpd passwd`: a password becomes a line of the users file."""

from __future__ import annotations

import argparse
import getpass
import sys

from harpcaller.worker.passwords import hashed
from harpcaller.worker.users import write_user
from indira.cli import CommandFailed, Exit


def passwd(options: argparse.Namespace) -> int:
    """Write what to keep of a password; return the exit code."""
    password = _ask(options.user) if sys.stdin.isatty() else _read()
    if not password:
        raise CommandFailed("the password is empty", Exit.USAGE)
    entry = hashed(password)
    if options.users is None:
        sys.stdout.write(f"{options.user}:{entry}\n")
        return Exit.OK
    try:
        write_user(options.users, options.user, entry)
    except ValueError as error:
        raise CommandFailed(str(error), Exit.USAGE) from None
    except OSError as error:
        raise CommandFailed(f"{options.users}: {error.strerror}") from None
    return Exit.OK


def _ask(user: str) -> str:
    password = getpass.getpass(f"Password of {user}: ")
    if getpass.getpass("Once more: ") != password:
        raise CommandFailed("the two were not the same")
    return password


def _read() -> str:
    """Return the first line of the standard input."""
    try:
        return sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise CommandFailed("the password is no UTF-8 text", Exit.USAGE) from None
