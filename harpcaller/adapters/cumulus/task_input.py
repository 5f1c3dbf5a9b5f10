"""From the message to the call: step by step, since documents may have to be fetched.

begin ──▶ Wanted ──with_document──▶ Wanted | Prepared
  └─────────────────────────────────────▶ Prepared
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import attrs

from harpcaller.adapters.cumulus.message import Message
from harpcaller.adapters.cumulus.references import Reference
from harpcaller.adapters.cumulus.templates import Resolver
from harpcaller.adapters.cumulus.terms import TaskTerms
from protocol.jsontext import JsonValue


@attrs.frozen(kw_only=True)
class Wanted:
    """A document to be fetched before it goes on; its bucket is allowed.

    `what` is the last part of the key of its Fetch: `replace` or `payload`.
    """

    what: str
    reference: Reference
    max_bytes: int
    # … and what `with_document` needs to go on.


@attrs.frozen(kw_only=True)
class Prepared:
    """A task that is ready to be called.

    `arguments` are the call's, `message` is the message as it now is, with the task
    noted in it; `resolver` finds what templates of host and queue name.
    """

    arguments: JsonValue
    message: Message
    config: Mapping[str, JsonValue]
    message_config: Mapping[str, JsonValue] | None
    resolver: Resolver


Step: TypeAlias = Wanted | Prepared


def begin(message: JsonValue, terms: TaskTerms) -> Step:
    """Return what a task needs first: a document, or nothing more.

    Raises:
        CumulusError: it cannot be called with this message.
    """
    raise NotImplementedError


def with_document(wanted: Wanted, body: bytes, terms: TaskTerms) -> Step:
    """Return what a task needs next, the document that was wanted put in its place.

    Raises:
        CumulusError: it cannot be called with this message.
    """
    raise NotImplementedError


def check_config(config: Mapping[str, JsonValue], path: str = "task_config") -> None:
    """Do nothing if `cumulus_message` in a task's configuration can be followed.

    Raises:
        CumulusError: Cumulus.InvalidWorkflow.
    """
    raise NotImplementedError
