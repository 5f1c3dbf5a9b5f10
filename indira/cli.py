"""What the command lines of all daemons share; standard library only."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from pathlib import Path
from typing import Any, NoReturn

from indira.client import AdminClient, AdminError, NotRunning


class Exit(IntEnum):
    """How an admin verb ends; LSB asks for 3 from `status`."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_RUNNING = 3
    INTERRUPTED = 130  # as the shell would say it: 128 + SIGINT


class CommandFailed(Exception):
    """A verb failed; `code` is what it ends with, `reply` what a program is told."""

    def __init__(
        self,
        message: str,
        code: Exit = Exit.FAILED,
        reply: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reply = reply or {"result": "error", "message": message}


class WrongUsage(Exception):
    """The command line is wrong; `usage` is how it should be."""

    def __init__(self, message: str, usage: str) -> None:
        super().__init__(message)
        self.usage = usage


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
        self._parser: argparse.ArgumentParser = _Parser(
            prog=program, description=description, allow_abbrev=False
        )
        _add_socket(self._parser, f"the admin socket; default {self._default_socket}")
        self._verbs = self._parser.add_subparsers(
            dest="verb", metavar="VERB", required=True
        )

    @property
    def parser(self) -> argparse.ArgumentParser:
        """What reads the command line, for those who describe it to a shell."""
        return self._parser

    def add(
        self, name: str, run: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        """Add a verb that `run` carries out; return its parser for more options."""
        return self._prepared(
            self._verbs.add_parser(
                name, help=text, description=text, allow_abbrev=False
            ),
            run,
        )

    def add_hidden(
        self, name: str, run: Callable[[argparse.Namespace], int]
    ) -> argparse.ArgumentParser:
        """Add a verb that programs use and people are not told of."""
        return self._prepared(self._verbs.add_parser(name, allow_abbrev=False), run)

    def run(self, argv: list[str] | None) -> int:
        """Carry out the command line; return the exit code.

        With `--json` among the words, errors are a JSON object too.
        """
        words = sys.argv[1:] if argv is None else argv
        complain = _complain_in_json if "--json" in words else self._complain
        try:
            return self._carry_out(words)
        except WrongUsage as error:
            if complain == self._complain:
                sys.stderr.write(error.usage)
            complain(CommandFailed(str(error)))
            return Exit.USAGE
        except CommandFailed as failure:
            complain(failure)
            return failure.code
        except AdminError as error:
            complain(CommandFailed(str(error)))
            is_running = not isinstance(error, NotRunning)
            return Exit.FAILED if is_running else Exit.NOT_RUNNING
        except BrokenPipeError:  # `harpcallerd list | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return Exit.FAILED
        except KeyboardInterrupt:
            return Exit.INTERRUPTED

    def _prepared(
        self, verb: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]
    ) -> argparse.ArgumentParser:
        _add_socket(verb, "the admin socket")
        verb.set_defaults(run=run)
        return verb

    def _carry_out(self, words: list[str]) -> int:
        options = self._parser.parse_args(words)
        options.is_socket_given = "socket" in options
        if not options.is_socket_given:
            options.socket = self._default_socket
        code = int(options.run(options))
        sys.stdout.flush()  # here, so that a closed pipe is met in `run`
        return code

    def _complain(self, failure: CommandFailed) -> None:
        sys.stderr.write(f"{self._parser.prog}: {failure}\n")


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
        raise CommandFailed(message, Exit.USAGE, reply)
    message = "\n".join([message, *map(str, reply.get("errors", ()))])
    raise CommandFailed(message, reply=reply)


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


def show_all(values: Iterable[Any]) -> int:
    """Write JSON values, each on a line of its own; return that all is well."""
    for value in values:
        show(value)
    return Exit.OK


def show_progress(progress: dict[str, Any]) -> None:
    """Write how far a command is, for programs: at once, a pipe would keep it."""
    show({"progress": progress})
    sys.stdout.flush()


def tell_progress(progress: dict[str, Any]) -> None:
    """Write how far a command is, for people: beside what it prints."""
    told = ", ".join(f"{name} {value}" for name, value in progress.items())
    sys.stderr.write(f"{told}\n")


def add_json(verb: argparse.ArgumentParser, text: str) -> None:
    """Let a verb take `--json`: for programs, one JSON document a line."""
    verb.add_argument("--json", action="store_true", help=text)


def seconds(text: str) -> float:
    """Return the duration of at least 0 that an option spells."""
    value = float(text)
    if not 0 <= value < 1e9:
        raise ValueError(text)
    return value


class _Parser(argparse.ArgumentParser):
    """Raises what is wrong, so that one place tells it."""

    def error(self, message: str) -> NoReturn:
        """Raise `message`."""
        raise WrongUsage(message, self.format_usage())


def _complain_in_json(failure: CommandFailed) -> None:
    sys.stderr.write(json.dumps(failure.reply) + "\n")


def _add_socket(parser: argparse.ArgumentParser, text: str) -> None:
    # A default of a verb's parser would hide what stood before the verb.
    parser.add_argument(
        "--socket", type=Path, metavar="PATH", default=argparse.SUPPRESS, help=text
    )
