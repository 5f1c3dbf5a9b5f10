"""What `harp` prints: for people, or JSON as the dispatcher itself would say it."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from typing import Any, TextIO

from harpcaller.client.errors import (
    CallError,
    Cancelled,
    NotFinished,
    RemoteException,
    RequestRefused,
    Unreachable,
)
from harpcaller.client.options import UsageError
from harpcaller.client.replies import Packet

# Control characters move the cursor, retitle the window, answer as if typed; the
# directional ones make text look like another. Workers must not do that to a terminal.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
# In JSON the encoder has escaped the line ends that are part of a value.


class Interrupted(Exception):
    """Ctrl-C was pressed; `hint` says what became of the job."""

    def __init__(self, hint: str, job_id: str | None = None) -> None:
        super().__init__(hint)
        self.hint = hint
        self.job_id = job_id


class CannotWrite(Exception):
    """The output could not be written; the message says why."""


class Printer:
    """Writes results to stdout and errors to stderr, each line at once."""

    def __init__(self, *, is_json: bool) -> None:
        self._is_json = is_json

    def tell_packet(self, packet: Packet) -> None:
        """Print one packet of a stream."""
        fields = {"packet": packet.number, "data": packet.data}
        self._print(fields, _plain(packet.data))

    def tell_result(self, value: Any) -> None:
        """Print what a procedure returned."""
        self._print({"result": value}, _plain(value))

    def tell_job(self, job_id: str) -> None:
        """Print the id of a job that nobody waits for."""
        self._print({"job_id": job_id}, job_id)

    def tell_cancelled(self, *, was_stopped: bool) -> None:
        """Print whether a job was stopped."""
        words = "cancelled" if was_stopped else "had ended already"
        self._print({"cancelled": was_stopped}, words)

    def tell_status(self, status: dict[str, Any]) -> None:
        """Print what was called, and when."""
        self._print(status, _status_text(status))

    def tell_procedures(self, rows: list[dict[str, Any]]) -> None:
        """Print what a host offers: a line each."""
        for row in rows:
            self._print(row, _procedure_text(row))

    def tell_text(self, text: str) -> None:
        """Print what is no JSON in any case."""
        _write(sys.stdout, text)

    def tell_error(self, error: Exception) -> None:
        """Print what went wrong, to stderr."""
        text = _dump(_error_fields(error)) if self._is_json else _error_text(error)
        if sys.stderr is not None:
            _write(sys.stderr, text)

    def _print(self, fields: dict[str, Any], text: str) -> None:
        _write(sys.stdout, _dump(fields) if self._is_json else text)


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:
        raise CannotWrite("the output cannot be written: it is closed")
    try:
        if stream.isatty():
            text = _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
        # As bytes: values are UTF-8 whatever the locale says.
        stream.buffer.write(text.encode(errors="backslashreplace") + b"\n")
        stream.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _forget_unwritten(stream)
        raise CannotWrite(f"the output cannot be written: {error.strerror}") from None


def _forget_unwritten(stream: TextIO) -> None:
    """Drop what the stream still holds: at exit it would fail again, as status 120."""
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 (no path of ours)
        os.dup2(nowhere.fileno(), stream.fileno())


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else _dump(value)


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _error_fields(error: Exception) -> dict[str, Any]:
    match error:
        case RemoteException():
            return {"exception": _complaint(error.type, error.message, error.data)}
        case CallError() | RequestRefused():
            return {"error": _complaint(error.type, error.message, error.data)}
        case Cancelled():
            return {"cancelled": True}
        case NotFinished():
            return {"no_result": True}
        case Interrupted():
            job = {"job_id": error.job_id} if error.job_id else None
            return {"error": _complaint("interrupted", error.hint, job)}
        case Unreachable():
            return {"error": _complaint("unreachable", str(error), None)}
        case UsageError():
            return {"error": _complaint("usage", str(error), None)}
        case _:
            return {"error": _complaint("os_error", str(error), None)}


def _complaint(type_: str, message: str, data: Any) -> dict[str, Any]:
    complaint = {"type": type_, "message": message}
    return complaint if data is None else complaint | {"data": data}


_PREFIXES: dict[type[Exception], str] = {
    RemoteException: "the procedure raised ",
    CallError: "the call failed: ",
    RequestRefused: "the dispatcher refused: ",
}


def _error_text(error: Exception) -> str:
    text = f"harp: {_PREFIXES.get(type(error), '')}{error}"
    if isinstance(error, UsageError):
        return f'{text}\nharp: see "harp --help"'
    data = getattr(error, "data", None)
    return text if data is None else f"{text}\nharp: data: {_dump(data)}"


def _status_text(status: dict[str, Any]) -> str:
    call, times = status["call"], status["time"]
    state = "ended" if times.get("end") is not None else "running"
    if times.get("start") is None and state == "running":
        state = "queued"
    rows = {
        "call": f"{call.get('host')} {call.get('procedure')}",
        "arguments": _dump(call.get("arguments")),
        "state": state,
        "submitted": _time_text(times.get("submit")),
        "started": _time_text(times.get("start")),
        "ended": _time_text(times.get("end")),
        "info": _dump(status.get("info")),
    }
    more = {name: _dump(status[name]) for name in status.keys() - _SHOWN}
    return "\n".join(f"{name:<10} {text}" for name, text in (rows | more).items())


def _procedure_text(row: dict[str, Any]) -> str:
    """Return how a procedure is called, and the first line of what it does."""
    call = f"{row.get('name')}{row.get('signature', '')}"
    if row.get("streams"):
        call += " streams"
    doc = str(row.get("doc") or "").strip().partition("\n")[0]
    return f"{call:<{_CALL_WIDTH}} {doc}".rstrip()


_CALL_WIDTH = 39  # what follows begins in the middle of a terminal
_SHOWN = {"call", "time", "info"}


def _time_text(at: float | None) -> str:
    if at is None:
        return "-"
    return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(at))
