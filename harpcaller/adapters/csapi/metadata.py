"""What a service is as an operation, to clients of the later DEP 6."""

from __future__ import annotations

import hashlib

from harpcaller.adapters.csapi.definition import PAYLOAD, Definition, Input
from protocol.jsontext import JsonValue, encode


def metadata_of(name: str, definition: Definition) -> bytes:
    """Return the metadata of a service."""
    inputs: dict[str, JsonValue] = {
        name: _input(one) for name, one in definition.inputs.items()
    }
    outputs: dict[str, JsonValue] = {
        name: {"type": type_ or PAYLOAD} for name, type_ in definition.outputs.items()
    }
    operation: dict[str, JsonValue] = {
        "modes": ["sync", "async"],
        "inputs": inputs,
        "outputs": outputs,
    }
    return encode(
        {
            "name": name,
            "type": "operation",
            "description": definition.description or definition.title,
            "operation": operation,
        }
    )


def asset_id_of(metadata: bytes) -> str:
    """Return what the metadata is found by."""
    return hashlib.sha3_256(metadata).hexdigest()


def _input(given: Input) -> JsonValue:
    return {"type": given.type or PAYLOAD, "required": given.is_mandatory}
