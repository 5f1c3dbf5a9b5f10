"""What clients of both dialects are told: objects and errors."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final

from harpcaller.adapters.panoptes.jobs import Job, JobState
from harpcaller.adapters.panoptes.settings import Settings
from harpcaller.adapters.panoptes.words import status_word
from harpcaller.adapters.panoptes.workflow import Workflow
from harpcaller.adapters.route import Answer
from protocol.job import JobRecord
from protocol.jsontext import JsonValue, decode, encode

VERSION: Final = "1.0.0"  # of the specification
JSON: Final = "application/json"
FRESH: Final = {"Cache-Control": "no-store"}
RETRY: Final = {"Retry-After": "5"}
_STATUSES: Final = {404: "not implemented", 503: "service not available"}


def answer(
    value: Mapping[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Return an object as an answer that nobody keeps."""
    return Answer(
        status=status,
        headers={"Content-Type": JSON, **FRESH, **(headers or {})},
        body=encode(dict(value)),
    )


def complaint(status: int, message: str, detail: JsonValue = None) -> dict[str, Any]:
    """Return an error as the specification has it; `status` and `version` too."""
    word = _STATUSES.get(status) or HTTPStatus(status).phrase.lower()
    code = {"code": str(status), "message": message, "detail": detail}
    return {"status": word, "version": VERSION, "errors": [code]}


def refusal(
    status: int, message: str, headers: Mapping[str, str] | None = None
) -> Answer:
    """Return an error as an answer."""
    return answer(complaint(status, message), status, headers)


def shape(status: int, kind: str, message: str) -> tuple[bytes, str]:
    """Return the body of an error that the gateway answers."""
    return encode(complaint(status, message, kind)), JSON


def create_shape(status: int, kind: str, message: str) -> tuple[bytes, str]:
    """Return the same with an id: Snakemake 8 reads it before all else."""
    return encode({**complaint(status, message, kind), "id": None}), JSON


def workflow_object(
    record: JobRecord, workflow: Workflow, settings: Settings, at: float
) -> dict[str, JsonValue]:
    """Return what is told of a workflow at once."""
    done, total = workflow.progress
    return {
        "id": record.job_id,
        "name": workflow.name or record.job_id,
        "status": status_word(record, workflow, settings, at),
        "jobs_done": done,
        "jobs_total": total,
        "started_at": _date(record.submitted_at),
        "completed_at": _date(record.ended_at),
        "updated_at": _date(
            record.ended_at or workflow.received or record.submitted_at
        ),
    }


def details(record: JobRecord, workflow: Workflow) -> dict[str, JsonValue]:
    """Return what is told beyond that to who asks for one."""
    more = {
        key: value
        for key, value in workflow.call.items()
        if key not in {"name", "args"}
    }
    info = decode(record.info)
    own = info.get("panoptes") if isinstance(info, dict) else None
    verdict = workflow.judge.verdict
    return {
        **more,
        "args": workflow.args,
        "info": own,
        "packets": workflow.packets,
        "verdict": None if verdict is None else verdict.value,
        "errors": [*workflow.judge.errors],
    }


def job_object(record: JobRecord, job: Job) -> dict[str, JsonValue]:
    """Return what is told of a workflow's job."""
    is_lost = record.outcome is not None and job.state is JobState.RUNNING
    fields = job.fields
    return {
        "jobid": job.job_id,
        "workflow_id": record.job_id,
        "name": fields.get("name"),
        "msg": fields.get("msg"),
        "input": fields.get("input", []),
        "output": fields.get("output", []),
        "log": fields.get("log", []),
        "wildcards": fields.get("wildcards", {}),
        "is_checkpoint": fields.get("is_checkpoint", False),
        "shell_command": fields.get("shellcmd"),
        "status": (JobState.UNKNOWN if is_lost else job.state).value,
        "started_at": _date(job.started_at),
        "completed_at": _date(job.ended_at),
    }


def _date(at: float | None) -> str | None:
    return None if at is None else formatdate(at, usegmt=True)
