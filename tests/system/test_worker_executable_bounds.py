"""What an executable may take: time, output, places; and how its caller hears of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from eventually import eventually, is_alive
from executables import call, exception, program, refusal, running_executables
from harp_peer import a_call, connect
from harpd_process import Harpd

from protocol.jsontext import JsonText, decode
from protocol.outcome import Outcome, Returned

MOST = 300_000  # the longest line
MOST_SAID = 1000
EXIT = Returned(JsonText(b'{"exit":0}'))
WRITE = """
    import json, os, sys
    asked = json.load(sys.stdin)
    text = (asked["text"] * asked["times"]).encode()
    while text:
        text = text[os.write(asked["fd"], text):]
"""
NEVER = """
    import os, sys, time
    print("begun", flush=True)
    os.write(2, b"waiting")
    text = b"x" * 2**20
    while True:
        os.write(FD, text)
"""
SLEEP = """
    import os, signal
    print(os.getpid(), flush=True)
    os.write(2, b"waiting")
    signal.pause()
"""
HOLD = """
    import json, os, sys, time
    file = json.load(sys.stdin)["file"]
    print(os.getpid(), flush=True)
    while not os.path.exists(file):
        time.sleep(0.01)
"""
WRITE_ARGUMENTS = """
arguments = [
    { name = "fd", type = "integer" },
    { name = "text" },
    { name = "times", type = "integer", default = 1 },
]
"""
CONFIG = f"""
max_worker_line_bytes = {MOST}

[[procedure]]
name = "write"
{program(WRITE)}
{WRITE_ARGUMENTS}

[[procedure]]
name = "write_last"
{program(WRITE)}
{WRITE_ARGUMENTS}
result = "last-line"

[[procedure]]
name = "write_3"
{program(WRITE)}
{WRITE_ARGUMENTS}
result = "fd3"

[[procedure]]
name = "few"
{program(WRITE)}
{WRITE_ARGUMENTS}
limits = {{ max_output_bytes = {MOST_SAID} }}

[[procedure]]
name = "few_last"
{program(WRITE)}
{WRITE_ARGUMENTS}
result = "last-line"
stream = false
limits = {{ max_output_bytes = {MOST_SAID} }}

[[procedure]]
name = "few_3"
{program(WRITE)}
{WRITE_ARGUMENTS}
result = "fd3"
limits = {{ max_output_bytes = {MOST_SAID} }}

[[procedure]]
name = "few_quiet"
{program(WRITE)}
{WRITE_ARGUMENTS}
stream = false
limits = {{ max_output_bytes = 0 }}

[[procedure]]
name = "never_1"
{program(NEVER.replace("FD", "1"))}

[[procedure]]
name = "never_3"
{program(NEVER.replace("FD", "3"))}
result = "fd3"

[[procedure]]
name = "sleep"
{program(SLEEP)}
limits = {{ timeout_s = 0.5 }}

[[procedure]]
name = "hold"
{program(HOLD)}
arguments = [{{ name = "file" }}]
limits = {{ max_calls = 1, max_waiting = 1 }}
"""


@pytest.fixture(scope="module")
def harpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harpd]:
    """Run one worker for all tests here."""
    with running_executables(tmp_path_factory.mktemp("harpd"), CONFIG) as worker:
        yield worker


async def test_a_timeout_ends_the_program(harpd: Harpd) -> None:
    """Its caller hears of the limit and of the last words, and nothing is left."""
    packets, _ = await call(harpd, "sleep")
    raised = await exception(harpd, "sleep")

    assert raised == (
        "TimeoutError",
        "the procedure ran longer than its limit of 0.5 s",
        {"timeout": 0.5, "stderr": ["waiting"]},
    )
    [pid] = packets
    assert not is_alive(pid)


LONG_LINES: list[tuple[str, dict[str, Any]]] = [
    ("write", {"fd": 1, "text": "x", "times": MOST + 1}),
    ("write", {"fd": 1, "text": "1", "times": MOST - len('{"stream":}')}),
    ("write", {"fd": 1, "text": "\x01", "times": MOST // 6}),
    ("write_last", {"fd": 1, "text": "\x01", "times": MOST // 6}),
    ("write_last", {"fd": 1, "text": "x", "times": MOST - 10}),
    ("write_3", {"fd": 3, "text": "7", "times": MOST + 1}),
    ("write_3", {"fd": 3, "text": " ", "times": MOST + 1}),
    ("never_1", {}),
    ("never_3", {}),
]


@pytest.mark.parametrize(("name", "arguments"), LONG_LINES)
async def test_a_line_that_no_dispatcher_takes_is_an_exception(
    harpd: Harpd, name: str, arguments: dict[str, Any]
) -> None:
    """Neither a packet nor a result may be longer, and who never ends is ended."""
    with trio.fail_after(20):
        _, outcome = await call(harpd, name, **arguments)

    assert getattr(outcome, "type", None) == "ValueError"
    assert getattr(outcome, "message", None) == (
        f"the procedure wrote a line of more than {MOST} bytes"
    )


FITTING: list[tuple[str, int, int]] = [
    ("write", 1, len('{"stream":""}\n')),
    ("write_last", 1, len('{"result":""}\n')),
]


@pytest.mark.parametrize(("name", "fd", "frame"), FITTING)
async def test_a_line_may_be_as_long_as_a_dispatcher_takes(
    harpd: Harpd, name: str, fd: int, frame: int
) -> None:
    """With what is around it on the wire."""
    length = MOST - frame

    packets, outcome = await call(harpd, name, fd=fd, text="x", times=length)

    assert isinstance(outcome, Returned)
    assert (packets or [decode(outcome.value)]) == ["x" * length]


@pytest.mark.parametrize(
    ("name", "fd", "text", "times"),
    [
        ("few", 1, "123456789\n", MOST_SAID // len('{"stream":123456789}\n')),
        ("few_last", 1, "x" * (MOST_SAID - 14), 1),
        ("few_3", 3, '["' + "x" * (MOST_SAID - 16) + '"]', 1),
        ("few_quiet", 1, "123456789\n", 1000),
    ],
)
async def test_what_is_told_within_the_limit_is_told(
    harpd: Harpd, name: str, fd: int, text: str, times: int
) -> None:
    """What nobody hears does not count, nor does the object of an exit status."""
    _, outcome = await call(harpd, name, fd=fd, text=text, times=times)

    assert isinstance(outcome, Returned)


@pytest.mark.parametrize(
    ("name", "fd", "text", "times"),
    [
        ("few", 1, "123456789\n", 1000),
        ("few", 1, "x" * MOST_SAID, 1),
        ("few_last", 1, "x" * MOST_SAID, 1),
        ("few_3", 3, '["' + "x" * MOST_SAID + '"]', 1),
    ],
)
async def test_who_says_more_than_his_limit_is_ended(
    harpd: Harpd, name: str, fd: int, text: str, times: int
) -> None:
    """A result counts as packets do."""
    packets, outcome = await call(harpd, name, fd=fd, text=text, times=times)

    assert getattr(outcome, "type", None) == "OutputTooLarge"
    assert getattr(outcome, "data", None) == b'{"limit":{"max_output_bytes":1000}}'
    assert sum(len(f'{{"stream":{json.dumps(one)}}}\n') for one in packets) <= MOST_SAID


async def test_one_runs_one_waits_and_the_next_is_told_busy(
    harpd: Harpd, tmp_path: Path
) -> None:
    """So that a slow procedure neither fills the machine nor hides that it is slow."""
    file, ends = tmp_path / "go", list[tuple[list[Any], Outcome]]()

    async def hold() -> None:
        ends.append(await call(harpd, "hold", str(file)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hold)
        await eventually(lambda: states(harpd) == ["running"])
        nursery.start_soon(hold)
        await eventually(lambda: states(harpd) == ["running", "waiting"])

        busy = await refusal(harpd, "hold", str(file))
        others = await call(harpd, "write", fd=1, text="x")
        file.touch()

    assert busy == ("busy", "1 calls of this procedure run and 1 wait: no more may")
    assert others == (["x"], EXIT)
    assert [outcome for _, outcome in ends] == [EXIT, EXIT]
    assert ends[0][0] != ends[1][0]


async def test_a_caller_that_goes_frees_its_place(harpd: Harpd, tmp_path: Path) -> None:
    """Its program is ended; who waited runs."""
    file = tmp_path / "go"
    async with connect(harpd.path) as stream:
        await stream.send_all(a_call("hold", str(tmp_path / "never")))
        await eventually(lambda: states(harpd) == ["running"])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call, harpd, "hold", str(file))
        await eventually(lambda: states(harpd) == ["running"])
        file.touch()

    assert states(harpd) == []


def states(worker: Harpd) -> list[str]:
    """Return the states of the calls that the worker knows of, oldest first."""
    lines = worker.verb("calls").stdout.splitlines()
    return [json.loads(line)["state"] for line in lines]
