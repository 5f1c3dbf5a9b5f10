"""The sealed values of one parent and its children, and the document that keeps them.

The parent's driver adds to it; the runners of its children read what it holds.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence

import attrs
import trio

from harpcaller.adapters.sealed_texts import SealedTexts
from harpcaller.runners.documents import keep_document
from harpcaller.store import Claim, Store
from protocol.call import MASK, Call, Sealed, unseal
from protocol.job import JobId
from protocol.jsontext import JsonText, JsonValue, decode, encode

_NAME = "sealed"
_NONCE_BYTES = 16


class Vault:
    """Holds what a parent seals; it is durable before anything of it is handed out."""

    def __init__(self, job_id: JobId, store: Store, texts: SealedTexts) -> None:
        self.texts = texts
        self._kept = len(texts.values)
        self._lock = trio.Lock()
        self._job_id = job_id
        self._store = store

    @classmethod
    async def open(cls, job_id: JobId, store: Store) -> Vault:
        """Return the vault of a parent as it was left; a new one has a new nonce."""
        return cls(job_id, store, await sealed_texts(job_id, store))

    async def parent_call(self, claim: Claim, *, opens_sealed: bool) -> Call:
        """Return the parent's call with its sealed values, or references, in place.

        `sealed` still tells where they stand.

        Raises:
            WireError: `os_error`, they could not be kept.
        """
        record = claim.record
        await self._add(decode(sealed.value) for sealed in claim.sealed)
        put_back = claim.sealed
        if not opens_sealed:
            put_back = tuple(self._referring(sealed) for sealed in claim.sealed)
        return Call(
            host=record.host,
            procedure=record.procedure,
            arguments=unseal(record.arguments, put_back),
            max_exec_s=record.max_exec_s,
            queue=record.queue,
            info=record.info,
            sealed=put_back,
        )

    async def child_call(self, call: Call) -> Call:
        """Return a child's call with its references opened, what held them sealed.

        Raises:
            WireError: `os_error`, what it seals could not be kept.
        """
        arguments, found = self._open(call.arguments)
        opened = (
            attrs.evolve(one, value=self.texts.open(one.value)) for one in call.sealed
        )
        sealed = (*opened, *found)
        await self._add(decode(one.value) for one in sealed)
        return attrs.evolve(call, arguments=arguments, sealed=sealed)

    # ── steps ──
    def _referring(self, sealed: Sealed) -> Sealed:
        reference = self.texts.reference(decode(sealed.value))
        return attrs.evolve(sealed, value=encode(reference))

    def _open(self, arguments: JsonText) -> tuple[JsonText, Sequence[Sealed]]:
        if self.texts.open(arguments) == arguments:
            return arguments, ()
        found: list[Sealed] = []
        return encode(self._taken(decode(arguments), "", found)), found

    def _taken(self, value: JsonValue, pointer: str, found: list[Sealed]) -> JsonValue:
        """Return `value` with "***" in the place of each text that held a reference."""
        if isinstance(value, dict):
            return {
                key: self._taken(part, f"{pointer}/{_token(key)}", found)
                for key, part in value.items()
            }
        if isinstance(value, list):
            return [
                self._taken(part, f"{pointer}/{number}", found)
                for number, part in enumerate(value)
            ]
        opened = self.texts.open_leaf(value)
        if opened is value:
            return value
        found.append(Sealed(pointer=pointer, value=encode(opened)))
        return MASK

    async def _add(self, values: Iterable[JsonValue]) -> None:
        self.texts.add(values)
        if len(self.texts.values) == self._kept:
            return
        async with self._lock:  # nobody goes on before what he sealed is durable
            count = len(self.texts.values)
            if count > self._kept:
                kept: JsonValue = {
                    "nonce": self.texts.nonce,
                    "values": self.texts.values,
                }
                await keep_document(self._store, self._job_id, _NAME, encode(kept))
                self._kept = count


async def sealed_texts(job_id: JobId, store: Store) -> SealedTexts:
    """Return what a parent has sealed so far."""
    kept = await store.get_doc(job_id, _NAME)
    if kept is None:
        return SealedTexts(secrets.token_hex(_NONCE_BYTES))
    fields = decode(kept, max_depth=2**31)
    assert isinstance(fields, dict)  # noqa: S101 (our own text)
    nonce, values = fields["nonce"], fields["values"]
    assert isinstance(nonce, str)  # noqa: S101
    assert isinstance(values, list)  # noqa: S101
    return SealedTexts(nonce, values)


def _token(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
