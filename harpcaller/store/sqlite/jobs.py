"""The operations on jobs, each a step of an open transaction.

They look first and write then: one that refuses has changed nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from harpcaller.store import (
    CancelResult,
    Claim,
    Fenced,
    KeyConflict,
    NewJob,
    Submitted,
    TooManyQueued,
)
from harpcaller.store.admission import key_of
from harpcaller.store.loss import on_loss
from harpcaller.store.sqlite import beside
from harpcaller.store.sqlite.ledger import Ledger, Running
from harpcaller.store.sqlite.rows import (
    ENDED,
    ON_LOSS,
    QUEUED,
    RUNNING,
    blob_of,
    id_of,
)
from protocol.call import QueueSpec, content_digest
from protocol.job import JobId, JobRecord, State
from protocol.jsontext import JsonText
from protocol.outcome import Cancelled, Outcome, outcome_text


def submit(ledger: Ledger, job: NewJob) -> Submitted:
    """Keep a call, running where it may; see `Store.submit`."""
    digest = None
    if job.call.key is not None:
        digest = content_digest(job.call)
        known = _find_by_key(ledger, job, digest)
        if known is not None:
            return known
    # A child's id is made of its parent's, and may come again; others are new.
    may_repeat = job.parent is not None or ledger.is_doubtful
    if may_repeat and _find(ledger, job.job_id) is not None:
        return Submitted(job_id=job.job_id, is_duplicate=True)
    key = key_of(job.call.queue)
    runs = ledger.admission.may_run(key)
    if not runs and not ledger.admission.may_wait():
        if _find(ledger, job.job_id) is None:
            raise TooManyQueued(f"{ledger.admission.max_queued} jobs wait already")
        return Submitted(job_id=job.job_id, is_duplicate=True)
    record = _record(ledger, job, runs=runs)
    _insert(ledger, job, record, key, digest)
    return _admit(ledger, job, record, key)


def take(ledger: Ledger) -> tuple[Claim, ...]:
    """Start all that may run."""
    claims = []
    while (key := ledger.admission.ready()) is not None:
        claims.append(ledger.start_oldest(key))
    return tuple(claims)


def set_room(ledger: Ledger, max_running: int) -> tuple[Claim, ...]:
    """Let at most so many jobs run from now on; see `Store.set_room`."""
    ledger.set_room(max_running)
    return take(ledger)


def append(
    ledger: Ledger, claim: Claim, first: int, packets: Sequence[JsonText]
) -> None:
    """Add packets to the log of a claimed job; see `Store.append`."""
    running = _running(ledger, claim)
    if running is None:
        raise Fenced("the claim is over")
    ledger.add_packets(running, first, packets)


def finish(
    ledger: Ledger,
    claim: Claim,
    outcome: Outcome,
    first: int,
    last: Sequence[JsonText],
) -> tuple[Claim, ...]:
    """End a claimed job and start what may run instead; see `Store.finish`."""
    running = _running(ledger, claim)
    if running is None:
        if _has_ended_so(ledger, claim, outcome):
            return ()
        raise Fenced("the claim is over")
    if first <= running.record.packets:  # else some did not fit: the log stays dense
        ledger.add_packets(running, first, last)
    ledger.end_running(running, outcome)
    return take(ledger)


def feed(ledger: Ledger, job_id: JobId, packets: Sequence[JsonText]) -> int:
    """Add packets to a job that nobody runs; see `Store.feed`."""
    running = ledger.running.get(job_id)
    if running is None:
        raise Fenced("the job has ended or never was")
    first = running.record.packets
    ledger.add_packets(running, first, packets)
    return first


def settle(ledger: Ledger, job_id: JobId, outcome: Outcome) -> bool:
    """End a job that nobody runs, if it has not ended; see `Store.settle`."""
    running = ledger.running.get(job_id)
    if running is not None:
        ledger.end_running(running, outcome)
        return True
    return _end_queued(ledger, job_id, outcome) is CancelResult.CANCELLED


def cancel(ledger: Ledger, job_id: JobId) -> CancelResult:
    """End a queued job, or note that a running one is to end."""
    running = ledger.running.get(job_id)
    if running is None:
        return _end_queued(ledger, job_id, Cancelled())
    ledger.db.execute("UPDATE job SET cancel = 1 WHERE no = ?", (running.no,))
    return CancelResult.REQUESTED


def _end_queued(ledger: Ledger, job_id: JobId, outcome: Outcome) -> CancelResult:
    found = _find(ledger, job_id)
    if found is None:
        return CancelResult.UNKNOWN
    no, state = found
    if state == ENDED:
        return CancelResult.FINISHED
    ledger.end_queued(no, outcome)
    return CancelResult.CANCELLED


def _running(ledger: Ledger, claim: Claim) -> Running | None:
    running = ledger.running.get(claim.job_id)
    if running is None or running.record.starts != claim.fence:
        return None
    return running


def _has_ended_so(ledger: Ledger, claim: Claim, outcome: Outcome) -> bool:
    """Tell whether just this finish was done before."""
    row = ledger.db.execute(
        "SELECT starts, outcome FROM job WHERE id = ? AND state = 2",
        (blob_of(claim.job_id),),
    ).get
    return row is not None and row == (claim.fence, outcome_text(outcome))


def _find(ledger: Ledger, job_id: JobId) -> tuple[int, int] | None:
    """Return the number and state of a job."""
    row: tuple[int, int] | None = ledger.db.execute(
        "SELECT no, state FROM job WHERE id = ?", (blob_of(job_id),)
    ).get
    return row


def _find_by_key(ledger: Ledger, job: NewJob, digest: bytes) -> Submitted | None:
    row = ledger.db.execute(
        "SELECT id, digest FROM job WHERE identity = ? AND host = ? AND key = ?",
        (job.identity, job.call.host, job.call.key),
    ).get
    if row is None:
        return None
    job_id = id_of(row[0])
    if row[1] != digest and job_id != job.job_id:
        raise KeyConflict("the key was used before, for a call of other content")
    return Submitted(job_id=job_id, is_duplicate=True)


def _record(ledger: Ledger, job: NewJob, *, runs: bool) -> JobRecord:
    call, now, queue = job.call, ledger.clock(), job.call.queue
    if queue is not None:
        concurrency = ledger.admission.concurrency(queue)
        queue = QueueSpec(name=queue.name, concurrency=concurrency)
    return JobRecord(
        job_id=job.job_id,
        state=State.RUNNING if runs else State.QUEUED,
        host=call.host,
        procedure=call.procedure,
        arguments=call.arguments,
        timeout_s=job.timeout_s,
        max_exec_s=job.max_exec_s,
        submitted_at=now,
        started_at=now if runs else None,
        queue=queue,
        info=call.info,
        retries=call.retries,
        starts=int(runs),
        identity=job.identity,
    )


def _insert(
    ledger: Ledger, job: NewJob, record: JobRecord, key: bytes, digest: bytes | None
) -> None:
    queue, call = record.queue, job.call
    ledger.insert(
        (
            ledger.next_no,
            blob_of(job.job_id),
            RUNNING if record.state is State.RUNNING else QUEUED,
            key,
            None if queue is None else queue.concurrency,
            record.submitted_at,
            record.started_at,
            record.starts,
            ON_LOSS.index(on_loss(job)),
            record.retries,
            record.timeout_s,
            record.max_exec_s,
            record.host,
            record.procedure,
            job.identity,
            call.key,
            digest,
            None if job.parent is None else blob_of(job.parent),
            job.label,
            None if queue is None else queue.name,
            record.arguments,
            record.info,
        )
    )


def _admit(ledger: Ledger, job: NewJob, record: JobRecord, key: bytes) -> Submitted:
    """Enter a new job, whose row is written, in the books."""
    no = ledger.next_no
    ledger.next_no += 1
    runs = record.state is State.RUNNING
    ledger.admission.join(key, record.queue, runs=runs)
    ledger.changed[record.job_id] = record
    owns = bool(job.call.sealed) and _keep_sealed(ledger, job, no) == no
    if not runs:
        return Submitted(job_id=job.job_id)
    ledger.running[record.job_id] = Running(
        no=no, key=key, record=record, has_beside=owns
    )
    claim = Claim(
        record=record,
        fence=1,
        sealed=job.call.sealed,
        on_loss=on_loss(job),
        parent=job.parent,
    )
    return Submitted(job_id=job.job_id, claims=(claim,))


def _keep_sealed(ledger: Ledger, job: NewJob, no: int) -> int:
    """Keep the sealed values of a new job; return the job that they go with."""
    owner = no if job.parent is None else _owner(ledger, job.parent, no)
    beside.keep_sealed(ledger.db, owner, no, job.call.sealed)
    ledger.db.execute("UPDATE job SET owner = ? WHERE no = ?", (owner, no))
    ledger.mark_beside(owner)
    return owner


def _owner(ledger: Ledger, parent: JobId, no: int) -> int:
    row = ledger.db.execute(
        "SELECT no, parent FROM job WHERE id = ? AND state < 2", (blob_of(parent),)
    ).get
    if row is None:  # the parent has ended: its set is gone
        return no
    return row[0] if row[1] is None else _owner(ledger, id_of(row[1]), row[0])
