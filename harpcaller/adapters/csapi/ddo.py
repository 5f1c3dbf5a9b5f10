"""The document that describes the provider and all its services.

DEP 6, "Service description", and what clients of its later draft look for.
"""

from __future__ import annotations

from typing import Final

from harpcaller.adapters.csapi.refusals import told
from harpcaller.adapters.csapi.registry import Registry
from harpcaller.adapters.csapi.service import Service
from harpcaller.adapters.csapi.settings import Settings
from harpcaller.adapters.route import Answer, Asked, Operations
from protocol.jsontext import JsonValue, decode

API: Final = "/api/v1"
_CONTEXT: Final = "https://www.w3.org/2019/did/v1"
_ENDPOINTS: Final = {
    "DEP.Invoke.v1": "invoke",
    "DEP.Meta.v1": "meta",
    "DEP.Auth.v1": "auth",
}


async def describe(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """Answer with the document."""
    entries = await Registry(settings, means).entries()
    endpoints: list[JsonValue] = [
        {"type": type_, "serviceEndpoint": f"{asked.site}{API}/{word}"}
        for type_, word in _ENDPOINTS.items()
    ]
    services: list[JsonValue] = [_described(one.service) for one in entries]
    return told(
        {
            "@context": _CONTEXT,
            "id": f"did:dep:{await means.installation()}",
            "service": endpoints,
            "services": services,
        }
    )


def _described(service: Service) -> JsonValue:
    definition = service.definition
    return {
        "name": service.name,
        "description": definition.description or definition.title,
        "servicedefinition": decode(definition.text),
    }
