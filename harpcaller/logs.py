"""How log lines look and where they go; nothing else configures logging."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_LEVELS = {"debug": 10, "info": 20}
# sd-daemon(3): how systemd's journal tells how bad a line is.
_PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}


class LogFile:
    """A file of lines that others may move away: lines go to what has its name now.

    A line is written at once and whole. What cannot be written is lost: a full disk
    must not end what is logged about.
    """

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            OSError: it cannot be opened or made.
        """
        self._path = path
        self._fd = -1
        self._file: tuple[int, int] | None = None
        self._open()

    def write(self, text: str, /) -> None:
        """Append a line, to a new file if ours was moved away or removed."""
        line = text.encode(errors="backslashreplace")
        try:
            if not self._is_in_place():
                self._open()
        except OSError:
            pass  # what we have open is better than nothing
        try:
            while line:
                line = line[os.write(self._fd, line) :]
        except OSError:
            pass

    def flush(self) -> None:
        """Do nothing: each line is written at once."""

    def reopen(self) -> None:
        """Begin the file anew where it was moved away, before the next line comes.

        Raises:
            OSError: it cannot be opened; lines go where they went.
        """
        if not self._is_in_place():
            self._open()

    def _is_in_place(self) -> bool:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == self._file

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        fd = os.open(self._path, flags, 0o600)
        if self._fd >= 0:
            os.close(self._fd)
        opened = os.fstat(fd)
        self._fd, self._file = fd, (opened.st_dev, opened.st_ino)


def configure(*, debug: bool = False, file: LogFile | None = None) -> None:
    """Send log lines to a file, else to the standard error.

    They are JSON, with a priority before it where systemd's journal reads them; on a
    terminal they are for people. Events are `noun.past_participle`, facts are keys.
    Arguments, values and credentials are never among them.
    """
    # To write() and to flush() is all that is asked of it.
    sink = sys.stderr if file is None else cast("TextIO", file)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(_renderers() if file is None else _AS_JSON),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            _LEVELS["debug" if debug else "info"]
        ),
        logger_factory=structlog.WriteLoggerFactory(file=sink),
        cache_logger_on_first_use=True,
    )


def _renderers() -> Sequence[Processor]:
    """Return how lines look on the standard error."""
    if sys.stderr.isatty():
        return (_escape, structlog.dev.ConsoleRenderer())
    if _is_journal(sys.stderr.fileno()):
        return (structlog.processors.ExceptionRenderer(), _for_journal)
    return _AS_JSON


def _is_journal(fd: int) -> bool:
    """Tell whether systemd's journal reads what we write: systemd.exec(5)."""
    found = os.fstat(fd)
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def _escape(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Show control characters as what they are: names come from strangers."""
    for name, value in event.items():
        if name != "exception" and isinstance(value, str) and not value.isprintable():
            event[name] = repr(value)
    return event


def _as_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    return orjson.dumps(event, default=str).decode()


def _for_journal(logger: WrappedLogger, method: str, event: EventDict) -> str:
    return f"<{_PRIORITIES[event['level']]}>{_as_json(logger, method, event)}"


_AS_JSON = (structlog.processors.ExceptionRenderer(), _as_json)
