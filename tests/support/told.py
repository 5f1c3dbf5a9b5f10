"""What clients were told, and what contradicts it: the promises as a model, pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs
from logging_worker import value_of

Reply: TypeAlias = Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Asked:
    """A call that a client sent, known by its tag; later ones have a higher place."""

    place: int
    tag: str
    host: str
    procedure: str
    arguments: Mapping[str, Any]
    queue: str | None = None
    concurrency: int = 1
    retries: int = 0
    key: str | None = None
    max_exec_time: float | None = None

    def request(self) -> dict[str, Any]:
        """Return the request as it is sent."""
        fields: dict[str, Any] = {
            "harpcaller": 1,
            "session": True,
            "host": self.host,
            "procedure": self.procedure,
            "arguments": {"tag": self.tag, **self.arguments},
            "info": {"tag": self.tag},
        }
        if self.queue is not None:
            name = {"name": self.queue}
            fields["queue"] = {"name": name, "concurrency": self.concurrency}
        for optional in ("retries", "key", "max_exec_time"):
            if getattr(self, optional):
                fields[optional] = getattr(self, optional)
        return fields


@attrs.define
class JobTold:
    """All that anybody was told of one job."""

    asked: Asked
    packets: dict[int, Any] = attrs.field(factory=dict)
    outcome: Reply | None = None
    is_cancel_asked: bool = False
    is_cancel_told: bool = False

    @property
    def is_lost(self) -> bool:
        """Tell whether it ended because its dispatcher died."""
        return (
            self.outcome is not None and _error_type(self.outcome) == "missing_result"
        )


class Told:
    """Remembers each acknowledgement, and notes in `broken` what contradicts one."""

    def __init__(self) -> None:
        self.asked: dict[str, Asked] = {}
        self.jobs: dict[str, JobTold] = {}
        self.broken: list[str] = []
        self.may_lose = False
        """A dispatcher is stopped, or dead: what runs may end as missing_result."""
        self.refusals: frozenset[str] = frozenset()
        """The request errors that may be met: what was refused has not been told."""

    def send(self, asked: Asked) -> None:
        """Remember what was asked for, before it is sent."""
        self.asked[asked.tag] = asked

    def accept(self, asked: Asked, reply: Reply) -> str | None:
        """Take the answer to a call; return the job's id."""
        if _error_type(reply) in self.refusals:
            return None
        job_id = reply.get("job_id")
        if not isinstance(job_id, str):
            self._complain(asked.tag, f"was refused: {reply}")
            return None
        job = self.jobs.setdefault(job_id, JobTold(asked))
        if job.asked.tag != asked.tag:
            self._complain(job_id, f"stands for {job.asked.tag} and {asked.tag}")
        return job_id

    def accept_again(
        self, asked: Asked, before: str | None, reply: Reply
    ) -> str | None:
        """Take the answer to a call that was sent before, under the same key."""
        if _error_type(reply) in self.refusals:
            return before
        job_id = self.accept(asked, reply)
        if before is not None and job_id != before:
            self._complain(asked.tag, f"was {before}, and is {job_id} when asked again")
        if before is not None and reply.get("duplicate") is not True:
            self._complain(asked.tag, "is no duplicate when asked again")
        return job_id

    def take_packet(self, job_id: str, number: int, data: Any) -> None:
        """Take one packet."""
        job = self.jobs[job_id]
        known = job.packets.setdefault(number, data)
        if known != data:
            self._complain(job_id, f"packet {number} was {known}, and is {data}")
        if not _is_possible(job.asked, data):
            self._complain(job_id, f"packet {number} is nobody's: {data}")

    def take_outcome(self, job_id: str, outcome: Reply) -> None:
        """Take a line that says how a job ended."""
        job = self.jobs[job_id]
        if _error_type(outcome) in self.refusals:
            return
        if job.outcome is None:
            job.outcome = outcome
            self._check_outcome(job_id, job, outcome)
        elif job.outcome != outcome:
            self._complain(job_id, f"ended with {job.outcome}, and with {outcome}")

    def ask_cancel(self, job_id: str) -> None:
        """Remember that a cancel is sent."""
        self.jobs[job_id].is_cancel_asked = True

    def take_cancelled(self, job_id: str) -> None:
        """Take `"cancelled": true` as the answer to a cancel."""
        self.jobs[job_id].is_cancel_told = True
        self.take_outcome(job_id, {"cancelled": True})

    def take_whole_log(self, job_id: str, numbers: list[int], outcome: bool) -> None:
        """Take what reading the whole stream gave, after its packets were taken."""
        if numbers != list(range(len(numbers))):
            self._complain(job_id, f"the log is not dense: {numbers}")
        job = self.jobs[job_id]
        if job.packets.keys() - set(numbers):
            lost = sorted(job.packets.keys() - set(numbers))
            self._complain(job_id, f"the log has lost packets {lost}")
        if job.outcome is not None and not outcome:
            self._complain(job_id, "the log goes on, although the job had ended")
        if outcome and job.outcome is not None and "result" in job.outcome:
            self._check_last_start(job_id, job)

    def take_status(self, job_id: str, status: Reply) -> None:
        """Take the answer to get_status."""
        asked = self.jobs[job_id].asked
        if status.get("info") != {"tag": asked.tag}:
            self._complain(job_id, f"is not what was told: {status}")
        elif status["call"]["arguments"] != {"tag": asked.tag, **asked.arguments}:
            self._complain(job_id, f"has other arguments: {status}")

    def refuse(self, job_id: str, reply: Reply) -> None:
        """Take an answer that makes no sense, unless it is a refusal."""
        if _error_type(reply) not in self.refusals:
            self._complain(job_id, f"was answered with {reply}")

    def _complain(self, about: str, what: str) -> None:
        self.broken.append(f"{about}: {what}")

    def _check_outcome(self, job_id: str, job: JobTold, outcome: Reply) -> None:
        asked = job.asked
        allowed = {
            "answer": {"result": {"tag": asked.tag}},
            "stream": {"result": {"tag": asked.tag}},
            "fail": {"exception": {"type": "broken", "message": asked.tag}},
        }
        if outcome == allowed.get(asked.procedure):
            return
        if outcome == {"cancelled": True} and job.is_cancel_asked:
            return
        if self.may_lose and _error_type(outcome) == "missing_result":
            return
        if asked.procedure == "hang" and _error_type(outcome) == "timeout":
            return
        self._complain(job_id, f"{asked} cannot end with {outcome}")

    def _check_last_start(self, job_id: str, job: JobTold) -> None:
        """Check that the start that returned streamed all that it should."""
        if job.asked.procedure != "stream":
            return
        count = job.asked.arguments["n"]
        packets = [job.packets[number] for number in sorted(job.packets)]
        fence = packets[-1]["fence"] if packets else 0
        right = [value_of(job.asked.tag, fence, number) for number in range(count)]
        if packets[len(packets) - count :] != right:
            self._complain(job_id, f"returned, but streamed {packets}")


def _error_type(outcome: Reply) -> object:
    return outcome.get("error", {}).get("type")


def _is_possible(asked: Asked, data: Any) -> bool:
    if asked.procedure != "stream" or not isinstance(data, dict):
        return False
    fence, number = data.get("fence"), data.get("n")
    if not isinstance(fence, int) or not isinstance(number, int):
        return False
    is_in_range = 1 <= fence <= 1 + asked.retries and number < asked.arguments["n"]
    return is_in_range and data == value_of(asked.tag, fence, number)
