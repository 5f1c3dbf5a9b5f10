"""What each verb of `harp` does."""

from __future__ import annotations

import itertools
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harpcaller.client.dispatcher import Dispatcher
from harpcaller.client.follower import Follower
from harpcaller.client.job import Job
from harpcaller.client.options import ACCESS, Command, UsageError
from harpcaller.client.output import Interrupted, Printer
from harpcaller.client.values import read_json


def run(command: Command, dispatcher: Dispatcher, printer: Printer) -> None:
    """Do what `command` asks for, and print what comes of it.

    Raises:
        ClientError: it did not come to a result.
        Interrupted: Ctrl-C came first.
        UsageError: the arguments cannot be read.
    """
    _VERBS[command.verb](command, dispatcher, printer)


def _call(command: Command, dispatcher: Dispatcher, printer: Printer) -> None:
    host, procedure = command.operands
    given = command.options
    job = dispatcher.call(
        host,
        procedure,
        _arguments(command),
        timeout=given.get("timeout"),
        max_exec_time=given.get("max-exec-time"),
        queue=given.get("queue"),
        concurrency=given.get("concurrency"),
        info=given.get("info"),
        key=given.get("key"),
        retries=given.get("retries"),
        sealed=given.get("seal", ()),
    )
    if "detach" in given:
        printer.tell_job(job.id)
    elif "follow" in given:
        _print_stream(command, job, job.follow(), printer)
    else:
        _print_result(command, job, printer)


def _procedures(command: Command, dispatcher: Dispatcher, printer: Printer) -> None:
    job = dispatcher.call(command.operands[0], "describe", [])
    with _detaching(command, job, lambda: ["result", job.id]):
        value = job.result()
    if isinstance(value, list) and all(isinstance(row, dict) for row in value):
        printer.tell_procedures(value)
    else:  # a worker of another make, with a procedure of that name
        printer.tell_result(value)


def _arguments(command: Command) -> list[Any] | dict[str, Any]:
    path = command.options.get("arguments")
    if path is None:
        return command.arguments
    try:
        text = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        arguments = read_json(text.decode())
    except (OSError, ValueError) as error:
        raise UsageError(f"--arguments: {path}: {error}") from None
    if not isinstance(arguments, list | dict):
        raise UsageError(f"--arguments: {path}: expected a JSON list or object")
    return arguments


def _follow(command: Command, dispatcher: Dispatcher, printer: Printer) -> None:
    job = dispatcher.job(command.operands[0])
    given = command.options
    follower = job.follow(since=given.get("since", 0), recent=given.get("recent"))
    _print_stream(command, job, follower, printer)


def _result(command: Command, dispatcher: Dispatcher, printer: Printer) -> None:
    job = dispatcher.job(command.operands[0])
    if "no-wait" in command.options:
        printer.tell_result(job.result(wait=False))
    else:
        _print_result(command, job, printer)


def _status(command: Command, dispatcher: Dispatcher, printer: Printer) -> None:
    printer.tell_status(dispatcher.job(command.operands[0]).status())


def _cancel(command: Command, dispatcher: Dispatcher, printer: Printer) -> None:
    job = dispatcher.job(command.operands[0])
    was_stopped = job.cancel()
    if not was_stopped:
        # "Not stopped" is also said of a job that never was: this raises then.
        job.status()
    printer.tell_cancelled(was_stopped=was_stopped)


def _print_stream(
    command: Command, job: Job, follower: Follower, printer: Printer
) -> None:
    with follower, _detaching(command, job, lambda: _follow_again(job, follower)):
        for packet in follower:
            printer.tell_packet(packet)
        printer.tell_result(follower.result)


def _print_result(command: Command, job: Job, printer: Printer) -> None:
    with _detaching(command, job, lambda: ["result", job.id]):
        value = job.result()
    printer.tell_result(value)


def _follow_again(job: Job, follower: Follower) -> list[str]:
    return ["follow", job.id, "--since", str(follower.position)]


@contextmanager
def _detaching(
    command: Command, job: Job, words: Callable[[], list[str]]
) -> Iterator[None]:
    """Turn Ctrl-C into `Interrupted`, which tells how to go on: `harp` and `words`."""
    try:
        yield
    except KeyboardInterrupt:
        if "cancel-on-interrupt" in command.options:
            job.cancel()
            raise Interrupted(f"cancelled job {job.id}", job.id) from None
        access = [name for name in ACCESS if name in command.options]
        given = [[f"--{name}", command.options[name]] for name in access]
        again = ["harp", *words(), *itertools.chain(*given)]
        hint = f"job {job.id} goes on; to go on with it: {shlex.join(again)}"
        raise Interrupted(hint, job.id) from None


_VERBS: dict[str, Callable[[Command, Dispatcher, Printer], None]] = {
    "call": _call,
    "follow": _follow,
    "result": _result,
    "status": _status,
    "cancel": _cancel,
    "procedures": _procedures,
}
