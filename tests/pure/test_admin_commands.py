"""What an administrator's line may say."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indira.commands import (
    Arguments,
    Command,
    CommandTable,
    Kind,
    Parameter,
    Reply,
    reply_line,
)
from protocol.errors import WireError
from protocol.jsontext import JsonText


async def _nothing(_: Arguments) -> Reply:
    return {"result": "ok"}


TABLE = CommandTable(
    [
        Command(
            name="status",
            help="Tell.",
            run=_nothing,
            parameters=(
                Parameter(name="wait", kind=Kind.FLAG, help="", default=False),
                Parameter(name="limit", kind=Kind.COUNT, help=""),
                Parameter(name="age", kind=Kind.SECONDS, help=""),
                Parameter(name="after", kind=Kind.TEXT, help=""),
                Parameter(name="queue", kind=Kind.OBJECT, help=""),
            ),
        ),
        Command(
            name="job_info",
            help="Tell more.",
            run=_nothing,
            parameters=(
                Parameter(name="job", kind=Kind.TEXT, help="", is_required=True),
            ),
        ),
    ]
)


def test_every_kind_of_argument_arrives_as_it_was_sent() -> None:
    """A command never looks at JSON itself."""
    line = (
        b'{"command":"status","wait":true,"limit":3,"age":1.5,"after":"x","queue":{}}'
    )

    command, arguments = TABLE.parse(line)

    assert command.name == "status"
    assert arguments.flag("wait") is True
    assert arguments.count("limit") == 3
    assert arguments.seconds("age") == 1.5
    assert arguments.text("after") == "x"
    assert arguments.object("queue") == {}


@pytest.mark.parametrize(
    "line",
    [
        b'{"command":"status"}',
        b'{"command":"status","wait":null,"limit":null,"age":null,'
        b'"after":null,"queue":null}',
    ],
)
def test_what_is_left_out_or_null_has_its_default(line: bytes) -> None:
    """Null for an optional field means absent, as in the client protocol."""
    _, arguments = TABLE.parse(line)

    assert arguments.flag("wait") is False
    assert arguments.count("limit") is None
    assert arguments.seconds("age") is None
    assert arguments.text("after") is None
    assert arguments.object("queue") is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "at byte 0"),
        (b"status", "at byte 0"),
        (b"[]", 'like {"command":"help"}'),
        (b"{}", 'field "command": expected a string'),
        (b'{"command":7}', 'field "command": expected a string'),
        (b'{"command":"statsu"}', 'did you mean "status"?'),
        (b'{"command":"qqqqqq"}', '"help" lists them'),
        (b'{"command":"status","wiat":true}', 'did you mean "wait"?'),
        (b'{"command":"status","wait":1}', "expected true or false"),
        (b'{"command":"status","limit":true}', "expected an integer"),
        (b'{"command":"status","limit":-1}', "expected an integer of at least 0"),
        (b'{"command":"status","age":0}', "expected a number of seconds"),
        (b'{"command":"status","after":1}', "expected a string"),
        (b'{"command":"status","queue":[]}', "expected an object"),
        (b'{"command":"job_info"}', 'field "job": expected a string'),
        (b'{"command":"job_info","job":null}', 'field "job": expected a string'),
        (b'{"command":"job_info","job":["x"]}', 'field "job": expected a string'),
    ],
)
def test_a_bad_line_is_told_what_is_wrong_with_it(line: bytes, words: str) -> None:
    """Whoever types by hand has to see what to mend."""
    with pytest.raises(WireError) as refused:
        TABLE.parse(line)

    assert words in refused.value.message


@given(st.binary(max_size=200))
def test_any_bytes_are_a_command_or_a_wire_error(line: bytes) -> None:
    """Garbage must never reach the daemon as an exception of ours."""
    with suppress(WireError):
        TABLE.parse(line)


def test_a_reply_keeps_text_that_is_json_already() -> None:
    """Values that we only pass on are not parsed to be written again."""
    reply = {"result": "ok", "jobs": JsonText(b'[1e5,"x"]'), "after": None}

    assert reply_line(reply) == b'{"result":"ok","jobs":[1e5,"x"],"after":null}\n'
