"""Messages around one task, made short for tests."""

from __future__ import annotations

from typing import Any

import pytest

from harpcaller.adapters.cumulus import task_input
from harpcaller.adapters.cumulus.errors import CumulusError
from harpcaller.adapters.cumulus.terms import TaskTerms
from protocol.jsontext import decode

MIB = 2**20


TERMS = TaskTerms(name="T")


def prepared(
    message: dict[str, Any], terms: TaskTerms = TERMS, max_bytes: int = 4 * MIB
) -> task_input.Prepared:
    """Return what a message is prepared to."""
    return task_input.prepare(task_input.begin(message), terms, max_bytes)


def config_of(message: dict[str, Any]) -> Any:
    """Return the configuration that a task gets."""
    arguments = decode(prepared(message).text)
    assert isinstance(arguments, dict)
    return arguments["config"]


def error_of(message: dict[str, Any], terms: TaskTerms = TERMS) -> CumulusError:
    """Return the complaint about a message."""
    with pytest.raises(CumulusError) as caught:
        prepared(message, terms)
    return caught.value


def with_config(config: Any, **more: Any) -> dict[str, Any]:
    """Return a message that configures the task."""
    return {"cumulus_meta": {}, "task_config": config, **more}
