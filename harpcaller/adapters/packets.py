"""Events as packets of the parent's log: keys, sizes, codes, times, ids, no documents.

A fresh machine is told after a restart what the one before it was told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, assert_never

from harpcaller.adapters.machine import (
    Cancelled,
    Ended,
    Event,
    Fetched,
    FetchFailed,
    Posted,
    Reason,
    Saved,
    SaveFailed,
    Slept,
)
from protocol.errors import ErrorType, WireError
from protocol.job import JobId
from protocol.jsontext import JsonText, JsonValue, decode, encode
from protocol.outcome import Failed, Outcome, outcome_text, read_outcome

CHILD_GONE: Final = Failed(
    type=ErrorType.MISSING_RESULT, message="the call is no longer known"
)
_WORDS: Final[Mapping[type[Event], str]] = {
    Ended: "ended",
    Fetched: "fetched",
    FetchFailed: "fetch_failed",
    Saved: "saved",
    SaveFailed: "save_failed",
    Posted: "posted",
    Slept: "slept",
    Cancelled: "cancelled",
}


class UnknownEvent(ValueError):
    """A packet tells of an event in a way that this version does not write."""


def event_packet(event: Event) -> JsonText:
    """Return the packet that `read_event` takes back."""
    fields: dict[str, JsonValue] = {"event": _WORDS[type(event)]}
    if not isinstance(event, Cancelled):
        fields["key"] = event.key
    fields["at"] = event.at
    if not isinstance(event, Cancelled) and event.again:
        fields["again"] = True
    return encode(fields | _details(event))


def _details(event: Event) -> dict[str, JsonValue]:
    match event:
        case Ended():
            return _end_details(event)
        case Fetched(body=body):
            return {"bytes": len(body)}
        case FetchFailed(code=code, text=text) | SaveFailed(code=code, text=text):
            return {"code": code, "text": text}
        case Posted(status=status, retry_after_s=retry_after_s, body=body):
            return {
                "status": status,
                "retry_after": retry_after_s,
                "bytes": len(body),
            }
        case Cancelled(reason=reason):
            return {"reason": reason.value}
        case Saved() | Slept():
            return {}
    assert_never(event)


def _end_details(event: Ended) -> dict[str, JsonValue]:
    if event.ended_at is None:  # there is no child that would keep the outcome
        outcome = decode(outcome_text(event.outcome))
        return {"job_id": event.job_id, "outcome": outcome}
    return {
        "job_id": event.job_id,
        "started_at": event.started_at,
        "ended_at": event.ended_at,
    }


def is_event(packet: JsonText) -> bool:
    """Tell whether a packet is an event, and no Note."""
    if packet.find(b'"event"') < 0:  # as we spell it; most Notes need no look inside
        return False
    value = decode(packet)
    return isinstance(value, dict) and "event" in value


def read_event(packet: JsonText) -> Event:
    """Return the event that a packet tells of, but for what it leaves out.

    A body is empty, an outcome that the child keeps is CHILD_GONE.

    Raises:
        UnknownEvent: another version wrote it.
    """
    fields = decode(packet)
    try:
        return _read(fields)
    except (KeyError, TypeError, ValueError, WireError) as error:
        raise UnknownEvent(repr(packet[:80])) from error


def _read(fields: Any) -> Event:
    at = float(fields["at"])
    if fields["event"] == "cancelled":
        return Cancelled(at=at, reason=Reason(fields["reason"]))
    about: dict[str, Any] = {
        "key": str(fields["key"]),
        "at": at,
        "again": fields.get("again", False),
    }
    return _READERS[fields["event"]](fields, about)


def _read_end(fields: Any, about: dict[str, Any]) -> Ended:
    outcome: Outcome = CHILD_GONE
    if "outcome" in fields:
        outcome = read_outcome(encode(fields["outcome"]))
    return Ended(
        job_id=JobId(fields["job_id"]),
        outcome=outcome,
        started_at=fields.get("started_at"),
        ended_at=fields.get("ended_at"),
        **about,
    )


def _read_post(fields: Any, about: dict[str, Any]) -> Posted:
    return Posted(
        status=fields["status"],
        retry_after_s=fields["retry_after"],
        body=b"",
        **about,
    )


def _read_refusal(
    kind: type[FetchFailed | SaveFailed], fields: Any, about: dict[str, Any]
) -> Event:
    return kind(code=fields["code"], text=fields["text"], **about)


_READERS: Final[Mapping[str, Callable[[Any, dict[str, Any]], Event]]] = {
    "ended": _read_end,
    "fetched": lambda _, about: Fetched(body=b"", **about),
    "fetch_failed": partial(_read_refusal, FetchFailed),
    "saved": lambda _, about: Saved(**about),
    "save_failed": partial(_read_refusal, SaveFailed),
    "posted": _read_post,
    "slept": lambda _, about: Slept(**about),
}
