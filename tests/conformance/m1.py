"""Judges a monitor by the Panoptes Monitor Specification, whoever made it.

    python m1.py BASE [--token TOKEN]

BASE is what a client is given: the URL before `/m1/`. The server has to take new
workflows from us; it is left with a few that never end.

Each line of output is `ok` or `FAILED`, the rule and what it says: rules PM of this
project's reading of the specification. It ends with 1 if one failed. Python's standard
library is all that it needs.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

LIMIT_S: Final = 30
FORM: Final = "application/x-www-form-urlencoded"
# The specification, "Update Workflow".
EXAMPLE: Final = {
    "jobid": "123456",
    "level": "info",
    "name": "register brainmap",
    "input": ["brain.niigz", "MNI152.nii.gz"],
    "output": ["registered-brain.nii.gz"],
    "log": "This is a longer message...",
}
UNKNOWN: Final = "no-such-workflow"


class Answer(NamedTuple):
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def value(self) -> dict[str, Any]:
        """The object that the body is; an empty one if it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


class Server:
    """The server that is judged."""

    def __init__(self, base: str, token: str | None) -> None:
        self._parts = urlsplit(base.rstrip("/"))
        self._token = token

    def ask(
        self, method: str, path: str, body: Any = None, kind: str | None = None
    ) -> Answer:
        """Return the answer to a request below BASE."""
        secure = self._parts.scheme == "https"
        make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = make(self._parts.netloc, timeout=LIMIT_S)
        headers = {} if kind is None else {"Content-Type": kind}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        text = body if body is None or isinstance(body, bytes) else json.dumps(body)
        connection.request(method, self._parts.path + path, text, headers)
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.headers.items()}
        found = Answer(answer.status, told, answer.read())
        connection.close()
        return found

    def create(self, body: Any = None, kind: str | None = None) -> Answer:
        """Return the answer to a create."""
        return self.ask("POST", "/m1/workflow/create/", body, kind)

    def created(self) -> str:
        """Return the id of a new workflow."""
        return str(self.create().value.get("id", ""))

    def update(self, job_id: Any, message: Any = EXAMPLE, **more: Any) -> Answer:
        """Return the answer to an update."""
        body = {"message": message, "timestamp": "now", "id": job_id, **more}
        return self.ask("POST", "/m1/workflow/update/", body, "application/json")


def has_status(answer: Answer) -> bool:
    """Tell whether an answer has the keys that each one has to have."""
    value = answer.value
    return all(isinstance(value.get(key), str) for key in ("status", "version"))


def is_refused(answer: Answer, status: int) -> bool:
    """Tell whether an answer refuses, as the specification shows errors."""
    errors = answer.value.get("errors", [{"code": "", "message": ""}])
    is_shaped = isinstance(errors, list) and all(
        isinstance(one, dict) and {"code", "message"} <= one.keys() for one in errors
    )
    return answer.status == status and is_shaped


def runs(server: Server) -> bool:
    """PM-2: /m1/ is 200."""
    return server.ask("GET", "/m1/").status == 200


def runs_without_slash(server: Server) -> bool:
    """PM-1: each path is there with and without the slash, without a redirect."""
    bare = server.ask("GET", "/m1").status
    made = server.ask("POST", "/m1/workflow/create")
    body = {"message": EXAMPLE, "timestamp": 1, "id": made.value.get("id")}
    told = server.ask("POST", "/m1/workflow/update", body, "application/json")
    return (bare, made.status, told.status) == (200, 201, 202)


def tells_status(server: Server) -> bool:
    """PM-3, PM-9: status and version are strings, and status is "running"."""
    answer = server.ask("GET", "/m1/")
    return has_status(answer) and answer.value["status"] == "running"


def creates(server: Server) -> bool:
    """PM-11: a create is 201, and its id a string."""
    answer = server.create()
    job_id = answer.value.get("id")
    return answer.status == 201 and isinstance(job_id, str) and bool(job_id)


def creates_by_get(server: Server) -> bool:
    """PM-10: a create by GET is one too, as the headline says."""
    return server.ask("GET", "/m1/workflow/create/").status == 201


def head_creates_nothing(server: Server) -> bool:
    """PM-10: a create by HEAD is refused."""
    return server.ask("HEAD", "/m1/workflow/create/").status == 405


def leads_to_a_page(server: Server) -> bool:
    """PM-12: Location of a create leads to something to browse to."""
    place = server.create().headers.get("location", "")
    return bool(place) and server.ask("GET", urlsplit(place).path).status == 200


def takes_every_body(server: Server) -> bool:
    """PM-13: nothing, an object and a form are bodies of a create."""
    answers = [
        server.create(),
        server.create({}),
        server.create({"name": "conformance", "more": [1]}, "application/json"),
        server.create(b"name=conformance", FORM),
    ]
    return {answer.status for answer in answers} == {201}


def refuses_other_bodies(server: Server) -> bool:
    """PM-13: anything else is 400."""
    bodies = (b"[1]", b"{", b"nonsense")
    answers = [server.create(body, "application/json") for body in bodies]
    return all(is_refused(answer, 400) for answer in answers)


def creates_each_time(server: Server) -> bool:
    """PM-14: each create is a workflow of its own."""
    return server.created() != server.created()


def takes_the_example(server: Server) -> bool:
    """PM-15: the example is 202."""
    return server.update(server.created()).status == 202


def knows_no_other(server: Server) -> bool:
    """PM-15, PM-22: an update of an unknown id is 404."""
    return all(is_refused(server.update(one), 404) for one in (UNKNOWN, 123456))


def needs_jobid(server: Server) -> bool:
    """PM-16: jobid is a string or an integer; it has to be there."""
    job_id = server.created()
    bad: list[Any] = [{}, {"jobid": None}, {"jobid": True}, {"jobid": [1]}, "text"]
    return all(is_refused(server.update(job_id, one), 400) for one in bad)


def takes_zero(server: Server) -> bool:
    """PM-16: 0 is an id."""
    job_id = server.created()
    return {server.update(job_id, {"jobid": one}).status for one in (0, "0")} == {202}


def takes_other_keys(server: Server) -> bool:
    """PM-17: other keys are tolerated."""
    message = {**EXAMPLE, "is_checkpoint": False, "x": {"y": [None, 1.5]}}
    return server.update(server.created(), message).status == 202


def takes_every_time(server: Server) -> bool:
    """PM-18: a timestamp is a string or a number, or is not there."""
    job_id = server.created()
    bare = {"message": EXAMPLE, "id": job_id}
    answers = [server.update(job_id, timestamp=one) for one in ("", "now", 0, 1.5)]
    answers.append(server.ask("POST", "/m1/workflow/update/", bare))
    return {answer.status for answer in answers} == {202}


def refuses_other_times(server: Server) -> bool:
    """PM-18: anything else is 400."""
    job_id = server.created()
    bad: list[Any] = [True, [1], {"a": 1}]
    return all(is_refused(server.update(job_id, timestamp=one), 400) for one in bad)


def tells_of_updates(server: Server) -> bool:
    """PM-20: an update is told of with status and version, and a Location."""
    answer = server.update(server.created())
    return has_status(answer) and "location" in answer.headers


def refuses_other_ids(server: Server) -> bool:
    """PM-22: an id is a string or an integer."""
    bad: list[Any] = [None, True, [1], 1.5]
    return all(is_refused(server.update(one), 400) for one in bad)


def refuses_nonsense(server: Server) -> bool:
    """PM-15: an update that is no object is 400."""
    path = "/m1/workflow/update/"
    bodies = (b"", b"[]", b"nonsense", b'{"id":"x","id":"y"}')
    answers = [server.ask("POST", path, one, "application/json") for one in bodies]
    return all(is_refused(answer, 400) for answer in answers)


def shapes_errors(server: Server) -> bool:
    """PM-23, PM-24: errors have status, version and errors; a code is a string."""
    answer = server.update(UNKNOWN)
    codes = [one.get("code") for one in answer.value.get("errors", [])]
    return has_status(answer) and codes == ["404"]


RULES: Final[tuple[Callable[[Server], bool], ...]] = (
    runs,
    runs_without_slash,
    tells_status,
    creates,
    creates_by_get,
    head_creates_nothing,
    leads_to_a_page,
    takes_every_body,
    refuses_other_bodies,
    creates_each_time,
    takes_the_example,
    knows_no_other,
    needs_jobid,
    takes_zero,
    takes_other_keys,
    takes_every_time,
    refuses_other_times,
    tells_of_updates,
    refuses_other_ids,
    refuses_nonsense,
    shapes_errors,
)


def judge(server: Server) -> int:
    """Print a line for each rule; return how many failed."""
    failed = 0
    for rule in RULES:
        try:
            is_kept = rule(server)
        except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError):
            is_kept = False
        failed += not is_kept
        sys.stdout.write(f"{'ok' if is_kept else 'FAILED'} {rule.__doc__}\n")
    return failed


def main() -> int:
    """Judge the server that the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("base")
    parser.add_argument("--token")
    options = parser.parse_args()
    return int(judge(Server(options.base, options.token)) > 0)


if __name__ == "__main__":
    sys.exit(main())
