"""Messages, services and catalogs of Harmony, as tests/corpus/harmony has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harpcaller.adapters.harmony.message import Message, Mode, read_message

CORPUS = Path(__file__).parent.parent / "corpus" / "harmony"


def corpus_json(name: str) -> Any:
    """Return the value of a file of the corpus."""
    return json.loads((CORPUS / name).read_bytes())


def operation(name: str, **changes: Any) -> dict[str, Any]:
    """Return a data-operation message; a change to None takes the field away."""
    folder = "own/messages" if (CORPUS / "own/messages" / name).exists() else "messages"
    fields: dict[str, Any] = corpus_json(f"{folder}/{name}") | changes
    return {key: value for key, value in fields.items() if value is not None}


def message(name: str, **changes: Any) -> Message:
    """Return a judged message."""
    return read_message(operation(name, **changes), Mode.STRICT)
