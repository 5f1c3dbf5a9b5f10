"""What every child carries in its info: where it stands in which execution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from harpcaller.adapters.cumulus.execution import Visit
from protocol.jsontext import JsonText, JsonValue, encode

# What the core adds, the parent's id and the key, has its share of the 4 KiB.
MAX_BYTES: Final = 4096 - 256
MAX_GRANULES: Final = 100
_MACHINES: Final = "stateMachine"
_EXECUTIONS: Final = "execution"


def info_of(workflow: str, visit: Visit, attempt: int, message: JsonValue) -> JsonText:
    """Return the info of a call; what a message does not tell is left out."""
    known = _Message(message)
    fields = {
        "workflow": workflow,
        **visit.named(),
        "attempt": attempt,
        **known.execution(),
        "collection": known.collection(),
        "provider": known.text("meta", "provider", "id"),
        "stack": known.text("cumulus_meta", "stack") or known.text("meta", "stack"),
        "asyncOperationId": known.text("cumulus_meta", "asyncOperationId"),
        "parentExecutionArn": known.text("cumulus_meta", "parentExecutionArn"),
    }
    present = {key: value for key, value in fields.items() if value is not None}
    return _bounded(present, known.granules())


def execution_arn(message: JsonValue) -> str | None:
    """Return the ARN of the execution that a message belongs to, if it tells."""
    arn = _Message(message).execution().get("execution_arn")
    return arn if isinstance(arn, str) else None


def execution_name(message: JsonValue) -> str | None:
    """Return the name of the execution that a message belongs to, if it tells."""
    return _Message(message).text("cumulus_meta", "execution_name")


def _bounded(
    fields: Mapping[str, JsonValue], granules: tuple[list[str], int] | None
) -> JsonText:
    """Return the info with as many granules as there is room for."""
    if granules is None:
        return _told(fields)
    ids, total = granules
    while True:
        shown: list[JsonValue] = [*ids]
        text = _told({**fields, "granules": shown, "granules_total": total})
        if len(text) <= MAX_BYTES or not ids:
            return text
        ids = ids[: len(ids) // 2]


def _told(fields: Mapping[str, JsonValue]) -> JsonText:
    text = encode({"cumulus": dict(fields)})
    if len(text) <= MAX_BYTES:
        return text
    short = {
        key: value
        for key, value in fields.items()
        if not isinstance(value, str) or len(value) <= MAX_BYTES // 20
    }
    return encode({"cumulus": short})


class _Message:
    """A message as far as it has the usual form."""

    def __init__(self, message: JsonValue) -> None:
        self._message: Any = message

    def get(self, *way: str) -> Any:
        """Return what is at the end of some keys, None if it is not there."""
        value = self._message
        for key in way:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def text(self, *way: str) -> str | None:
        """Return the same if it is a string, and not empty."""
        value = self.get(*way)
        return value if isinstance(value, str) and value else None

    def execution(self) -> dict[str, JsonValue]:
        """Return the names of the execution and its state machine."""
        name = self.text("cumulus_meta", "execution_name")
        machine = self.text("cumulus_meta", "state_machine")
        fields: dict[str, JsonValue] = {
            "execution_name": name,
            "state_machine": machine,
        }
        if name is not None and machine is not None:
            arn = machine.replace(_MACHINES, _EXECUTIONS, 1)
            fields["execution_arn"] = f"{arn}:{name}"
        return fields

    def collection(self) -> str | None:
        """Return the name and version of the collection."""
        name = self.text("meta", "collection", "name")
        version = self.text("meta", "collection", "version")
        return None if name is None or version is None else f"{name}___{version}"

    def granules(self) -> tuple[list[str], int] | None:
        """Return the ids of the first granules, and how many there are."""
        found = self.get("payload", "granules")
        if not isinstance(found, list):
            found = self.get("meta", "input_granules")
        if not isinstance(found, list):
            return None
        ids = [
            granule["granuleId"]
            for granule in found[:MAX_GRANULES]
            if isinstance(granule, dict) and isinstance(granule.get("granuleId"), str)
        ]
        return ids, len(found)
