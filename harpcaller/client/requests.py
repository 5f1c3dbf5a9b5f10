"""What a client asks: each function returns one line, line end included."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def encode(value: Any) -> str:
    """Return `value` as compact JSON.

    Raises:
        ValueError: JSON cannot carry it: NaN, an infinity, nested too deeply.
        TypeError: it is of a type that JSON does not have.
    """
    try:
        return json.dumps(
            value, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        )
    except RecursionError:
        raise ValueError("nested too deeply for JSON") from None


def call(
    host: str,
    procedure: str,
    arguments: Sequence[Any] | Mapping[str, Any],
    options: Mapping[str, Any],
) -> bytes:
    """Return the request to run a procedure; an option that is None is left out.

    Raises:
        ValueError: see `encode`; or a string is no Unicode text.
        TypeError: see `encode`; or the arguments are neither values nor names.
    """
    if isinstance(arguments, str | bytes):
        raise TypeError("arguments: expected a list or a mapping, not one string")
    sent: Any = arguments
    if not isinstance(arguments, Mapping):
        sent = list(arguments)
    request = {"host": host, "procedure": procedure, "arguments": sent}
    return _line(request | _given(options))


def hello(token: str) -> bytes:
    """Return the request to be taken for whose token it is."""
    return _line({"hello": {"token": token}})


def cancel(job_id: str) -> bytes:
    """Return the request to end a job."""
    return _line({"cancel": job_id})


def get_result(job_id: str, *, wait: bool) -> bytes:
    """Return the request for how a job ended."""
    return _line({"get_result": job_id, "wait": wait})


def get_status(job_id: str) -> bytes:
    """Return the request for what was called, and when."""
    return _line({"get_status": job_id})


def follow_stream(job_id: str, since: int) -> bytes:
    """Return the request for all packets from number `since`, as they come."""
    return _line({"follow_stream": job_id, "since": since})


def read_stream(
    job_id: str, *, since: int | None = None, recent: int | None = None
) -> bytes:
    """Return the request for the packets there are."""
    return _line({"read_stream": job_id} | _given({"since": since, "recent": recent}))


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _line(fields: Mapping[str, Any]) -> bytes:
    return encode({"harpcaller": 1, **fields}).encode() + b"\n"
