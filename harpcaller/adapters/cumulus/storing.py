"""What of a message is stored, where, and the message after it."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from harpcaller.adapters.cumulus.message import Message
from harpcaller.adapters.cumulus.references import Reference
from harpcaller.adapters.cumulus.terms import TaskTerms
from protocol.jsontext import JsonValue


@attrs.frozen(kw_only=True)
class Stored:
    """What is to be saved where, and the message once it is; its bucket is allowed."""

    reference: Reference
    body: bytes = attrs.field(repr=False)
    message: Message = attrs.field(repr=False)


def store_by_config(
    message: Message, terms: TaskTerms, object_id: str
) -> Stored | Message:
    """Return what ReplaceConfig makes of the message after a task.

    `object_id` is the UUID in the key of what is stored.

    Raises:
        CumulusError: Cumulus.InvalidMessage, RemoteResourceError.
    """
    raise NotImplementedError


def check_replace_config(config: JsonValue, path: str = "ReplaceConfig") -> None:
    """Do nothing if a ReplaceConfig can be followed.

    Raises:
        CumulusError: Cumulus.InvalidWorkflow.
    """
    raise NotImplementedError


def spill_payload(
    message: Message, *, over_bytes: int, bucket: str, object_id: str
) -> Stored | Message:
    """Return the result with a large payload stored and a reference in its place."""
    raise NotImplementedError


def bound_result(
    message: Message, *, max_bytes: int, allowed: frozenset[str], object_id: str
) -> Stored | Message:
    """Return the result, stored whole if it has more than `max_bytes`.

    Raises:
        CumulusError: States.DataLimitExceeded: there is no allowed system_bucket.
    """
    raise NotImplementedError


def replace_config_of(message: Message, terms: TaskTerms) -> Mapping[str, JsonValue]:
    """Return the ReplaceConfig in force: the step's, else the message's, else {}."""
    raise NotImplementedError
