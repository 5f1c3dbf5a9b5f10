"""What a definition says about how a task handles its message."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import attrs

from protocol.jsontext import JsonValue

_MIB: Final = 2**20


class CallForm(StrEnum):
    """What a procedure is given: input and configuration, or the whole message."""

    NESTED = "nested"
    EVENT = "event"
    MESSAGE = "message"


@attrs.frozen(kw_only=True)
class TaskTerms:
    """The terms of one task.

    `task_config` is the definition's, None where the message's holds; `replace_config`
    is a step's own. `schemas` has JSON Schemas as `input`, `config` and `output`.
    `metadata` is what is noted of the task in the message, None if nothing is.
    `secret_keys` are patterns beside those that always hold, see `secrets`.
    """

    name: str
    call: CallForm = CallForm.NESTED
    fetch: bool = True
    input_format: str = "any"
    output_format: str = "any"
    schemas: Mapping[str, JsonValue] = attrs.field(factory=dict)
    task_config: Mapping[str, JsonValue] | None = None
    replace_config: Mapping[str, JsonValue] | None = None
    metadata: Mapping[str, JsonValue] | None = None
    max_parsed_bytes: int = 4 * _MIB
    max_resolved_bytes: int = 4 * _MIB
    bucket_allow: frozenset[str] = frozenset()
    secret_keys: tuple[str, ...] = ()
