"""A parent's stream log as the journal of its machine: written first, read back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, assert_never

import attrs
import trio

from harpcaller.adapters.machine import (
    Cancelled,
    Ended,
    Event,
    Fetched,
    FetchFailed,
    Posted,
    Saved,
    SaveFailed,
    Slept,
)
from harpcaller.adapters.packets import UnknownEvent, event_packet, read_event
from harpcaller.adapters.sealed_texts import SealedTexts
from harpcaller.runners import Progress
from harpcaller.runners.documents import keep_document
from harpcaller.runners.heavy import sized
from harpcaller.store import Claim, Store
from protocol.jsontext import JsonText
from protocol.outcome import Failed, Raised, Returned

MAX_POSTED_BYTES: Final = 4096  # of an answer to a Post
_PAGE_PACKETS = 1000
_PAGE_BYTES = 64 * 1024


class Journal:
    """Keeps what one machine is told: the packet in the log, a document beside it.

    The outcome of a child stays with the child, which outlives its parent.
    """

    def __init__(
        self, claim: Claim, progress: Progress, store: Store, seal: Seal
    ) -> None:
        self._job_id = claim.job_id
        self._progress = progress
        self._store = store
        self._seal = seal

    async def note(self, packets: Sequence[JsonText]) -> None:
        """Stream what the machine noted."""
        if packets:
            await self._progress.emit([self._seal.texts.hide(text) for text in packets])

    async def keep(self, event: Event) -> Event:
        """Make an event durable, and all that was noted before.

        It returns the event as the machine is to see it, now and after a restart.

        Raises:
            WireError: `os_error`, it could not be kept.
        """
        seen = await self._seen(event)
        if isinstance(seen, Fetched | Posted):
            name = _document_name(seen)
            await keep_document(self._store, self._job_id, name, seen.body)
        await self._progress.emit([self._seal.texts.hide(event_packet(seen))])
        await self._progress.kept()
        return seen

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
        event = read_event(self._seal.texts.open(packet))
        match event:
            case Fetched() | Posted():
                body = await self._store.get_doc(self._job_id, _document_name(event))
                if body is None:
                    raise UnknownEvent(f"the document of {event.key!r} is not kept")
                return attrs.evolve(event, body=body)
            case Ended() if event.ended_at is not None:
                child = await self._store.get(event.job_id)
                if child is not None and child.outcome is not None:
                    ended = attrs.evolve(event, outcome=child.outcome)
                    return await self._seen(ended)
            case _:
                pass
        return self._seal.hidden(event)

    async def _seen(self, event: Event) -> Event:
        work = self._seal.opened if self._seal.opens else self._seal.hidden
        seen = await sized(size_of(event), work, event)
        if isinstance(seen, Posted):  # cut now: part of a text would not be hidden
            return attrs.evolve(seen, body=seen.body[:MAX_POSTED_BYTES])
        return seen


@attrs.frozen
class Seal:
    """What a machine may see of sealed values: themselves, or only references."""

    texts: SealedTexts
    opens: bool

    def opened(self, event: Event) -> Event:
        """Return an event with the references of a child's outcome opened."""
        if isinstance(event, Ended):
            return attrs.evolve(event, outcome=self.texts.open_outcome(event.outcome))
        return event

    def hidden(self, event: Event) -> Event:
        """Return an event without sealed texts, if the machine must not see them."""
        if self.opens:
            return event
        texts = self.texts
        match event:
            case Ended(outcome=outcome):
                return attrs.evolve(event, outcome=texts.hide_outcome(outcome))
            case Fetched(body=body) | Posted(body=body):
                return attrs.evolve(event, body=texts.hide_body(body))
            case FetchFailed(text=text) | SaveFailed(text=text):
                return attrs.evolve(event, text=texts.hide_text(text))
            case Saved() | Slept() | Cancelled():
                return event
        assert_never(event)


def size_of(event: Event) -> int:
    """Return about how many bytes there are to look at in an event."""
    match event:
        case Fetched(body=body) | Posted(body=body):
            return len(body)
        case Ended(outcome=Returned(value)):
            return len(value)
        case Ended(outcome=Raised() | Failed() as failed):
            return len(failed.type) + len(failed.message) + len(failed.data or b"")
        case _:
            return 0


def _document_name(event: Fetched | Posted) -> str:
    return f"event/{event.key}"
