"""How monitors are asked in each dialect, and what their answers mean."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from harpcaller.adapters.panoptes.reporting_dialect import (
    FORM,
    JSON,
    Dialect,
    Hop,
    Verdict,
    beginning,
    created,
    creation,
    hop,
    is_redirect,
    is_running,
    update,
    verdict_of,
)
from harpcaller.adapters.panoptes.reporting_messages import (
    Message,
    ReportedJob,
    job_info,
)
from protocol.job import JobId

M1, LEGACY = Dialect.M1, Dialect.LEGACY
JOB = ReportedJob(
    job_id=JobId("0f-1"), number=3, host="web1", procedure="ping", input=("[1]",)
)


def a_message(level: str, **more: Any) -> Message:
    """Return one about the job."""
    return Message(level=level, job=JOB, at=12.5, more=more)


@pytest.mark.parametrize("url", ["http://h:1/p", "http://h:1/p/"])
def test_each_dialect_begins_below_the_url(url: str) -> None:
    """A monitor may be behind a prefix."""
    assert beginning(url, M1) == "http://h:1/p/m1/"
    assert beginning(url, LEGACY) == "http://h:1/p/"


@pytest.mark.parametrize(
    ("dialect", "status", "body", "is_one"),
    [
        (M1, 200, b'{"status":"running","version":"1.0.0"}', True),
        (M1, 200, b'{"status":"success","version":"2"}', True),
        (M1, 200, b"<html>", False),
        (M1, 200, b'{"status":"running"}', False),
        (M1, 200, b'{"status":1,"version":"1"}', False),
        (M1, 200, b"[]", False),
        (M1, 404, b'{"status":"not implemented","version":"1.0.0"}', False),
        (M1, 503, b'{"status":"service not available","version":"1"}', False),
        (LEGACY, 200, b'{"status":"running"}', True),
        (LEGACY, 200, b'{"status":"success"}', False),
        (LEGACY, 200, b"\xff", False),
    ],
)
def test_a_monitor_is_known_by_what_it_says(
    dialect: Dialect, status: int, body: bytes, is_one: bool
) -> None:
    """Many servers answer 200 to any path."""
    assert is_running(dialect, status, body) is is_one


def test_a_workflow_is_asked_for() -> None:
    """By POST, or by the GET of old."""
    post, get = creation(M1, "d/q x/1"), creation(LEGACY, "d/q x/1")

    assert (post.method, post.path) == ("POST", "workflow/create/")
    assert (post.content_type, json.loads(post.body)) == (JSON, {"name": "d/q x/1"})
    assert (get.method, get.body, get.content_type) == ("GET", b"", None)
    assert urlsplit(get.path).path == "create_workflow"
    assert parse_qs(urlsplit(get.path).query) == {"workflow_id": ["d/q x/1"]}


@pytest.mark.parametrize(
    ("dialect", "status", "body", "id_"),
    [
        (M1, 201, b'{"id":"7"}', "7"),
        (M1, 200, b'{"id":"7"}', None),
        (M1, 201, b'{"id":7}', None),
        (M1, 201, b'{"id":""}', None),
        (M1, 201, b"{}", None),
        (M1, 201, b"<html>", None),
        (LEGACY, 200, b'{"id":7}', "7"),
        (LEGACY, 200, b'{"id":"7"}', "7"),
        (LEGACY, 200, b'{"id":true}', None),
        (LEGACY, 404, b'{"id":null}', None),
    ],
)
def test_an_answer_names_the_workflow(
    dialect: Dialect, status: int, body: bytes, id_: str | None
) -> None:
    """Only what is expected counts as one."""
    made = created(dialect, status, body, "/workflows/7/")

    assert (made and made.id) == id_
    assert made is None or made.location == "/workflows/7/"


@pytest.mark.parametrize(
    "message",
    [
        job_info(JOB, 12.5),
        a_message("job_started"),
        a_message("job_error", msg="t: m"),
        a_message("progress", done=1, total=2),
        a_message("workflow_success"),
    ],
    ids=lambda message: message.level,
)
def test_each_message_of_m1_has_the_job_and_its_parts(message: Message) -> None:
    """The specification wants `jobid`, and says what else is known."""
    asked = update(M1, "7", message)
    told = json.loads(asked.body)

    assert (asked.method, asked.path) == ("POST", "workflow/update/")
    assert asked.content_type == JSON
    assert (told["id"], told["timestamp"]) == ("7", 12.5)
    common = {
        "level": message.level,
        "jobid": "0f-1",
        "name": "web1:ping",
        "input": ["[1]"],
        "output": [],
        "log": ["0f-1"],
    }
    assert told["message"] == {**common, **message.more}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            job_info(JOB, 12.5),
            {
                "level": "job_info",
                "jobid": 3,
                "name": "web1:ping",
                "input": ["[1]"],
                "output": [],
                "log": ["0f-1"],
                "wildcards": {"host": "web1", "job_id": "0f-1"},
                "msg": "web1:ping",
                "is_checkpoint": False,
            },
        ),
        (a_message("job_started"), {"level": "job_started", "jobs": [3]}),
        (a_message("job_finished"), {"level": "job_finished", "jobid": 3}),
        (
            a_message("job_error", msg="t: m"),
            {"level": "job_error", "jobid": 3, "msg": "t: m"},
        ),
        (
            a_message("progress", done=1, total=2),
            {"level": "progress", "done": 1, "total": 2},
        ),
        (a_message("workflow_success"), {"level": "workflow_success"}),
        (a_message("info", msg="1"), {"level": "info", "jobid": 3, "msg": "1"}),
    ],
    ids=lambda one: getattr(one, "level", None),
)
def test_each_message_of_old_is_as_snakemake_says_it(
    message: Message, expected: dict[str, Any]
) -> None:
    """In a form, the message a text in it, jobs by number."""
    asked = update(LEGACY, "7", message)
    form = parse_qs(asked.body.decode())

    assert (asked.method, asked.path) == ("POST", "update_workflow_status")
    assert asked.content_type == FORM
    assert (form["id"], form["timestamp"]) == (["7"], ["12.5"])
    assert json.loads(form["msg"][0]) == {**expected, "timestamp": 12.5}


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.TAKEN),
        (202, Verdict.TAKEN),
        (404, Verdict.UNKNOWN),
        (410, Verdict.UNKNOWN),
        (408, Verdict.AGAIN),
        (429, Verdict.AGAIN),
        (500, Verdict.AGAIN),
        (503, Verdict.AGAIN),
        (400, Verdict.REFUSED),
        (401, Verdict.REFUSED),
        (409, Verdict.REFUSED),
        (413, Verdict.REFUSED),
    ],
)
def test_a_status_means_one_thing(status: int, verdict: Verdict) -> None:
    """What is refused once is refused again; what is not may be taken later."""
    assert verdict_of(status) is verdict


@pytest.mark.parametrize(
    ("status", "location", "expected"),
    [
        (302, "/m2/", Hop(url="http://h/m2/", is_for_good=True)),
        (301, "info/", Hop(url="http://h/m1/info/", is_for_good=False)),
        (307, "http://o/x", Hop(url="http://o/x", is_for_good=False)),
        (308, "/x", Hop(url="http://h/x", is_for_good=False)),
        (302, None, None),
        (200, "/x", None),
    ],
)
def test_302_moves_all_that_follows(
    status: int, location: str | None, expected: Hop | None
) -> None:
    """So the specification has it, against what HTTP means by it."""
    assert hop("http://h/m1/", status, location) == expected
    assert is_redirect(status) is (status != 200)
