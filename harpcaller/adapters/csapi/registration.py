"""Service registration: services listed, shown, registered and retired.

DEP 6 has a provider publish its document anew; here a request does.
"""

from __future__ import annotations

import attrs

from harpcaller.adapters.adapter import Problem
from harpcaller.adapters.csapi.refusals import Refusal, told
from harpcaller.adapters.csapi.registry import Entry, Registry
from harpcaller.adapters.csapi.service import (
    NAME_EXPECTED,
    Service,
    is_name,
    read_service,
)
from harpcaller.adapters.csapi.settings import Settings
from harpcaller.adapters.csapi.strictly import read_object
from harpcaller.adapters.parts import Part
from harpcaller.adapters.route import Answer, Asked, Operations
from protocol.jsontext import JsonValue, decode

FIXED = "the service is the configuration's: change it there"


async def listed(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """Answer with all services."""
    entries = await Registry(settings, means).entries()
    return told({"services": [shown(one.service, asked.site) for one in entries]})


async def show(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """Answer with one service.

    Raises:
        Refusal: 404.
    """
    entry = await Registry(settings, means).find(asked.path["service"])
    if entry.is_retired:
        raise Refusal(404, "the service is retired")
    return told(shown(entry.service, asked.site))


async def register(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """Have a service be there, or be another one.

    Raises:
        Refusal: 400, it is not as it has to be; 409, it cannot be changed here.
    """
    name = asked.path["service"]
    if not is_name(name):
        raise Refusal(400, f"the name: expected {NAME_EXPECTED}")
    table = read_object(asked.body)
    registry = Registry(settings, means)
    before = await registry.look_up(name)
    if before is not None and before.is_fixed:
        raise Refusal(409, FIXED)
    service = _read(name, table)
    if service.is_default:
        await _check_default(name, registry)
    await registry.keep(Entry(service=service, table=table))
    is_new = before is None or before.is_retired
    headers = {"Location": f"/services/{name}"}
    return told(shown(service, asked.site), 201 if is_new else 200, headers)


async def retire(asked: Asked, means: Operations, settings: Settings) -> Answer:
    """Have a service take no more jobs; those it had are told of as before.

    Raises:
        Refusal: 404, there is none; 409, it cannot be changed here.
    """
    registry = Registry(settings, means)
    entry = await registry.find(asked.path["service"])
    if entry.is_fixed:
        raise Refusal(409, FIXED)
    if entry.is_retired:
        raise Refusal(404, "the service is retired")
    await registry.keep(attrs.evolve(entry, is_retired=True))
    return Answer(status=204)


def shown(service: Service, site: str) -> JsonValue:
    """Return what anybody is told of a service: nothing of what it calls, and how."""
    schema = service.configuration_schema
    return {
        "name": service.name,
        "endpoint": f"{site}/services/{service.name}",
        "asset_id": service.asset_id,
        "definition": decode(service.definition.text),
        "requires_agreement": service.requires_agreement,
        "configuration_schema": None if schema is None else decode(schema),
        "default": service.is_default,
    }


def _read(name: str, table: dict[str, JsonValue]) -> Service:
    problems: list[Problem] = []
    service = read_service(name, Part(table, "", problems))
    if service is None:
        found = [f"{one.place}: {one.message}" for one in problems]
        raise Refusal(400, "; ".join(found))
    return service


async def _check_default(name: str, registry: Registry) -> None:
    others: list[Entry] = [
        one
        for one in await registry.entries()
        if one.service.is_default and one.service.name != name
    ]
    if others:
        raise Refusal(409, f'"{others[0].service.name}" is the default service already')
