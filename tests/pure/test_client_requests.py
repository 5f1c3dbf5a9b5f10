"""What the client sends is what the dispatcher reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harpcaller.client import requests
from protocol.call import QueueSpec
from protocol.job import JobId
from protocol.jsontext import JsonValue, canonical, decode
from protocol.requests import (
    Cancel,
    FollowStream,
    GetResult,
    GetStatus,
    ReadStream,
    Submit,
    parse_request,
)

JOB = JobId("6f1ed002-ab5c-4a3e-8c1d-1a2b3c4d5e6f")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner),
    max_leaves=10,
)


def read(line: bytes) -> Any:
    """Return what the dispatcher makes of a line."""
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    return parse_request(line.removesuffix(b"\n"))


@given(arguments=st.lists(values) | st.dictionaries(texts, values), info=values)
def test_values_reach_the_dispatcher_as_they_were_given(
    arguments: Any, info: JsonValue
) -> None:
    """Integers stay exact and strings whole, or a call would not mean what it said."""
    line = requests.call("web1", "restart", arguments, {"info": info})

    call = read(line).call
    assert canonical(decode(call.arguments)) == canonical(arguments)
    assert canonical(decode(call.info)) == canonical(info)


def test_every_option_of_a_call_reaches_the_dispatcher() -> None:
    """A misspelt field would be refused, a forgotten one would be silently lost."""
    options = {
        "timeout": 1.5,
        "max_exec_time": 10,
        "queue": {"name": {"pool": "db"}, "concurrency": 3},
        "key": "once",
        "retries": 2,
        "sealed": ["/password"],
    }

    request = read(requests.call("db1", "dump", {"password": "x"}, options))

    assert isinstance(request, Submit)
    call = request.call
    assert (call.host, call.procedure) == ("db1", "dump")
    assert (call.timeout_s, call.max_exec_s) == (1.5, 10)
    assert call.queue == QueueSpec(name=canonical({"pool": "db"}), concurrency=3)
    assert (call.key, call.retries) == ("once", 2)
    assert [secret.pointer for secret in call.sealed] == ["/password"]


def test_a_call_without_options_has_only_the_fields_it_needs() -> None:
    """The dispatchers of the original know no extension: absent must be absent."""
    line = requests.call("web1", "ping", (), {"info": None, "key": None})

    assert json.loads(line) == {
        "harpcaller": 1,
        "host": "web1",
        "procedure": "ping",
        "arguments": [],
    }


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        (requests.cancel(JOB), Cancel(job_id=JOB)),
        (requests.get_result(JOB, wait=True), GetResult(job_id=JOB, wait=True)),
        (requests.get_result(JOB, wait=False), GetResult(job_id=JOB, wait=False)),
        (requests.get_status(JOB), GetStatus(job_id=JOB)),
        (requests.follow_stream(JOB, 7), FollowStream(job_id=JOB, since=7)),
        (requests.read_stream(JOB, since=7), ReadStream(job_id=JOB, since=7)),
        (requests.read_stream(JOB, recent=7), ReadStream(job_id=JOB, recent=7)),
    ],
)
def test_each_question_is_read_as_the_one_that_was_meant(
    line: bytes, request_: Any
) -> None:
    """The client shares no code with the dispatcher; only this keeps them together."""
    assert read(line) == request_


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_json_cannot_carry_is_refused_before_it_is_sent(value: Any) -> None:
    """The dispatcher would only answer parse_error, without naming the value."""
    with pytest.raises(ValueError, match=r"JSON|surrogates"):
        requests.call("web1", "echo", [value], {})


def test_a_single_string_is_no_list_of_arguments() -> None:
    """`call(host, procedure, "abc")` would otherwise pass "a", "b" and "c"."""
    with pytest.raises(TypeError, match="arguments"):
        requests.call("web1", "echo", "abc", {})


def test_too_deep_a_value_is_refused() -> None:
    """Recursion ends in a message, not in a traceback of the library."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(ValueError, match="deep"):
        requests.call("web1", "echo", deep, {})
