"""Workflows without a store: what routes of the monitor ask for, done in memory."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import attrs
from scripted_means import ScriptedMeans, done

from harpcaller.adapters.panoptes.bodies import JSON
from harpcaller.adapters.panoptes.routes import ROUTES
from harpcaller.adapters.panoptes.settings import Settings
from harpcaller.adapters.panoptes.workflow import Workflow
from harpcaller.adapters.route import Accepted, Answer, Asked, Route
from harpcaller.roles import Role
from protocol.call import Call
from protocol.errors import ErrorType, WireError
from protocol.job import JobId, JobRecord, State
from protocol.jsontext import JsonText, decode, encode
from protocol.outcome import Cancelled, Outcome

UNKNOWN = JobId("0190a3c0-ffff-7000-8000-000000000000")
AT = 1_795_333_383.5


@attrs.define
class Feeding:
    """All workflows, each made anew of its log whenever it is looked at.

    With `refusal` nothing is told; `pruned` are in lists, and nowhere else.
    """

    records: dict[JobId, JobRecord] = attrs.field(factory=dict)
    logs: dict[JobId, list[JsonText]] = attrs.field(factory=dict)
    refusal: WireError | None = None
    pruned: set[JobId] = attrs.field(factory=set)
    settings: Settings = attrs.field(factory=Settings)

    @property
    def live_count(self) -> int:
        """See `Feeding.live_count`."""
        return sum(job.outcome is None for job in self.records.values())

    async def look(self, job_id: JobId, role: Role) -> tuple[JobRecord, Workflow]:
        """See `Feeding.look`."""
        if self.refusal is not None:
            raise self.refusal
        if job_id not in self.records or job_id in self.pruned:
            raise WireError(ErrorType.INVALID_JOBID, "no job with this id")
        record = self.records[job_id]
        call = Call(host="@panoptes", procedure="workflow", arguments=record.arguments)
        workflow = Workflow(call)
        for packet in self.logs[job_id]:
            workflow.take(packet)
        return record, workflow

    async def offer(self, job_id: JobId, offered: Any) -> str | None:
        """See `Feeding.offer`."""
        record, workflow = await self.look(job_id, Role.SUBMIT)
        if record.outcome is not None:
            return None
        taken = workflow.offer(offered, self.settings)
        self.logs[job_id] += taken.packets
        return taken.word

    async def cancel(self, job_id: JobId) -> bool:
        """See `Feeding.cancel`."""
        self.end(job_id, Cancelled())
        return True

    async def remove(self, job_id: JobId) -> bool:
        """See `Feeding.remove`."""
        del self.records[job_id]
        return True

    async def recent(self, before: JobId | None, limit: int) -> Sequence[JobId]:
        """See `Feeding.recent`."""
        listed = [*self.records][::-1]
        first = 0 if before is None else listed.index(before) + 1
        return listed[first : first + limit]

    async def labelled(self, label: str) -> JobId | None:
        """See `Feeding.labelled`."""
        found = [job.job_id for job in self.records.values() if job.label == label]
        return found[-1] if found else None

    def end(self, job_id: JobId, outcome: Outcome) -> None:
        """Let a workflow end."""
        self.records[job_id] = attrs.evolve(
            self.records[job_id],
            state=State.ENDED,
            outcome=outcome,
            ended_at=AT + 60,
        )


@attrs.define
class Monitor(ScriptedMeans):
    """The operations, and a way to ask the routes for something."""

    settings: Settings = attrs.field(factory=Settings)
    fed: Feeding = attrs.field(factory=Feeding)
    _numbers: Any = attrs.field(factory=itertools.count)

    async def submit(self, call: Call) -> Accepted:
        """Make a job of a call."""
        if self.refusal is not None:
            raise self.refusal
        self.calls.append(call)
        arguments = decode(call.arguments)
        assert isinstance(arguments, dict)
        name = arguments.get("name")
        job_id = JobId(f"0190a3c0-0000-7000-8000-{next(self._numbers):012}")
        self.fed.records[job_id] = JobRecord(
            job_id=job_id,
            state=State.RUNNING,
            host=call.host,
            procedure=call.procedure,
            arguments=call.arguments,
            timeout_s=1,
            max_exec_s=1,
            submitted_at=AT,
            started_at=AT,
            info=call.info,
            label=name if isinstance(name, str) else None,
        )
        self.fed.logs[job_id] = []
        return Accepted(job_id=job_id)

    def ask(
        self,
        method: str,
        target: str,
        body: Any = b"",
        at: float = AT,
        base: str = "",
        **headers: Any,
    ) -> Answer:
        """Return the answer of the route; a value as the body is JSON."""
        path, _, query = target.partition("?")
        route, parts = _find(method, path)
        pairs = (pair.split("=", 1) for pair in query.split("&") if pair)
        self.fed.settings = self.settings
        asked = Asked(
            path=parts,
            query={name: text for name, text in pairs},  # noqa: C416 (of lists)
            headers={name.replace("_", "-"): one for name, one in headers.items()},
            body=body if isinstance(body, bytes) else encode(body),
            peer="127.0.0.1",
            at=at,
            base=base,
        )
        answer: Answer = done(route.handler(asked, self, self.settings))
        return answer

    def created(self, target: str = "/create_workflow", body: Any = b"") -> JobId:
        """Return the id of a workflow that was made."""
        told = value(self.ask("POST", target, body))
        return JobId(told["id"])


def value(answer: Answer) -> Any:
    """Return the body of an answer, which is JSON."""
    assert answer.headers["Content-Type"] == JSON
    assert isinstance(answer.body, bytes)
    return decode(answer.body)


def _find(method: str, path: str) -> tuple[Route[Settings], dict[str, str]]:
    words = path.split("/")
    for route in ROUTES:
        pattern = route.path.split("/")
        if route.method == method and len(pattern) == len(words):
            pairs = list(zip(pattern, words, strict=True))
            if all(one.startswith("{") or one == two for one, two in pairs):
                parts = {
                    one.strip("{}"): two for one, two in pairs if one.startswith("{")
                }
                return route, parts
    raise LookupError(f"{method} {path}")
