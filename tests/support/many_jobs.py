"""A store of very many ended jobs, written at once as no daemon would."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from harpcaller.store.sqlite import schema
from protocol.jsontext import JsonText
from protocol.outcome import Returned, outcome_text

_INSERT = """INSERT INTO job (no, id, state, queue, submitted_at, started_at, ended_at,
    starts, on_loss, retries, timeout_s, max_exec_s, host, procedure, identity,
    arguments, info, outcome)
    VALUES (?, ?, 2, x'', ?, ?, ?, 1, 0, 0, 600, 86400, 'db01', 'backup', '',
    CAST('["x",1]' AS BLOB), CAST('null' AS BLOB), ?)"""


def fill(state_dir: Path, count: int) -> list[str]:
    """Keep `count` jobs, the younger half ended now, the others ten days ago."""
    state_dir.mkdir(parents=True, exist_ok=True)
    ids = [uuid.uuid4() for _ in range(count)]
    db = schema.open_writer(state_dir)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("BEGIN")
    db.executemany(_INSERT, _rows(ids))
    db.execute("COMMIT")
    db.close()
    return [str(job_id) for job_id in ids]


def _rows(ids: list[uuid.UUID]) -> Iterator[tuple[object, ...]]:
    outcome = bytes(outcome_text(Returned(JsonText(b'"done"'))))
    now = time.time()
    for no, job_id in enumerate(ids, 1):
        at = now if 2 * no > len(ids) else now - 864_000
        yield no, job_id.bytes, at, at, at, outcome
