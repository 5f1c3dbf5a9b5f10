"""A parent's stream log as the journal of its machine: written first, read back."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import trio

from harpcaller.adapters.machine import Ended, Event, Fetched, Posted
from harpcaller.adapters.packets import UnknownEvent, event_packet, read_event
from harpcaller.runners import Progress
from harpcaller.store import Claim, Store, StoreError
from harpcaller.store.repeat import until_done
from protocol.errors import ErrorType, WireError
from protocol.jsontext import JsonText

_PAGE_PACKETS = 1000
_PAGE_BYTES = 64 * 1024


class Journal:
    """Keeps what one machine is told: the packet in the log, a document beside it.

    The outcome of a child stays with the child, which outlives its parent.
    """

    def __init__(self, claim: Claim, progress: Progress, store: Store) -> None:
        self._job_id = claim.job_id
        self._progress = progress
        self._store = store

    async def note(self, packets: Sequence[JsonText]) -> None:
        """Stream what the machine noted."""
        if packets:
            await self._progress.emit(packets)

    async def keep(self, event: Event) -> None:
        """Make an event durable, and all that was noted before.

        Raises:
            WireError: `os_error`, it could not be kept.
        """
        if isinstance(event, Fetched | Posted):
            await self._keep_document(_document_name(event), event.body)
        await self._progress.emit([event_packet(event)])
        await self._progress.kept()

    async def read(self, since: int) -> tuple[JsonText, ...]:
        """Return the next packets from number `since` on, none at the log's end."""
        await trio.lowlevel.checkpoint()  # a long log must not keep the loop
        page = await self._store.read_log(
            self._job_id, since, max_packets=_PAGE_PACKETS, max_bytes=_PAGE_BYTES
        )
        return page.packets

    async def recall(self, packet: JsonText) -> Event:
        """Return the event of a packet, whole.

        Raises:
            UnknownEvent: another version wrote it.
        """
        event = read_event(packet)
        match event:
            case Fetched() | Posted():
                body = await self._store.get_doc(self._job_id, _document_name(event))
                if body is None:
                    raise UnknownEvent(f"the document of {event.key!r} is not kept")
                return attrs.evolve(event, body=body)
            case Ended() if event.ended_at is not None:
                child = await self._store.get(event.job_id)
                if child is not None and child.outcome is not None:
                    return attrs.evolve(event, outcome=child.outcome)
            case _:
                pass
        return event

    async def _keep_document(self, name: str, body: bytes) -> None:
        try:
            await until_done(lambda: self._store.put_doc(self._job_id, name, body))
        except StoreError as error:
            raise WireError(
                ErrorType.OS_ERROR,
                f"the dispatcher could not keep a document: {error}",
                {"code": "storage"},
            ) from error


def _document_name(event: Fetched | Posted) -> str:
    return f"event/{event.key}"
