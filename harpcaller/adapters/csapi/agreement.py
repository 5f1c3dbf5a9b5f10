"""Who wants a job, and by which agreement: `slainfo` or `serviceinfo`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import attrs

from harpcaller.adapters.csapi.refusals import Refusal
from protocol.jsontext import JsonValue

SLAINFO: Final = "slainfo"
SERVICEINFO: Final = "serviceinfo"
_CONSUMER, _AGREEMENT, _DEFINITION, _SIGNATURE = (
    "consumer",
    "agreement_id",
    "definition_id",
    "signature",
)
# DEP 6 spells the same key in two ways: its case does not count.
_KEYS: Final[Mapping[str, Mapping[str, str]]] = {
    SLAINFO: {
        "consumeraddress": _CONSUMER,
        "servicedefinitionid": _DEFINITION,
        "serviceagreementid": _AGREEMENT,
        "signature": _SIGNATURE,
    },
    SERVICEINFO: {
        "consumerid": _CONSUMER,
        "invokeserviceagreementid": _AGREEMENT,
    },
}


@attrs.frozen(kw_only=True)
class Agreement:
    """What an invocation claims; nothing of it is verified.

    Of a signature its SHA-256 alone is known from here on.
    """

    consumer: str | None = None
    agreement_id: str | None = None
    definition_id: str | None = None
    signature_sha256: str | None = None


def read_agreement(fields: Mapping[str, JsonValue], *, is_required: bool) -> Agreement:
    """Return what one of the two says.

    Raises:
        Refusal: 400, there are both, or what has to be there is not.
    """
    given = [key for key in _KEYS if fields.get(key) is not None]
    if len(given) > 1:
        raise Refusal(400, f"{SLAINFO} and {SERVICEINFO}: expected one of them")
    if not given:
        if is_required:
            raise Refusal(400, f"{SLAINFO}: this service requires an agreement")
        return Agreement()
    [key] = given
    found = _values(key, fields[key], is_required=is_required)
    signature = found.pop(_SIGNATURE, None)
    digest = None if signature is None else hashlib.sha256(signature.encode())
    return Agreement(
        signature_sha256=None if digest is None else digest.hexdigest(), **found
    )


def _values(key: str, value: JsonValue, *, is_required: bool) -> dict[str, str]:
    if not isinstance(value, dict):
        raise Refusal(400, f"{key}: expected an object")
    known = _KEYS[key]
    found: dict[str, str] = {}
    for spelled, text in value.items():
        meaning = known.get(spelled.lower())
        if meaning is None or text is None:
            continue
        if meaning in found:
            raise Refusal(400, f"{key}.{spelled}: given more than once")
        if not isinstance(text, str) or not text:
            raise Refusal(400, f"{key}.{spelled}: expected a string, not empty")
        found[meaning] = text
    for spelled, meaning in known.items():
        if is_required and meaning not in found:
            raise Refusal(400, f"{key}: {spelled} is missing")
    return found
