"""A job in memory, with all that lies beside it."""

from __future__ import annotations

import attrs

from harpcaller.store import Claim, NewJob
from harpcaller.store.admission import Kind
from harpcaller.store.loss import kind_of, on_loss
from protocol.call import Sealed
from protocol.job import JobId, JobRecord, State
from protocol.jsontext import JsonText


@attrs.define(kw_only=True)
class Kept:
    """A job and what lies beside it; `owner` is whose end takes the sealed values."""

    new: NewJob
    record: JobRecord
    key: bytes
    owner: JobId
    sealed: tuple[Sealed, ...]
    log: list[JsonText] = attrs.field(factory=list)
    docs: dict[str, bytes] = attrs.field(factory=dict)
    is_cancel_wished: bool = False

    @property
    def state(self) -> State:
        """Where the job is in its life."""
        return self.record.state

    @property
    def kind(self) -> Kind:
        """Whose room it needs."""
        return kind_of(self.new.on_loss)

    def claim(self) -> Claim:
        """Return the right to run it now."""
        return Claim(
            record=self.record,
            fence=self.record.starts,
            sealed=self.sealed,
            on_loss=on_loss(self.new),
            is_cancel_wished=self.is_cancel_wished,
            parent=self.new.parent,
        )
