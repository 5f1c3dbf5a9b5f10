"""What was erased, out of the log of changes: it lies there until that is emptied."""

from __future__ import annotations

import time

import apsw

_GATHER_S = 2.0  # one emptying for all that is erased within
_PATIENCE_S = 3.0  # so long it may be put off for other work


class Wiper:
    """Knows when SQLite's log is to be emptied, and does it in the writer's thread.

    An epoch that was killed may have left something: it is due after each start.
    """

    def __init__(self) -> None:
        self._due_at: float | None = time.monotonic() + _GATHER_S

    def note_erased(self) -> None:
        """Remember that the log holds what should be gone."""
        if self._due_at is None:
            self._due_at = time.monotonic() + _GATHER_S

    def left_s(self) -> float | None:
        """Return how long the log may stay as it is; None for ever."""
        if self._due_at is None:
            return None
        return max(0.0, self._due_at - time.monotonic())

    def is_urgent(self) -> bool:
        """Tell whether it should not be put off any longer."""
        return (
            self._due_at is not None and time.monotonic() > self._due_at + _PATIENCE_S
        )

    def wipe(self, db: apsw.Connection, busy_ms: int) -> None:
        """Empty the log; while somebody reads an old state of it, later.

        `busy_ms` is what `db` waits for others, otherwise: here it waits for nobody.
        """
        self._due_at = time.monotonic() + _GATHER_S
        db.set_busy_timeout(0)
        try:
            is_busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0][0]
        finally:
            db.set_busy_timeout(busy_ms)
        if not is_busy:
            self._due_at = None
