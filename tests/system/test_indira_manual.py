"""indira(7) says what the daemons take and answer on their admin sockets."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Set
from pathlib import Path
from typing import Any

import protocol_page
from admin_desk import desk_of
from dev_daemon import dev_daemon
from harpd_process import running_harpd
from manual import MAN, lint, needs_mandoc, section_of
from transcript import Memory, play

from harpcaller.store.memory import MemoryStore
from indira import server
from indira.client import AdminClient
from indira.commands import Kind

PAGE = MAN / "indira.7"
PROBE = (b'{"command":"resume_queue","queue":{}}\n', b'{"result":"ok"}\n')
SLEEP = {
    "harpcaller": 1,
    "host": "localhost",
    "procedure": "sleep",
    "arguments": [60],
}
SOON_S = 20


def test_every_example_of_the_page_is_true(tmp_path: Path) -> None:
    """People copy examples; one of them ends the job that runs from the beginning."""
    played = 0

    with dev_daemon(tmp_path) as address:
        memory: Memory = {"JOB": begun_job(address)}
        for example in protocol_page.examples(PAGE):
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(SOON_S)
            client.connect(str(tmp_path / "admin"))
            play(example, client, memory, PROBE)
            played += 1

    assert played == protocol_page.literal_blocks(PAGE) == 7


def begun_job(address: tuple[str, int]) -> str:
    """Return the ID of a job that runs for a while."""
    with socket.create_connection(address, SOON_S) as client:
        client.sendall(json.dumps(SLEEP).encode() + b"\n")
        return str(json.loads(client.makefile("rb").readline())["job_id"])


async def test_the_page_has_what_harpcallerd_may_be_asked() -> None:
    """Each command, and each field that it takes."""
    async with desk_of(MemoryStore()) as desk:
        reply = await desk.ask("help")

    assert told("COMMANDS OF HARPCALLERD") == taken(reply)


def test_the_page_has_what_harpd_may_be_asked(tmp_path: Path) -> None:
    """A worker takes fewer commands, in the same way."""
    with (
        running_harpd(tmp_path, "") as harpd,
        AdminClient(harpd.admin, timeout_s=SOON_S) as client,
    ):
        reply = client.send("help")

    assert told("COMMANDS OF HARPD") == taken(reply)


def taken(reply: dict[str, Any]) -> dict[str, Set[str]]:
    """Return the commands that a daemon lists, each with its fields."""
    return {
        command["name"]: {parameter["name"] for parameter in command["parameters"]}
        for command in reply["commands"]
    }


def told(section: str) -> dict[str, Set[str]]:
    """Return the commands that a section of the page has, each with its fields."""
    items = re.split(r"^\.It Cm ", section_of(PAGE, section), flags=re.MULTILINE)[1:]
    return {
        item.split()[0]: set(re.findall(r"^\.Ar (\w+)", item, re.MULTILINE))
        for item in items
    }


def test_the_limits_on_the_page_are_those_in_force() -> None:
    """Whoever writes a client counts on them."""
    limits = section_of(PAGE, "Limits")

    assert f"at most {server.MAX_LINE_BYTES} bytes" in limits
    assert f"at most {server.MAX_CONNECTIONS} connections" in limits
    assert f"nothing for {server.IDLE_S:.0f} seconds" in limits
    assert f"a reply for {server.SEND_S:.0f} seconds" in limits


def test_the_page_has_every_kind_of_field() -> None:
    """As help and complaints name them."""
    words = section_of(PAGE, "A COMMAND")

    assert [kind for kind in Kind if f".Em {kind.value}" not in words] == []


@needs_mandoc
def test_the_page_is_clean() -> None:
    """What mandoc warns of looks wrong on somebody's terminal."""
    assert lint(PAGE) == ""
