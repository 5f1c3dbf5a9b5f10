"""Judges a CSAPI service agent by its answers, whoever made it.

    python csapi.py BASE [--token TOKEN] [--command COMMAND]

BASE is a service's endpoint: below it are `heartbeat` and `jobs`. The service has to
have an input `n` of the type `payload` and to return soon whatever it is given; with
--command, an input `run` of the type `runcommand` that refuses this command.

Each line of output is `ok` or `FAILED`, the rule and what it says: rules CS of this
project's reading of DEP 6, section "Service Delivery". It ends with 1 if one failed.
Python's standard library is all that it needs.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

LIMIT_S = 30
GOOD = {"inputs": [{"argname": "n", "type": "payload", "payload": 5}]}
CONSUMER = {"consumerid": "conformance", "invokeserviceagreementid": "none"}
WORDS = {"started", "inprogress", "completed", "error"}
# DEP 6, "Invoke a job (async)", as it is printed there: two commas are wrong.
PRINTED = b"""{
  "inputs" : [ { "argname" :"inputasset1", "serviceagreementid" : "sa_id", } ],
    "serviceinfo": { "consumerid" : "consumerid", "invokeserviceagreementid" : "x" }
  "configuration" : { "job" : "options" }
}"""


class Answer(NamedTuple):
    """What an agent said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        """What the body says, None if it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Agent:
    """The agent that is judged."""

    def __init__(self, base: str, token: str | None, command: str | None) -> None:
        self.command = command
        self._parts = urlsplit(base.rstrip("/"))
        self._token = token

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """Return the answer to a request below the endpoint."""
        connection = self._connection()
        headers = {"Content-Type": "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        text = body if body is None or isinstance(body, bytes) else json.dumps(body)
        connection.request(method, self._parts.path + path, text, headers)
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.headers.items()}
        found = Answer(answer.status, told, answer.read())
        connection.close()
        return found

    def _connection(self) -> http.client.HTTPConnection:
        place = self._parts.netloc
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(place, timeout=LIMIT_S)
        return http.client.HTTPConnection(place, timeout=LIMIT_S)

    def invoke(self, **more: Any) -> Answer:
        """Return the answer to an invocation that is good."""
        return self.ask("POST", "/jobs", {**GOOD, **more})

    def ended(self, job_id: str, query: str = "") -> Answer:
        """Return the result of a job, asked for until there is one."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            answer = self.ask("GET", f"/jobs/result/{job_id}{query}")
            if answer.status != 202 or time.monotonic() > deadline:
                return answer
            time.sleep(0.1)


def is_complaint(answer: Answer, *statuses: int) -> bool:
    """Tell whether an answer refuses, with one of the statuses and with a reason."""
    value = answer.value
    return (
        answer.status in statuses
        and isinstance(value, dict)
        and isinstance(value.get("description"), str)
        and isinstance(value.get("errorcode"), int)
    )


def heartbeat(agent: Agent) -> bool:
    """CS-9: a heartbeat is 200 with an empty payload."""
    answer = agent.ask("GET", "/heartbeat")
    return answer.status == 200 and not answer.body


def job_made(agent: Agent) -> bool:
    """CS-10: POST jobs is 201 with a jobid, and Location leads to its status."""
    answer = agent.invoke()
    value = answer.value
    if answer.status != 201 or not isinstance(value, dict):
        return False
    job_id = value.get("jobid")
    place = answer.headers.get("location", "")
    return isinstance(job_id, str) and place.endswith(f"/jobs/status/{job_id}")


def status_is_a_word(agent: Agent) -> bool:
    """CS-14: the status is 200 with one of four words."""
    job_id = agent.invoke().value["jobid"]
    answer = agent.ask("GET", f"/jobs/status/{job_id}")
    return answer.status == 200 and answer.value.get("status") in WORDS


def completed(agent: Agent) -> bool:
    """CS-15: a job that has returned is completed; its result has oceanoutputs."""
    job_id = agent.invoke().value["jobid"]
    result = agent.ended(job_id)
    status = agent.ask("GET", f"/jobs/status/{job_id}").value
    outputs = result.value.get("oceanoutputs")
    is_completed = status == {"status": "completed"}
    return result.status == 200 and is_completed and isinstance(outputs, list)


def printed_example(agent: Agent) -> bool:
    """CS-1, CS-11: the example as it is printed is no JSON: 400 with a reason."""
    return is_complaint(agent.ask("POST", "/jobs", PRINTED), 400)


def bad_inputs(agent: Agent) -> bool:
    """CS-8: 400 for inputs that are unknown, repeated, or of another type."""
    good = GOOD["inputs"][0]
    bad: Sequence[Any] = (
        {},
        [1],
        [{**good, "argname": "there is none of this name"}],
        [good, good],
        [{**good, "type": "oceanasset"}],
        [{**good, "type": "of no such type"}],
    )
    answers = [agent.ask("POST", "/jobs", {"inputs": inputs}) for inputs in bad]
    return all(is_complaint(answer, 400) for answer in answers)


def bad_configuration(agent: Agent) -> bool:
    """CS-12: a configuration is an object, and slainfo excludes serviceinfo."""
    answers = [
        agent.invoke(configuration=[1]),
        agent.invoke(slainfo={}, serviceinfo=CONSUMER),
        agent.invoke(serviceinfo="x"),
    ]
    return all(is_complaint(answer, 400) for answer in answers)


def equal_keys(agent: Agent) -> bool:
    """Readers differ on which of two equal keys counts: 400."""
    return is_complaint(agent.ask("POST", "/jobs", b'{"inputs":[],"inputs":[]}'), 400)


def unknown_job(agent: Agent) -> bool:
    """CS-14: an invalid job id is 400, for the status and the result."""
    ids = "nonsense", "00000000-0000-4000-8000-000000000000"
    paths = [f"/jobs/{what}/{one}" for what in ("status", "result") for one in ids]
    return all(is_complaint(agent.ask("GET", path), 400) for path in paths)


def other_consumer(agent: Agent) -> bool:
    """CS-19: another consumer's job is as one that is not; his own word is enough."""
    job_id = agent.invoke(serviceinfo=CONSUMER).value["jobid"]
    path = f"/jobs/status/{job_id}"
    unknown = agent.ask("GET", "/jobs/status/nonsense")
    other = agent.ask("GET", f"{path}?consumerid=somebody-else")
    own = [
        agent.ask("GET", f"{path}?{name}={CONSUMER['consumerid']}").status
        for name in ("consumerid", "consumerId")
    ]
    is_hidden = (other.status, other.body) == (unknown.status, unknown.body)
    return is_hidden and own == [200, 200]


def case_of_types(agent: Agent) -> bool:
    """CS-7: types are compared without regard to case."""
    one = {**GOOD["inputs"][0], "type": "PayLoad"}
    return agent.ask("POST", "/jobs", {"inputs": [one]}).status == 201


def waiting(agent: Agent) -> bool:
    """CS-16: a result may be waited for, up to a minute."""
    job_id = agent.invoke().value["jobid"]
    answer = agent.ask("GET", f"/jobs/result/{job_id}?wait=25")
    too_long = agent.ask("GET", f"/jobs/result/{job_id}?wait=61")
    return answer.status in {200, 202} and is_complaint(too_long, 400)


def command_refused(agent: Agent) -> bool:
    """6.3: a command that nobody has allowed is 400."""
    if agent.command is None:
        return True
    run = {"argname": "run", "type": "runcommand", "exec": agent.command}
    answer = agent.ask("POST", "/jobs", {"inputs": [GOOD["inputs"][0], run]})
    return is_complaint(answer, 400)


def wrong_method(agent: Agent) -> bool:
    """GW-6: a method that is not there is 405, with Allow and a reason."""
    answer = agent.ask("PATCH", "/jobs", {})
    return is_complaint(answer, 405) and "POST" in answer.headers.get("allow", "")


RULES: Sequence[Callable[[Agent], bool]] = (
    heartbeat,
    job_made,
    status_is_a_word,
    completed,
    printed_example,
    bad_inputs,
    bad_configuration,
    equal_keys,
    unknown_job,
    other_consumer,
    case_of_types,
    waiting,
    command_refused,
    wrong_method,
)


def main(words: Sequence[str]) -> int:
    """Judge the agent; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", metavar="BASE")
    parser.add_argument("--token")
    parser.add_argument("--command")
    given = parser.parse_args(words)
    agent = Agent(given.base, given.token, given.command)
    failed = 0
    for rule in RULES:
        try:
            is_kept = rule(agent)
        except (AttributeError, KeyError, TypeError):  # of an answer of another shape
            is_kept = False
        failed += not is_kept
        word = "ok" if is_kept else "FAILED"
        sys.stdout.write(f"{word:6} {rule.__doc__}\n")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
