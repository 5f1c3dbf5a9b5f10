"""What a host offers: to a dispatcher's clients, to its administrator, by user."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from daemon_process import running_daemon
from harp_command import run_harp
from harp_peer import a_harp_call, connect, outcome_of
from harpd_process import Harpd, running_harpd

from protocol.harp import HarpCall, request
from protocol.job import JobId
from protocol.jsontext import decode
from protocol.outcome import Failed, Outcome, Returned

PROCEDURES = '''
    from collections.abc import Iterator
    from harpcaller.worker import Info, procedure, streaming_procedure

    @streaming_procedure
    def lines(path: str, most: int = 10) -> Iterator[str]:
        """Stream the last lines of a file.

        And so on.
        """
        yield "line"

    @procedure(info=True)
    def who(greeting="hello", *, info: Info):
        return [greeting, info.user, info.job_id, info.peer]

    @procedure(info=True)
    def first(info, **others):
        return [info.user, others]
'''
CONFIG = """
[users]
user = "pass"
guest = "guest"

[allow]
guest = ["who", "re*"]

[[procedure]]
name = "resize"
description = "Resize an image."
argv = ["/usr/bin/env", "{file}", "{size}", "{mode}", "{more}"]
stream = false
arguments = [
  {name = "file", type = "path", root = "/srv"},
  {name = "size", type = "integer", default = 100},
  {name = "mode", type = "choice", choices = ["fit", "fill"]},
  {name = "more", type = "list", of = "string", required = false},
]

[[procedure]]
name = "environment"
argv = ["/usr/bin/env"]
"""
LINES = {
    "name": "lines",
    "signature": "(path: str, most: int = 10) -> collections.abc.Iterator[str]",
    "streams": True,
    "doc": "Stream the last lines of a file.\n\nAnd so on.",
}
RESIZE = {
    "name": "resize",
    "signature": '(file: path, size: integer = 100, mode: "fit" | "fill", '
    "more: list[string] = null)",
    "streams": False,
    "doc": "Resize an image.",
}
WHO = {
    "name": "who",
    "signature": "(greeting='hello')",
    "streams": False,
    "doc": "",
}
JOB = JobId("3f1c3a52-0d6e-4ad2-9bd1-5a7a2f0b8d11")
OWN_DESCRIBE = """
    from harpcaller.worker import procedure

    @procedure
    def describe(value):
        return value
"""


@pytest.fixture(scope="module")
def harpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harpd]:
    """Run a worker with two users, that speaks the extension."""
    directory = tmp_path_factory.mktemp("harpd")
    (directory / "harpd.toml").write_text(CONFIG)
    options = ("--config", str(directory / "harpd.toml"), "--harp2")
    with running_harpd(directory, PROCEDURES, *options) as worker:
        yield worker


async def outcome(worker: Harpd, call: HarpCall) -> Outcome:
    """Return how one call ends."""
    async with connect(worker.path) as stream:
        return await outcome_of(stream, request(call))


async def value(worker: Harpd, call: HarpCall) -> Any:
    """Return what one call returns."""
    ended = await outcome(worker, call)
    assert isinstance(ended, Returned), ended
    return decode(ended.value)


async def test_a_user_is_told_what_he_may_call(harpd: Harpd) -> None:
    """Each with what may be given, whether it streams, and what it does."""
    call = a_harp_call("describe")
    guests = attrs.evolve(call, user="guest", password="guest")  # noqa: S106 (a test's)

    everything = await value(harpd, call)
    assert await value(harpd, guests) == [RESIZE, WHO]

    names = [row["name"] for row in everything]
    assert names == ["environment", "first", "lines", "resize", "who"]
    assert everything[0]["signature"] == "()"
    assert everything[2:] == [LINES, RESIZE, WHO]


async def test_describe_takes_nothing_and_asks_who_calls(harpd: Harpd) -> None:
    """As every other procedure."""
    wrong = attrs.evolve(a_harp_call("describe"), password="wrong")  # noqa: S106 (so)

    ended = [await outcome(harpd, call) for call in (a_harp_call("describe", 1), wrong)]

    assert [type(one) for one in ended] == [Failed, Failed]
    assert isinstance(ended[0], Failed)
    assert isinstance(ended[1], Failed)
    assert ended[0].type == "invalid_argument_list"
    assert ended[1].type == "auth_error"


def test_the_administrator_sees_all_of_it(harpd: Harpd) -> None:
    """A line each, for scripts."""
    done = harpd.verb("procedures")

    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert rows[2:] == [LINES, RESIZE, WHO]


async def test_an_operators_own_describe_is_called_instead(tmp_path: Path) -> None:
    """Nothing that was served before may change its meaning."""
    own = (
        "from harpcaller.worker import procedure\n@procedure\ndef describe(x): return x"
    )

    with running_harpd(tmp_path, own) as worker:
        assert await value(worker, a_harp_call("describe", 7)) == 7


async def test_a_procedure_is_told_who_calls(harpd: Harpd) -> None:
    """Where it asked for it; its other arguments bind as ever."""
    call = attrs.evolve(a_harp_call("who"), job_id=JOB)
    named = attrs.evolve(a_harp_call("who", greeting="hi"), user="guest")
    named = attrs.evolve(named, password="guest")  # noqa: S106 (a test's)

    assert await value(harpd, call) == ["hello", "user", JOB, "unix"]
    assert await value(harpd, named) == ["hi", "guest", None, "unix"]
    assert await value(harpd, a_harp_call("first", a=1)) == ["user", {"a": 1}]


@pytest.mark.parametrize("procedure", ["who", "first"])
async def test_no_caller_says_who_he_is(harpd: Harpd, procedure: str) -> None:
    """A procedure may decide by it what it does."""
    forged = a_harp_call(procedure, info={"user": "root"})

    ended = await outcome(harpd, forged)

    assert isinstance(ended, Failed)
    assert ended.type == "invalid_argument_list"


async def test_an_executable_is_told_who_calls(harpd: Harpd) -> None:
    """In its environment, where a name cannot end before its end."""
    call = attrs.evolve(a_harp_call("environment"), job_id=JOB)
    async with connect(harpd.path) as stream:
        await stream.send_all(request(call))
        said = b""
        while b'"result"' not in said:
            said += await stream.receive_some(65536)

    packets = [decode(line) for line in said.splitlines()]
    variables = {
        str(packet["stream"])
        for packet in packets
        if isinstance(packet, dict) and "stream" in packet
    }
    assert {"HARP_USER=user", f"HARP_JOB_ID={JOB}", "HARP_PEER=unix"} <= variables


def test_harp_lists_what_a_host_offers(harpd: Harpd, tmp_path: Path) -> None:
    """For people a line each, for scripts an object."""
    host = {"unix": str(harpd.path), "user": "guest", "password": "guest"}
    with running_daemon(tmp_path, hosts={"web1": host}) as daemon:
        at = ("--server", f"127.0.0.1:{daemon.port}")
        people = run_harp(*at, "procedures", "web1")
        scripts = run_harp(*at, "--json", "procedures", "web1")
        unknown = run_harp(*at, "procedures", "web2")

    signature = f"resize{RESIZE['signature']}"
    assert people.stdout.splitlines() == [
        f"{signature} Resize an image.",
        "who(greeting='hello')",
    ]
    assert [json.loads(line) for line in scripts.stdout.splitlines()] == [RESIZE, WHO]
    assert people.returncode == scripts.returncode == 0
    assert unknown.returncode == 3
    assert "unknown_host" in unknown.stderr
