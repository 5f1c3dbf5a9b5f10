"""References to stored documents: which there are, and what comes in their place."""

from __future__ import annotations

import attrs

from harpcaller.adapters.cumulus.errors import CumulusError
from protocol.jsontext import JsonValue


@attrs.frozen
class Reference:
    """An object in a bucket, and which version of it."""

    bucket: str
    key: str
    version: str | None = None

    @property
    def uri(self) -> str:
        """The object as Fetch and Save name it."""
        raise NotImplementedError


def payload_reference(payload: JsonValue) -> Reference | None:
    """Return what a payload refers to, None if it is data itself."""
    raise NotImplementedError


def check_allowed(reference: Reference, allowed: frozenset[str]) -> None:
    """Do nothing if a bucket may be read and written.

    Raises:
        CumulusError: RemoteResourceError, code NotAllowed.
    """
    raise NotImplementedError


def remote_error(reference: Reference, code: str, text: str) -> CumulusError:
    """Return the error of a Fetch or Save that failed."""
    raise NotImplementedError


def read_document(reference: Reference, body: bytes, max_bytes: int) -> JsonValue:
    """Return the value of a stored document.

    Raises:
        CumulusError: RemoteResourceError, code InvalidJSON; States.DataLimitExceeded.
    """
    raise NotImplementedError
