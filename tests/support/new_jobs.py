"""Calls to submit to a store, with an id each."""

from __future__ import annotations

import uuid
from typing import Any

from harpcaller.store import NewJob
from protocol.call import Call, QueueSpec
from protocol.job import JobId
from protocol.jsontext import JsonText, canonical

_OF_THE_JOB = ("identity", "parent", "label", "on_loss")


def new_id() -> JobId:
    """Return an id that was not returned before."""
    return JobId(str(uuid.uuid4()))


def queue(name: str = "q", concurrency: int = 1) -> QueueSpec:
    """Return the queue named {"name": name}."""
    return QueueSpec(name=canonical({"name": name}), concurrency=concurrency)


def new_job(job_id: JobId | None = None, **fields: Any) -> NewJob:
    """Return a call of nothing in particular; `fields` are its own or its job's."""
    of_the_job = {name: fields.pop(name) for name in _OF_THE_JOB if name in fields}
    call = {"host": "host", "procedure": "procedure", "arguments": JsonText(b"[]")}
    return NewJob(
        job_id=job_id or new_id(),
        call=Call(**{**call, **fields}),
        timeout_s=600.0,
        max_exec_s=86400.0,
        **of_the_job,
    )
