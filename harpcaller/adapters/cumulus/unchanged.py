"""Secrets of a whole message that a task sends back: they may not change."""

from __future__ import annotations

from typing import Any

from harpcaller.adapters.cumulus import pointers
from harpcaller.adapters.cumulus.answer import first_difference
from harpcaller.adapters.cumulus.errors import INVALID_ANSWER, CumulusError
from harpcaller.adapters.cumulus.secrets import SecretNames
from harpcaller.adapters.cumulus.task_input import Prepared


def check_secrets(names: SecretNames, prepared: Prepared, answer: Any) -> None:
    """Do nothing if a task sent back the secrets under meta as it got them.

    Nothing else of a message may change but its payload, which is the task's own.

    Raises:
        CumulusError: Cumulus.InvalidAnswer.
    """
    sent = prepared.sent.get("meta")
    for pointer in names.pointers(sent):
        before = pointers.find(sent, pointer)
        after = pointers.find(answer["meta"], pointer)
        if first_difference(before, after) is not None:
            path = ".".join(["meta", *pointers.steps(pointer)])
            message = f"{path}: a task may not change a secret"
            raise CumulusError(INVALID_ANSWER, message, path=path)
