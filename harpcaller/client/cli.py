"""The `harp` command: exit statuses, and what leads to them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from harpcaller import __version__
from harpcaller.client import usage
from harpcaller.client.dispatcher import Dispatcher
from harpcaller.client.errors import (
    CallError,
    Cancelled,
    NoSuchJob,
    NotFinished,
    RemoteException,
    RequestRefused,
    Unreachable,
)
from harpcaller.client.options import Command, UsageError, read_command
from harpcaller.client.output import CannotWrite, Interrupted, Printer
from harpcaller.client.verbs import run

# The first that fits counts: NoSuchJob is a RequestRefused.
EXIT_STATUS: dict[type[Exception], int] = {
    RemoteException: 1,
    UsageError: 2,
    NoSuchJob: 6,
    CallError: 3,
    RequestRefused: 3,
    CannotWrite: 3,
    Cancelled: 4,
    NotFinished: 5,
    Unreachable: 7,
    Interrupted: 130,
}
READER_LEFT = 141  # what a shell shows for SIGPIPE


def main(words: Sequence[str] | None = None) -> int:
    """Run `harp` with these words, or those of the command line; return its status."""
    words = sys.argv[1:] if words is None else words
    printer = Printer(is_json=_wants_json(words))
    try:
        return _run(words, printer)
    except tuple(EXIT_STATUS) as error:
        printer.tell_error(error)
        return next(
            EXIT_STATUS[kind] for kind in EXIT_STATUS if isinstance(error, kind)
        )
    except KeyboardInterrupt:
        printer.tell_error(Interrupted("interrupted"))
        return EXIT_STATUS[Interrupted]
    except BrokenPipeError:
        # What is still buffered would fail once more, with a message, at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_LEFT


def _run(words: Sequence[str], printer: Printer) -> int:
    command = read_command(words)
    if "version" in command.options:
        printer.tell_text(f"harp {__version__}")
    elif "help" in command.options:
        printer.tell_text(usage.VERBS.get(command.verb, usage.SUMMARY).rstrip())
    else:
        run(command, _dispatcher(command), printer)
    return 0


def _dispatcher(command: Command) -> Dispatcher:
    given = command.options
    try:
        return Dispatcher(
            given.get("server"),
            ca_file=given.get("ca-file"),
            cert_file=given.get("cert-file"),
            key_file=given.get("key-file"),
            token=_read_token(given.get("token-file")),
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def _read_token(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        token = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise UsageError(f"--token-file: {path}: {reason}") from None
    if not token:
        raise UsageError(f"--token-file: {path}: it is empty")
    return token


def _wants_json(words: Sequence[str]) -> bool:
    # Asked before anything is read: a usage error is printed as JSON, too.
    before = list(words)[: list(words).index("--")] if "--" in words else words
    return "--json" in before
