"""Documents that a run reads and writes, and what is said of it."""

from __future__ import annotations

from typing import Final

from harpcaller.adapters.cumulus.errors import DATA_LIMIT, CumulusError, too_large
from harpcaller.adapters.cumulus.execution import Execution, Steps, Visit
from harpcaller.adapters.cumulus.references import Reference, read_document
from harpcaller.adapters.cumulus.storing import Stored
from harpcaller.adapters.machine import (
    Fetch,
    Fetched,
    FetchFailed,
    Save,
    SaveFailed,
)
from protocol.jsontext import JsonValue

TOO_LARGE: Final = "TooLarge"  # the code of a document beyond `max_bytes`


def fetch(
    execution: Execution, visit: Visit, what: str, reference: Reference
) -> Steps[JsonValue]:
    """Return what a stored document says; `what` it is to the visit.

    Raises:
        CumulusError: RemoteResourceError, States.DataLimitExceeded.
    """
    max_bytes = execution.rules.max_parsed_bytes
    reference.check_allowed(execution.rules.bucket_allow)
    answer = yield from execution.ask(
        Fetch(key=visit.key(what), uri=reference.uri, max_bytes=max_bytes)
    )
    if isinstance(answer, FetchFailed):
        if answer.code == TOO_LARGE:
            raise CumulusError(DATA_LIMIT, answer.text)
        raise reference.error(answer.code, answer.text)
    assert isinstance(answer, Fetched)  # noqa: S101 (nothing else answers it)
    size = len(answer.body)
    if size > max_bytes:
        raise too_large("bytes of the document", size, max_bytes)
    _note(execution, "fetched", reference, size)
    return read_document(reference, answer.body)


def save(execution: Execution, key: str, stored: Stored) -> Steps[dict[str, JsonValue]]:
    """Have a part of a message stored; return the message that refers to it.

    Raises:
        CumulusError: RemoteResourceError.
    """
    reference = stored.reference
    reference.check_allowed(execution.rules.bucket_allow)
    answer = yield from execution.ask(
        Save(
            key=key,
            uri=reference.uri,
            body=stored.body,
            metadata=_tags(execution),
        )
    )
    if isinstance(answer, SaveFailed):
        raise reference.error(answer.code, answer.text)
    _note(execution, "stored", reference, len(stored.body))
    return stored.message


def _tags(execution: Execution) -> dict[str, str]:
    """Return what is noted beside a stored object."""
    return {"execution": execution.name, "task": execution.at.name}


def _note(execution: Execution, word: str, reference: Reference, size: int) -> None:
    """Say what was moved, and for which task."""
    execution.note(
        word,
        {
            "task": execution.at.name,
            "bucket": reference.bucket,
            "key": reference.key,
            "bytes": size,
        },
    )
