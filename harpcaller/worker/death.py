"""How the process of a call ended: what a supervisor tells harpd, line by line."""

from __future__ import annotations

import signal
from typing import TypeAlias

import attrs

from protocol import harp_worker
from protocol.jsontext import JsonText, JsonValue, decode, encode


@attrs.frozen
class Started:
    """The program was executed; it runs."""


@attrs.frozen
class NotStarted:
    """The program could not be executed, and why."""

    reason: str


@attrs.frozen
class Exited:
    """It ended by itself, with this status."""

    status: int


@attrs.frozen
class Killed:
    """A signal ended it."""

    number: int


@attrs.frozen
class TimedOut:
    """It ran longer than its limit, in seconds, and was ended."""

    limit_s: float


Death: TypeAlias = NotStarted | Exited | Killed | TimedOut


def tell(news: Started | Death) -> bytes:
    """Return the line that tells `news`."""
    match news:
        case Started():
            return b'{"started":true}\n'
        case NotStarted(reason):
            return encode({"not_started": reason}) + b"\n"
        case Exited(status):
            return b'{"exit":%d}\n' % status
        case Killed(number):
            return b'{"signal":%d}\n' % number
        case TimedOut(limit_s):
            return encode({"timeout": limit_s}) + b"\n"


def read(line: bytes) -> Started | Death:
    """Return the news that `line` tells; it is a supervisor's, and so is right."""
    said = decode(line)
    assert isinstance(said, dict)  # noqa: S101 (by `tell`)
    [(word, value)] = said.items()
    match word:
        case "started":
            return Started()
        case "exit":
            return Exited(int(str(value)))
        case "signal":
            return Killed(int(str(value)))
        case "timeout":
            return TimedOut(float(str(value)))
        case _:
            return NotStarted(str(value))


def as_exception(death: Death, stderr: list[str] | None = None) -> bytes:
    """Return the line that tells a dispatcher of a `death` without a result.

    `stderr` is what an executable said last; with it there is also data.
    """
    match death:
        case NotStarted(reason):
            return harp_worker.exception("NotStarted", reason)
        case Exited(status):
            message = f"the procedure exited with status {status} and no result"
            data = _data({"exit": status}, stderr)
            return harp_worker.exception("ProcessExited", message, data)
        case Killed(number):
            name = _signal_name(number)
            message = f"the procedure was killed by {name}"
            data = _data({"signal": name}, stderr)
            return harp_worker.exception("ProcessKilled", message, data)
        case TimedOut(limit_s):
            message = f"the procedure ran longer than its limit of {limit_s:g} s"
            data = _data({"timeout": limit_s}, stderr)
            return harp_worker.exception("TimeoutError", message, data)


def _data(facts: dict[str, JsonValue], stderr: list[str] | None) -> JsonText | None:
    if stderr is None:
        return None
    lines: list[JsonValue] = [*stderr]
    return encode({**facts, "stderr": lines})


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
