"""Secrets taken out of what a service says and leaves: pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

_MASK = "***"
_LEAST = 6  # shorter ones are met by chance


class Hiding:
    """Replaces secrets, the longest first, as they are and as JSON spells them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        told = {secret for secret in secrets if len(secret) >= _LEAST}
        spelled = told | {json.dumps(secret)[1:-1] for secret in told}
        self._secrets = sorted(spelled, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return `text` without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        return text

    def value(self, value: Any) -> Any:
        """Return a JSON value without secrets, in the names of fields too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(each) for each in value]
        if isinstance(value, dict):
            return {self.text(name): self.value(each) for name, each in value.items()}
        return value
