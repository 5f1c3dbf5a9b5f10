"""What the command lines of all daemons share; standard library only."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable
from enum import IntEnum
from pathlib import Path
from typing import Any

from indira.client import AdminClient, AdminError, NotRunning


class Exit(IntEnum):
    """How an admin verb ends; LSB asks for 3 from `status`."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_RUNNING = 3


class CommandFailed(Exception):
    """The daemon said no; `exit` is what the verb ends with."""

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.code = code


def default_socket(program: str) -> Path:
    """Return where `program` has its admin socket unless told otherwise."""
    if os.geteuid() == 0:
        return Path("/run", program, "admin")
    runtime_dir = os.environ.get("XDG_RUNTIME_DIR")
    if runtime_dir:
        return Path(runtime_dir, program, "admin")
    # Not below /tmp: there anybody could be first, and be asked instead of us.
    return Path.home() / ".local" / "state" / program / "admin"


class Verbs:
    """The verbs of one program; `--socket` is taken before and after each."""

    def __init__(self, program: str, socket_name: str, description: str) -> None:
        self._default_socket = default_socket(socket_name)
        self._parser = argparse.ArgumentParser(
            prog=program, description=description, allow_abbrev=False
        )
        _add_socket(self._parser, f"the admin socket; default {self._default_socket}")
        self._verbs = self._parser.add_subparsers(
            dest="verb", metavar="VERB", required=True
        )

    def add(
        self, name: str, run: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        """Add a verb that `run` carries out; return its parser for more options."""
        verb = self._verbs.add_parser(
            name, help=text, description=text, allow_abbrev=False
        )
        _add_socket(verb, "the admin socket")
        verb.set_defaults(run=run)
        return verb

    def run(self, argv: list[str] | None) -> int:
        """Carry out the command line; return the exit code."""
        options = self._parser.parse_args(argv)
        options.is_socket_given = "socket" in options
        if not options.is_socket_given:
            options.socket = self._default_socket
        try:
            code = int(options.run(options))
            sys.stdout.flush()  # here, so that a closed pipe is met below
        except CommandFailed as failure:
            return complain(self._parser.prog, str(failure), failure.code)
        except NotRunning as failure:
            return complain(self._parser.prog, str(failure), Exit.NOT_RUNNING)
        except AdminError as failure:
            return complain(self._parser.prog, str(failure), Exit.FAILED)
        except BrokenPipeError:  # `harpcallerd list | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return Exit.FAILED
        except KeyboardInterrupt:
            return 130  # as the shell would say it: 128 + SIGINT
        return code


def ask(client: AdminClient, command: str, **arguments: Any) -> dict[str, Any]:
    """Return the reply of a command that was done.

    Raises:
        CommandFailed: the daemon said anything but `ok`.
        AdminError: it could not be asked.
    """
    reply = client.send(command, **arguments)
    if reply["result"] == "ok":
        return reply
    candidates = reply.get("candidates")
    message = str(reply.get("message", reply["result"]))
    if candidates:
        message = "\n".join([message, *map(str, candidates)])
        raise CommandFailed(message, Exit.USAGE)
    raise CommandFailed("\n".join([message, *map(str, reply.get("errors", ()))]))


def pages(
    client: AdminClient, command: str, key: str, **arguments: Any
) -> Iterable[Any]:
    """Yield what a command lists, asking page after page."""
    after = None
    while True:
        reply = ask(client, command, after=after, **arguments)
        yield from reply[key]
        after = reply.get("after")
        if after is None:
            return


def show(value: Any) -> None:
    """Write one JSON value on a line of its own; ASCII, so safe on any terminal."""
    sys.stdout.write(json.dumps(value) + "\n")


def complain(program: str, message: str, code: int) -> int:
    """Write why the verb failed; return `code`."""
    sys.stderr.write(f"{program}: {message}\n")
    return code


def seconds(text: str) -> float:
    """Return the duration of at least 0 that an option spells."""
    value = float(text)
    if not 0 <= value < 1e9:
        raise ValueError(text)
    return value


def _add_socket(parser: argparse.ArgumentParser, text: str) -> None:
    # A default of a verb's parser would hide what stood before the verb.
    parser.add_argument(
        "--socket", type=Path, metavar="PATH", default=argparse.SUPPRESS, help=text
    )
