"""Executables as procedures: what they get, and what their callers hear of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from executables import call, exception, program, refusal, result, running_executables
from harp_peer import a_call, connect, converse
from harpd_process import Harpd

from protocol.harp import Acknowledged, Ended
from protocol.jsontext import MAX_DEPTH, JsonText, decode, encode
from protocol.outcome import Failed, Returned

EXIT = Returned(JsonText(b'{"exit":0}'))
REPORT = """
    import json, sys
    print(json.dumps([sys.argv[1:], sys.stdin.read()]))
"""
SPEAK = """
    import sys
    print(1)
    print('{"b":[null,1.5],"a":"x"}')
    print("text")
    print()
    sys.stdout.write("no line end")
"""
WRITE_3 = """
    import json, os, sys
    text = json.load(sys.stdin)["text"].encode()
    print("streamed", flush=True)
    while text:
        text = text[os.write(3, text):]
"""
CONFIG = f"""
[[procedure]]
name = "report"
{program(REPORT, "{a}", "--b={b}", "--c={c}", "{d}")}
result = "last-line"
arguments = [
    {{ name = "a" }},
    {{ name = "b", type = "integer", default = 7 }},
    {{ name = "c", required = false }},
    {{ name = "d", type = "list", of = "number", default = [] }},
]

[[procedure]]
name = "none"
{program(REPORT)}
result = "last-line"

[[procedure]]
name = "speak"
{program(SPEAK)}

[[procedure]]
name = "speak_last"
{program(SPEAK)}
result = "last-line"

[[procedure]]
name = "speak_3"
{program(SPEAK)}
result = "fd3"

[[procedure]]
name = "quiet"
{program(SPEAK)}
stream = false

[[procedure]]
name = "quiet_last"
{program(SPEAK)}
result = "last-line"
stream = false

[[procedure]]
name = "silent_last"
argv = ["true"]
result = "last-line"

[[procedure]]
name = "write_3"
{program(WRITE_3)}
arguments = [{{ name = "text" }}]
result = "fd3"
"""


@pytest.fixture(scope="module")
def harpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harpd]:
    """Run one worker for all tests here: each call is on its own anyway."""
    folder = tmp_path_factory.mktemp("harpd")
    with running_executables(folder, CONFIG, {"any.py": REPORT}) as worker:
        yield worker


GIVEN: list[tuple[Any, list[str], bytes]] = [
    (["x"], ["x", "--b=7"], b'{"a":"x","b":7,"d":[]}\n'),
    (
        ["x", 1, "é", [1, 0.5]],
        ["x", "--b=1", "--c=é", "1", "0.5"],
        '{"a":"x","b":1,"c":"é","d":[1,0.5]}\n'.encode(),
    ),
    ({"c": "", "a": ""}, ["", "--b=7", "--c="], b'{"a":"","b":7,"c":"","d":[]}\n'),
]


@pytest.mark.parametrize(("told", "words", "stdin"), GIVEN)
async def test_declared_arguments_are_words_and_a_document(
    harpd: Harpd, told: Any, words: list[str], stdin: bytes
) -> None:
    """An object of all values, defaults included, on one line, and then an end."""
    args, kwargs = (told, {}) if isinstance(told, list) else ([], told)

    assert await result(harpd, "report", *args, **kwargs) == [words, stdin.decode()]


async def test_who_declares_none_gets_an_empty_object(harpd: Harpd) -> None:
    """And any argument is one too many."""
    assert await result(harpd, "none") == [[], "{}\n"]
    assert await refusal(harpd, "none", 1) == (
        "invalid_argument_list",
        "1 arguments given, expected at most 0",
    )


async def test_a_file_of_the_folder_gets_what_the_caller_gave(harpd: Harpd) -> None:
    """A list stays a list and an object an object; no argument becomes a word."""
    packets, outcome = await call(harpd, "any", "--x", 10**30, [None])
    named, _ = await call(harpd, "any", b="é", a={})

    assert packets == [[[], '["--x",1000000000000000000000000000000,[null]]\n']]
    assert named == [[[], '{"b":"é","a":{}}\n']]
    assert outcome == EXIT


SPOKEN = [1, {"b": [None, 1.5], "a": "x"}, "text", "", "no line end"]


async def test_each_line_is_a_packet(harpd: Harpd) -> None:
    """The last one too where the result is the exit status, line end or not."""
    assert await call(harpd, "speak") == (SPOKEN, EXIT)


async def test_the_last_line_is_the_result(harpd: Harpd) -> None:
    """Null if there was none."""
    packets, outcome = await call(harpd, "speak_last")

    assert packets == SPOKEN[:-1]
    assert outcome == Returned(JsonText(b'"no line end"'))
    assert await call(harpd, "silent_last") == ([], Returned(JsonText(b"null")))


async def test_what_does_not_stream_says_so_and_does_not(harpd: Harpd) -> None:
    """A dispatcher learns it before anything else."""
    async with connect(harpd.path) as stream:
        events = await converse(stream, a_call("quiet"))

    assert events[0] == Acknowledged(False)
    assert await call(harpd, "quiet") == ([], EXIT)
    assert await call(harpd, "quiet_last") == ([], Returned(JsonText(b'"no line end"')))


DEEP = "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
LARGE = encode({"text": "é" * 300_000, "list": [1.5, 10**30]}).decode()


@pytest.mark.parametrize(
    "text", ['{"a": [1,\n 2]}', " null\n", '"x"', "1" * 4300, DEEP, LARGE]
)
async def test_a_document_on_descriptor_3_is_the_result(
    harpd: Harpd, text: str
) -> None:
    """However it is written, it is one line of the wire; lines are still packets."""
    packets, outcome = await call(harpd, "write_3", text)

    assert packets == ["streamed"]
    assert isinstance(outcome, Returned)
    assert decode(outcome.value) == decode(text.encode())
    assert outcome.value.splitlines() == [outcome.value]


@pytest.mark.parametrize("text", ["", "nothing", "1 2", "{}\n{}", f"[{DEEP}]", "NaN"])
async def test_another_text_there_is_an_exception(harpd: Harpd, text: str) -> None:
    """The program exited with 0, but a result it has not."""
    type_, message, _ = await exception(harpd, "write_3", text)

    assert type_ == "ValueError"
    assert message.startswith("the procedure wrote no JSON to descriptor 3: ")


async def test_who_forgets_descriptor_3_is_told(harpd: Harpd) -> None:
    """Null would look like a result."""
    packets, _ = await call(harpd, "speak_3")
    type_, _, _ = await exception(harpd, "speak_3")

    assert packets == SPOKEN
    assert type_ == "ValueError"


async def test_wrong_arguments_are_refused_before_anything_runs(harpd: Harpd) -> None:
    """There is not even an acknowledgement."""
    async with connect(harpd.path) as stream:
        events = await converse(stream, a_call("report", z=1))

    [event] = events
    assert isinstance(event, Ended)
    assert isinstance(event.outcome, Failed)
    assert event.outcome.type == "invalid_argument_list"
    assert event.outcome.message == 'unknown argument "z"'
