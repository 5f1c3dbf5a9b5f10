"""How attempts end, what users are told of it, and when one is made again."""

from __future__ import annotations

from typing import Any

import pytest
from harmony_corpus import corpus_json

from harpcaller.adapters.harmony.endings import (
    Again,
    Broken,
    Category,
    Empty,
    Succeeded,
    read_ending,
)
from harpcaller.adapters.harmony.tries import Tries
from protocol.jsontext import encode
from protocol.outcome import Cancelled, Failed, Outcome, Raised, Returned

IMAGE = "test/copy"
UNKNOWN = "copy: Service request failed with an unknown error"
ABSENT = "copy: The service is not available"


def ending(outcome: Outcome, *, is_command: bool = True) -> Any:
    """Return how an attempt ended."""
    return read_ending(outcome, IMAGE, is_command=is_command)


def returned(value: Any) -> Returned:
    """Return the outcome of a procedure."""
    return Returned(encode(value))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "server",
            Broken(
                category=Category.SERVER,
                text="copy: The data server answered 503",
                again=Again.FAILED,
            ),
        ),
        (
            "noretry",
            Broken(
                category=Category.NO_RETRY,
                text="copy: The projection is not possible here",
                again=Again.NEVER,
            ),
        ),
        ("nodata", Empty("copy: No data found to process")),
        (
            "killed",
            Broken(
                category=Category.UNKNOWN,
                text="copy: Service failed, possibly out of memory",
                again=Again.FAILED,
            ),
        ),
    ],
)
def test_a_container_tells_by_its_error(name: str, expected: Any) -> None:
    """Its categories are the library's."""
    result = corpus_json(f"own/outcomes/{name}.json")["result"]

    assert ending(returned(result)) == expected


@pytest.mark.parametrize(
    ("result", "text", "again"),
    [
        ({"exit": 2}, ABSENT, Again.NEVER),
        ({"exit": 3}, UNKNOWN, Again.FAILED),
        ({"exit": None, "signal": 15}, UNKNOWN, Again.FAILED),
        (None, UNKNOWN, Again.FAILED),
        ({"exit": 1, "error": {}}, UNKNOWN, Again.FAILED),
        (
            {"exit": 1, "error": {"error": "x", "category": "Forbidden"}},
            "copy: x",
            Again.NEVER,
        ),
        (
            {"exit": 1, "error": {"error": "x", "category": "New"}},
            "copy: x",
            Again.FAILED,
        ),
        (
            {"exit": 1, "error": {"error": "No https://h/a?sig=1 there?"}},
            "copy: No https://h/a there?",
            Again.FAILED,
        ),
    ],
)
def test_a_container_may_leave_no_error(result: Any, text: str, again: Again) -> None:
    """Queries of links are cut: they may be presigned."""
    ended = ending(returned(result))

    assert (ended.text, ended.again) == (text, again)


@pytest.mark.parametrize("word", ["a", "a://", "S3://h/a? "])
def test_a_long_text_is_read_once(word: str) -> None:
    """Anything but one pass takes hours here: a worker could stop the dispatcher."""
    told = word * 200_000

    ended = ending(Raised(type="Server", message=told))

    assert ended.text == f"copy: {told.replace('?', '')}"


@pytest.mark.parametrize(
    ("kind", "text", "again"),
    [
        ("timeout", "Request timed out", Again.TIMED_OUT),
        ("missing_result", UNKNOWN, Again.LOST),
        ("network_error", UNKNOWN, Again.FAILED),
        ("os_error", UNKNOWN, Again.FAILED),
        ("overloaded", UNKNOWN, Again.FAILED),
        ("busy", UNKNOWN, Again.FAILED),
        ("no_such_procedure", ABSENT, Again.NEVER),
        ("auth_error", ABSENT, Again.NEVER),
        ("unknown_host", ABSENT, Again.NEVER),
        ("protocol_error", ABSENT, Again.NEVER),
        ("invalid_argument_list", ABSENT, Again.NEVER),
        ("forbidden", ABSENT, Again.NEVER),
        ("unauthorized", ABSENT, Again.NEVER),
        ("invalid_request", ABSENT, Again.NEVER),
        ("too_large", ABSENT, Again.NEVER),
    ],
)
def test_a_call_may_fail(kind: str, text: str, again: Again) -> None:
    """What the operator has to set right is not tried again."""
    ended = ending(Failed(type=kind, message="not for users"))

    assert (ended.text, ended.again) == (text, again)


def test_a_procedure_may_return_or_raise() -> None:
    """One that knows nothing of Harmony."""
    assert ending(returned("s3://b/x"), is_command=False) == Succeeded("s3://b/x")
    assert ending(returned({"exit": 0})) == Succeeded({"exit": 0})
    raised = ending(Raised(type="ValueError", message="bad\nTraceback"))
    assert (raised.text, raised.again) == ("copy: bad", Again.FAILED)
    assert ending(Raised(type="E", message="")).text == UNKNOWN


def test_what_the_operator_cancelled_stays_cancelled() -> None:
    """The others go on."""
    assert ending(Cancelled()) == Broken(
        category=Category.CANCELED,
        text="copy: cancelled by the operator",
        again=Again.NEVER,
    )


# ── tries ──
def waits(again: Again, retry_limit: int = 5) -> list[float | None]:
    """Return the waits between attempts that all end so, until there is none."""
    tries, found = Tries(), list[float | None]()
    while not found or found[-1] is not None:
        tries = tries.count(again)
        found.append(tries.wait_s(again, retry_limit))
    assert tries.attempts == len(found)
    return found


def test_each_way_to_fail_has_a_limit_of_its_own() -> None:
    """H-19, H-22: what the dispatcher lost is not the service's fault."""
    assert waits(Again.FAILED) == [2.5, 5, 10, 20, 40, None]
    assert waits(Again.FAILED, 7)[5:] == [80, 90, None]
    assert waits(Again.FAILED, 0) == [None]
    assert waits(Again.LOST) == [0, 0, 0, None]
    assert waits(Again.TIMED_OUT) == [0, None]
    assert waits(Again.NEVER) == [None]
