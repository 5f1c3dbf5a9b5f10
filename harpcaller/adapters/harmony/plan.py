"""The plan of a request: its batches, and all calls as they would go out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from harpcaller.adapters.harmony.batches import Batch, lots, split
from harpcaller.adapters.harmony.bindings import Binding, Reach
from harpcaller.adapters.harmony.calls import LARGE_MESSAGE_BYTES, Work, make_call
from harpcaller.adapters.harmony.catalogs import write_catalog
from harpcaller.adapters.harmony.chains import Step
from harpcaller.adapters.harmony.conditions import is_aggregating, takes_lots
from harpcaller.adapters.harmony.granules import Granule
from harpcaller.adapters.harmony.judging import Judged
from harpcaller.adapters.harmony.settings import Settings
from harpcaller.adapters.harmony.sources import Bundle, Located
from harpcaller.adapters.harmony.telling import tell
from harpcaller.adapters.harmony.units import (
    Unit,
    aggregate_unit,
    first_unit,
    next_unit,
    unit_dir,
)
from protocol.call import Call
from protocol.job import JobId
from protocol.jsontext import JsonValue, encode


@attrs.frozen(kw_only=True)
class Document:
    """A document that has to be written before its call goes out."""

    uri: str
    body: JsonValue = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Planned:
    """One call, and the keys of those that it waits for."""

    key: str
    after: tuple[str, ...] = ()
    call: Call


Line: TypeAlias = Document | Planned


@attrs.frozen(kw_only=True)
class Feed:
    """What a unit works on.

    `sources` is a catalog of the granules; without one it is written. `left` is the
    message as the step before left it.
    """

    granules: Sequence[Granule] = ()
    sources: JsonValue = attrs.field(default=None, repr=False)
    left: Mapping[str, Any] | None = attrs.field(default=None, repr=False)


def batches_of(judged: Judged) -> tuple[Batch, ...]:
    """Return what each call of the first step gets."""
    granules, message = judged.granules, judged.message.fields
    first = judged.steps[0] if judged.steps else None
    if first is None or not is_aggregating(first, message):
        return split(granules, judged.chain.batch_size)
    if takes_lots(first, message):
        return lots(granules, [granule.size for granule in granules], first)
    return split(granules, 0)


class Planner:
    """Makes the calls of one request; what they need is written or carried along."""

    def __init__(self, settings: Settings, judged: Judged, job_id: JobId) -> None:
        self.settings = settings
        self.judged = judged
        self.job_id = job_id
        self.batches = batches_of(judged)

    def lines(self) -> Iterator[Line]:
        """Give all documents and calls; later steps take one catalog for each call."""
        units: list[Unit] = []
        for unit, batch in self.units():
            yield from self.first(unit, batch)
            units.append(unit)
        for step in self.judged.steps[1:]:
            made: list[Unit] = []
            for unit, after in self._later(step, units):
                yield from self._after(step, unit, after)
                made.append(unit)
            units = made

    def units(self) -> Iterator[tuple[Unit, Batch]]:
        """Give the units of the first step, none if no step runs."""
        if self.judged.steps:
            for number, batch in enumerate(self.batches):
                yield first_unit(number), batch

    def first(self, unit: Unit, batch: Batch) -> list[Line]:
        """Return what a batch at the first step writes and calls."""
        step = self.judged.steps[0]
        return self.lines_of(unit, step, self.first_feed(batch))

    def first_feed(self, batch: Batch) -> Feed:
        """Return what the first step gets for a batch."""
        binding = self.settings.binding(self.judged.chain, self.judged.steps[0])
        return Feed(granules=batch, sources=self._given(binding))

    def lines_of(
        self, unit: Unit, step: Step, feed: Feed, attempt: int = 0
    ) -> list[Line]:
        """Return what one attempt of a unit writes and calls; the call is last.

        Raises:
            Refusal: E4, its service wants an older message; E18, it is too large.
        """
        binding = self.settings.binding(self.judged.chain, step)
        lines: list[Line] = []
        sources = feed.sources
        if sources is None and binding.reach is Reach.CLI:
            sources, lines = self._written(unit, feed.granules, binding)
        work = Work(
            unit=unit,
            step=step,
            message=self._message(step, feed, binding),
            sources=sources,
            granules=feed.granules,
        )
        return [*lines, *self._call(work, binding, attempt)]

    # ── parts ──
    def _given(self, binding: Binding) -> JsonValue:
        """Return the catalog that the request came with, if it fits as it is."""
        given = self.judged.catalog
        if len(self.batches) > 1 or binding.reach is not Reach.CLI:
            return None
        if isinstance(given, Bundle):
            return given.value()
        if isinstance(given, Located) and binding.is_shared:
            return given.uri
        return None

    def _written(
        self, unit: Unit, granules: Sequence[Granule], binding: Binding
    ) -> tuple[JsonValue, list[Line]]:
        """Return `sources` of a call, and the documents that it names."""
        catalog = write_catalog(
            granules, self.settings.environment, f"{self.job_id}/{unit.key}"
        )
        shared = self.settings.shared_dir(binding)
        if shared is None:
            return catalog.value(), []
        place = f"{unit_dir(shared, self.job_id, unit)}/in"
        documents = [
            Document(uri=f"{place}/{name}", body=body)
            for name, body in catalog.files.items()
        ]
        return f"{place}/{catalog.root}", [*documents]

    def _message(self, step: Step, feed: Feed, binding: Binding) -> dict[str, Any]:
        return tell(
            self.judged.message.fields if feed.left is None else feed.left,
            self.judged.chain,
            step,
            feed.granules,
            has_catalog=binding.reach is not Reach.HTTP,
        )

    def _call(self, work: Work, binding: Binding, attempt: int) -> list[Line]:
        lines: list[Line] = []
        place = self._message_place(work, binding)
        if place is not None:
            body = {
                name: work.message[name]
                for name in work.message
                if name != "accessToken"
            }
            lines.append(Document(uri=place, body=body))
            work = attrs.evolve(work, message_file=place)
        call = make_call(self.settings, self.judged, self.job_id, work, attempt)
        return [*lines, Planned(key=work.unit.call_key(attempt), call=call)]

    def _message_place(self, work: Work, binding: Binding) -> str | None:
        """Return where a message goes that is too large for a call."""
        shared = self.settings.shared_dir(binding)
        if binding.reach is not Reach.CLI or shared is None:
            return None
        if len(encode(dict(work.message))) <= LARGE_MESSAGE_BYTES:
            return None
        return f"{unit_dir(shared, self.job_id, work.unit)}/message.json"

    # ── later steps ──
    def _later(
        self, step: Step, units: Sequence[Unit]
    ) -> Iterator[tuple[Unit, tuple[Unit, ...]]]:
        """Give the units of a step, and those that they wait for."""
        message = self.judged.message.fields
        if not is_aggregating(step, message):
            for unit in units:
                yield next_unit(unit, 0), (unit,)
            return
        groups: Sequence[tuple[Unit, ...]] = [tuple(units)]
        if takes_lots(step, message):
            groups = lots(units, [0] * len(units), step)
        for number, group in enumerate(groups):
            yield aggregate_unit(units[0].step + 1, number), group

    def _after(
        self, step: Step, unit: Unit, waited_for: Sequence[Unit]
    ) -> Iterator[Line]:
        keys = [each.call_key(0) for each in waited_for]
        feed = Feed(sources={"from": [*keys]})
        for line in self.lines_of(unit, step, feed):
            if isinstance(line, Planned):
                yield attrs.evolve(line, after=tuple(keys))
            else:
                yield line
