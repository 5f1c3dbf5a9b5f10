"""Documents that a run reads and writes, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from harpcaller.adapters.cumulus.errors import DATA_LIMIT, CumulusError
from harpcaller.adapters.cumulus.execution import Execution, Steps, Visit
from harpcaller.adapters.cumulus.message import Message
from harpcaller.adapters.cumulus.references import remote_error
from harpcaller.adapters.cumulus.storing import Stored
from harpcaller.adapters.cumulus.task_input import Wanted
from harpcaller.adapters.machine import Fetch, Fetched, FetchFailed, Save, SaveFailed
from protocol.jsontext import JsonValue

TOO_LARGE: Final = "TooLarge"  # the code of a document beyond `max_bytes`


def fetch(execution: Execution, visit: Visit, wanted: Wanted) -> Steps[bytes]:
    """Return a stored document.

    Raises:
        CumulusError: RemoteResourceError, States.DataLimitExceeded.
    """
    reference = wanted.reference
    answer = yield from execution.ask(
        Fetch(
            key=visit.key(wanted.what),
            uri=reference.uri,
            max_bytes=wanted.max_bytes,
        )
    )
    match answer:
        case Fetched(body=body):
            execution.note("fetched", {"task": visit.name, **_place(wanted, len(body))})
            return body
        case FetchFailed(code=code, text=text):
            if code == TOO_LARGE:
                raise CumulusError(DATA_LIMIT, text)
            raise remote_error(reference, code, text)
    raise TypeError(answer)


def save(
    execution: Execution, key: str, stored: Stored, metadata: Mapping[str, str]
) -> Steps[Message]:
    """Have a part of a message stored; return the message that refers to it.

    Raises:
        CumulusError: RemoteResourceError.
    """
    reference = stored.reference
    answer = yield from execution.ask(
        Save(key=key, uri=reference.uri, body=stored.body, metadata=metadata)
    )
    if isinstance(answer, SaveFailed):
        raise remote_error(reference, answer.code, answer.text)
    execution.note(
        "stored",
        {
            "bucket": reference.bucket,
            "key": reference.key,
            "bytes": len(stored.body),
        },
    )
    return stored.message


def _place(wanted: Wanted, size: int) -> dict[str, JsonValue]:
    reference = wanted.reference
    return {"bucket": reference.bucket, "key": reference.key, "bytes": size}
