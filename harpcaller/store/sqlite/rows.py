"""A job as a row and as a record."""

from __future__ import annotations

from typing import Any

from harpcaller.store import OnLoss
from harpcaller.store.admission import Kind
from harpcaller.store.loss import kind_of
from protocol.call import QueueSpec
from protocol.job import JobId, JobRecord, State
from protocol.jsontext import JsonText
from protocol.outcome import read_outcome

QUEUED, RUNNING, ENDED = 0, 1, 2
STATES = (State.QUEUED, State.RUNNING, State.ENDED)
ON_LOSS = (OnLoss.END, OnLoss.RETRY, OnLoss.RESUME, OnLoss.FED)
KINDS = tuple(map(kind_of, ON_LOSS))

# Where to look for what waits; what is fed never does. Both indexes are in the order of
# queues and numbers.
WAITING = {
    Kind.PLAIN: "job INDEXED BY job_waiting_plain WHERE state = 0 AND on_loss < 2",
    Kind.JOURNALLED: (
        "job INDEXED BY job_waiting_journalled WHERE state = 0 AND on_loss = 2"
    ),
}
ALL_WAITING = f"({' UNION ALL '.join(f'SELECT * FROM {w}' for w in WAITING.values())})"  # noqa: S608 (constants)

# Before its end a job's packets are counted in the log alone: a column would be one
# more row to write for every append.
RECORD = """id, state, host, procedure, arguments, timeout_s, max_exec_s,
    submitted_at, started_at, ended_at, outcome, queue_name, slots, info, retries,
    starts, CASE state WHEN 2 THEN packets ELSE coalesce(
        (SELECT first + count FROM chunk WHERE job = job.no
         ORDER BY first DESC LIMIT 1), 0) END, identity, label"""


def blob_of(job_id: JobId) -> bytes:
    """Return the 16 bytes of an id."""
    return bytes.fromhex(job_id.replace("-", ""))


def id_of(blob: bytes) -> JobId:
    """Return the id that 16 bytes are."""
    text = blob.hex()
    return JobId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")


def record_of(row: Any) -> JobRecord:
    """Return the job that a row with the columns of `RECORD` tells of."""
    outcome, name = row[10], row[11]
    return JobRecord(
        job_id=id_of(row[0]),
        state=STATES[row[1]],
        host=row[2],
        procedure=row[3],
        arguments=JsonText(row[4]),
        timeout_s=row[5],
        max_exec_s=row[6],
        submitted_at=row[7],
        started_at=row[8],
        ended_at=row[9],
        outcome=None if outcome is None else read_outcome(outcome),
        queue=None if name is None else QueueSpec(name=name, concurrency=row[12]),
        info=JsonText(row[13]),
        retries=row[14],
        starts=row[15],
        packets=row[16],
        identity=row[17],
        label=row[18],
    )
