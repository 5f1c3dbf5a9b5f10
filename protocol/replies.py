"""What the dispatcher answers a client: each function returns whole lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from protocol.errors import WireError
from protocol.job import JobId, JobRecord, whole
from protocol.jsontext import JsonText, JsonValue, encode
from protocol.outcome import Outcome, outcome_text

NO_RESULT = b'{"no_result":true}\n'
CONTINUE = b'{"continue":true}\n'
CAPABILITIES = ("key", "retries", "sealed", "session")


@attrs.frozen(kw_only=True)
class HelloLimits:
    """The bounds that a client is told of; bytes, levels, requests, seconds."""

    max_line_bytes: int
    max_depth: int
    max_pending: int
    timeout_s: float
    max_exec_s: float


def submitted(job_id: JobId, *, is_duplicate: bool = False) -> bytes:
    """Return the answer to a call."""
    if is_duplicate:
        return b'{"harpcaller":1,"job_id":"%b","duplicate":true}\n' % job_id.encode()
    return b'{"harpcaller":1,"job_id":"%b"}\n' % job_id.encode()


def cancelled(*, was_stopped: bool) -> bytes:
    """Return the answer to a cancel."""
    return b'{"cancelled":true}\n' if was_stopped else b'{"cancelled":false}\n'


def ended(outcome: Outcome) -> bytes:
    """Return the line that tells how a job ended."""
    return outcome_text(outcome) + b"\n"


def packets(first: int, texts: Iterable[JsonText]) -> bytes:
    """Return the lines of consecutive packets, the first of number `first`."""
    return b"".join(
        [
            b'{"packet":%d,"data":%b}\n' % (number, text)
            for number, text in enumerate(texts, first)
        ]
    )


def status(record: JobRecord) -> bytes:
    """Return the answer to get_status; times are whole UTC seconds."""
    return record.status_text + b"\n"


def error(complaint: WireError) -> bytes:
    """Return the line for a request that was not done."""
    body: dict[str, JsonValue] = {
        "type": complaint.type.value,
        "message": complaint.message,
    }
    if complaint.data is not None:
        body["data"] = dict(complaint.data)
    return encode({"error": body}) + b"\n"


def hello(version: str, limits: HelloLimits, identity: str = "") -> bytes:
    """Return the answer to hello; `identity` is who the client has shown to be."""
    told: dict[str, JsonValue] = {
        "max_line_bytes": limits.max_line_bytes,
        "max_depth": limits.max_depth,
        "max_pending": limits.max_pending,
        "timeout": whole(limits.timeout_s),
        "max_exec_time": whole(limits.max_exec_s),
    }
    capabilities: list[JsonValue] = list(CAPABILITIES)
    return (
        encode(
            {
                "harpcaller": 1,
                "version": version,
                "limits": told,
                "capabilities": capabilities,
                **({"identity": identity} if identity else {}),
            }
        )
        + b"\n"
    )


def help_text(examples: Sequence[tuple[str, str]]) -> bytes:
    """Return the only reply that is no JSON: a `#` line before each request."""
    return "".join(f"# {what}\n{line}\n" for what, line in examples).encode()
