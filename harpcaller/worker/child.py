"""One call, in its own process: arguments in, the lines of the worker out."""

from __future__ import annotations

import inspect
import json
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from harpcaller.worker.procedures import Info, Procedure, Result
from protocol import harp_worker
from protocol.harp_worker import Refusal, Refused
from protocol.jsontext import MAX_DEPTH, JsonText, decode, is_within_depth

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_MAX_MESSAGE_CHARACTERS = 64 * 1024


class Wire:
    """Where the lines of the call go; writing blocks while the dispatcher is slow."""

    def __init__(self, fd: int, max_line_bytes: int) -> None:
        self._fd = fd
        self._max_line_bytes = max_line_bytes

    def write(self, line: bytes) -> None:
        """Write one line.

        Raises:
            ValueError: it is longer than what dispatchers read.
        """
        if len(line) > self._max_line_bytes:
            raise ValueError(
                f"a value of {len(line)} bytes, at most "
                f"{self._max_line_bytes} can be sent at once"
            )
        while line:
            line = line[os.write(self._fd, line) :]


def carry_out(
    procedures: Mapping[str, Procedure],
    name: str,
    arguments: JsonText,
    info: Info,
    wire: Wire,
) -> None:
    """Answer one call completely: acknowledge it, run it, tell how it ended."""
    try:
        procedure = _find(procedures, name)
        bound = _bind(procedure, arguments, info)
    except Refused as complaint:
        wire.write(harp_worker.refused(complaint))
        return
    wire.write(harp_worker.acknowledgement(streams=procedure.streams))
    with _told(wire):
        value = procedure.function(*bound.args, **bound.kwargs)
        if procedure.streams:
            value = _stream(iter(value), wire)
        if isinstance(value, Result):
            value = value.value
        wire.write(harp_worker.result(to_json(value)))


def carry_out_errand(begin: Callable[[], Iterator[Any]], wire: Wire) -> None:
    """Answer one call completely: `begin` refuses it, or gives its packets and result.

    They are given as a streaming procedure gives them.
    """
    try:
        packets = begin()
    except Refused as complaint:
        wire.write(harp_worker.refused(complaint))
        return
    wire.write(harp_worker.acknowledgement(streams=True))
    with _told(wire):
        wire.write(harp_worker.result(to_json(_stream(packets, wire))))


@contextmanager
def _told(wire: Wire) -> Iterator[None]:
    """Tell the caller what the block raises."""
    try:
        yield
    except BrokenPipeError:
        pass  # nobody listens any more
    except BaseException as error:  # SystemExit too is the caller's to know
        wire.write(_exception(error))


def to_json(value: Any) -> JsonText:
    """Return what a procedure gave as JSON.

    Raises:
        TypeError, ValueError, RecursionError: it is none; NaN is none either.
    """
    try:
        encoded = _ENCODER.encode(value).encode()
    except UnicodeEncodeError:
        raise ValueError("a lone surrogate is no character") from None
    if not is_within_depth(encoded, MAX_DEPTH - 1):
        raise ValueError("a value is nested too deeply")
    return JsonText(encoded)


def flush_output() -> None:
    """Write out what the procedure printed."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()


def _find(procedures: Mapping[str, Procedure], name: str) -> Procedure:
    if name not in procedures:
        raise Refused(Refusal.NO_SUCH_PROCEDURE, f'no procedure "{name}" here')
    return procedures[name]


def _bind(
    procedure: Procedure, arguments: JsonText, info: Info
) -> inspect.BoundArguments:
    value = decode(arguments)
    args = value if isinstance(value, list) else []
    kwargs = value if isinstance(value, dict) else {}
    try:
        bound = procedure.signature.bind(*args, **kwargs)
    except TypeError as error:
        raise Refused(Refusal.INVALID_ARGUMENT_LIST, str(error)) from None
    if not procedure.wants_info:
        return bound
    if "info" in kwargs:  # it would be taken for ours, where there is a **kwargs
        message = '"info" is not for callers to give'
        raise Refused(Refusal.INVALID_ARGUMENT_LIST, message)
    whole = inspect.signature(procedure.function)
    return inspect.BoundArguments(whole, OrderedDict(bound.arguments, info=info))


def _stream(packets: Iterator[Any], wire: Wire) -> Any:
    """Send packets up to a `Result` or the end; return the result."""
    while True:
        try:
            value = next(packets)
        except StopIteration as end:
            return end.value
        if isinstance(value, Result):
            _close(packets)
            return value
        wire.write(harp_worker.packet(to_json(value)))


def _close(packets: Iterator[Any]) -> None:
    close = getattr(packets, "close", None)
    if close is not None:
        close()


def _exception(error: BaseException) -> bytes:
    # Any text may be in a message, also what is no Unicode.
    message = str(error).encode(errors="replace").decode()
    return harp_worker.exception(
        type(error).__name__, message[:_MAX_MESSAGE_CHARACTERS]
    )
