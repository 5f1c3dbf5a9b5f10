"""What an invocation asks for, and the one call that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from harpcaller.adapters.csapi import schemas
from harpcaller.adapters.csapi.agreement import (
    SERVICEINFO,
    SLAINFO,
    Agreement,
    read_agreement,
)
from harpcaller.adapters.csapi.inputs import from_flat, read_inputs
from harpcaller.adapters.csapi.refusals import NOT_PAID, Refusal
from harpcaller.adapters.csapi.service import Service
from harpcaller.adapters.csapi.settings import Settings
from protocol.call import Call, Sealed, seal
from protocol.errors import WireError
from protocol.jsontext import JsonValue, encode

INFO: Final = "csapi"  # the key of a job's info that is ours
_KEYS: Final = ("inputs", "configuration", SLAINFO, SERVICEINFO)


@attrs.frozen(kw_only=True)
class Invocation:
    """What was asked for, all of it judged."""

    inputs: Mapping[str, JsonValue]
    configuration: Mapping[str, JsonValue]
    agreement: Agreement
    extra: Mapping[str, JsonValue]


def read_invocation(
    fields: Mapping[str, JsonValue], service: Service, settings: Settings
) -> Invocation:
    """Return what the body of `POST jobs` asks for.

    Raises:
        Refusal: 400; 8003, it is not paid for.
    """
    inputs = read_inputs(fields.get("inputs"), service, settings)
    configuration = _configuration(fields.get("configuration"), service)
    agreement = read_agreement(fields, is_required=service.requires_agreement)
    paid = service.agreements
    if paid is not None and agreement.agreement_id not in paid:
        raise Refusal(NOT_PAID, "the service is not paid for by the consumer")
    extra = {key: fields[key] for key in fields if key not in _KEYS}
    return Invocation(
        inputs=inputs, configuration=configuration, agreement=agreement, extra=extra
    )


def read_flat(
    fields: Mapping[str, JsonValue], service: Service, settings: Settings
) -> Invocation:
    """Return what an object of inputs by name asks for.

    Raises:
        Refusal: as `read_invocation` does.
    """
    listed: dict[str, JsonValue] = {"inputs": from_flat(fields, service)}
    return read_invocation(listed, service, settings)


def call_of(invocation: Invocation, service: Service, consumer: str | None) -> Call:
    """Return the call; `consumer` is who asks, whatever the invocation claims."""
    agreement = invocation.agreement
    known = consumer or agreement.consumer
    arguments: dict[str, JsonValue] = {
        "inputs": dict(invocation.inputs),
        "configuration": dict(invocation.configuration),
        "consumer": known,
        "agreement": agreement.agreement_id,
    }
    info: dict[str, JsonValue] = {
        "service": service.name,
        "consumer": known,
        "definition_id": agreement.definition_id,
        "agreement_id": agreement.agreement_id,
        "signature_sha256": agreement.signature_sha256,
        "extra": dict(invocation.extra) or None,
    }
    sealed = _sealed(arguments, service)
    return Call(
        host=service.host,
        procedure=service.procedure,
        arguments=encode(arguments),
        timeout_s=service.timeout_s,
        max_exec_s=service.max_exec_s,
        queue=service.queue,
        info=encode({INFO: {key: info[key] for key in info if info[key] is not None}}),
        sealed=sealed,
    )


def _sealed(arguments: JsonValue, service: Service) -> tuple[Sealed, ...]:
    """Seal, in place, what is there of what the service wants sealed."""
    found: list[Sealed] = []
    for pointer in service.sealed:
        try:
            found.extend(seal(arguments, [pointer]))
        except WireError:
            continue  # an input that was not given, or is sealed as a whole
    return tuple(found)


def _configuration(value: JsonValue, service: Service) -> Mapping[str, JsonValue]:
    if not isinstance(value, dict | None):
        raise Refusal(400, "configuration: expected an object")
    configuration = value or {}
    schema = service.configuration_schema
    complaint = None if schema is None else schemas.violation(schema, configuration)
    if complaint is not None:
        raise Refusal(400, complaint)
    return configuration
