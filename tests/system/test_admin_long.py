"""Long commands tell how far they are, and end with their client or go on."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest
import trio
from strangers import interpreter, needs_strangers

from indira.client import AdminClient
from indira.commands import Arguments, Command, CommandTable, Long, Reply, Tell
from indira.peers import Allowed
from indira.server import listening, serve

COUNT = b'{"command":"count"}\n'
GO_ON = b'{"command":"go_on"}\n'
NOBODY = 65534
GROUP = 54321  # nobody's own
SOON_S = 10


@attrs.define
class Counter:
    """Counts to three while it is let, and notes how that ended."""

    release: trio.Event = attrs.field(factory=trio.Event)
    ends: list[str] = attrs.field(factory=list)
    ended: trio.Event = attrs.field(factory=trio.Event)

    async def count(self, _: Arguments, tell: Tell) -> Reply:
        """Tell two numbers, wait, tell one more."""
        try:
            await tell({"counted": 1})
            await tell({"counted": 2})
            await self.release.wait()
            await tell({"counted": 3})
        except BaseException:
            self.ends.append("cancelled")
            raise
        else:
            self.ends.append("done")
        finally:
            self.ended.set()
        return {"result": "ok", "counted": 3}

    def table(self) -> CommandTable:
        """Return the same command in its two kinds."""
        return CommandTable(
            [
                Command(name="count", help="Count.", run=Long(run=self.count)),
                Command(
                    name="go_on",
                    help="Count, whoever listens.",
                    run=Long(run=self.count, outlives_client=True),
                ),
            ]
        )


@asynccontextmanager
async def serving(path: Path, group: int | None = None) -> AsyncIterator[Counter]:
    """Serve a counter on `path` while the block runs, for `group` or for whoever."""
    counter = Counter()
    allowed = None if group is None else Allowed(gids={group})
    async with listening(path, group) as listener, trio.open_nursery() as nursery:
        await nursery.start(serve, listener, counter.table(), allowed)
        yield counter
        nursery.cancel_scope.cancel()


async def lines_of(stream: trio.SocketStream, count: int) -> list[Any]:
    """Return the next `count` lines."""
    text = b""
    with trio.fail_after(SOON_S):
        while text.count(b"\n") < count:
            text += await stream.receive_some()
    return [orjson.loads(line) for line in text.splitlines()]


async def test_progress_comes_before_the_reply(tmp_path: Path) -> None:
    """Whoever waits for minutes sees that something happens."""
    async with (
        serving(tmp_path / "admin") as counter,
        await trio.open_unix_socket(tmp_path / "admin") as stream,
    ):
        await stream.send_all(COUNT)
        first = await lines_of(stream, 2)
        counter.release.set()
        last = await lines_of(stream, 2)

    assert first == [{"progress": {"counted": 1}}, {"progress": {"counted": 2}}]
    assert last == [{"progress": {"counted": 3}}, {"result": "ok", "counted": 3}]


async def test_help_tells_which_commands_are_long(tmp_path: Path) -> None:
    """A program has to know that lines may come which are no reply."""
    async with (
        serving(tmp_path / "admin"),
        await trio.open_unix_socket(tmp_path / "admin") as stream,
    ):
        await stream.send_all(b'{"command":"help"}\n')
        [reply] = await lines_of(stream, 1)

    told = {command["name"]: command["progress"] for command in reply["commands"]}
    assert told == {"count": True, "go_on": True, "help": False}


async def test_the_blocking_client_hears_progress(tmp_path: Path) -> None:
    """Its time limit is on each silence, so that a long command needs no long one."""
    heard: list[dict[str, Any]] = []
    path = tmp_path / "admin"
    async with serving(path) as counter:
        counter.release.set()
        with AdminClient(path, timeout_s=SOON_S, hear=heard.append) as client:
            reply = await trio.to_thread.run_sync(client.send, "count")

    assert [progress["counted"] for progress in heard] == [1, 2, 3]
    assert reply == {"result": "ok", "counted": 3}


async def test_a_client_that_goes_away_ends_its_command(tmp_path: Path) -> None:
    """Nobody wants the rest; it must not go on unseen."""
    async with (
        serving(tmp_path / "admin") as counter,
        await trio.open_unix_socket(tmp_path / "admin") as stream,
    ):
        await stream.send_all(COUNT)
        await lines_of(stream, 2)
        await stream.aclose()
        with trio.fail_after(SOON_S):
            await counter.ended.wait()

    assert counter.ends == ["cancelled"]


@pytest.mark.parametrize("said", [COUNT, GO_ON])
async def test_half_a_close_is_no_going_away(said: bytes, tmp_path: Path) -> None:
    """`echo … | nc -N` closes its half first, and still wants the answer."""
    async with (
        serving(tmp_path / "admin") as counter,
        await trio.open_unix_socket(tmp_path / "admin") as stream,
    ):
        await stream.send_all(said)
        await stream.send_eof()
        await trio.sleep(1.2)  # longer than it takes to notice one who has gone
        counter.release.set()
        told = await lines_of(stream, 4)

    assert told[-1] == {"result": "ok", "counted": 3}


async def test_a_command_may_outlive_its_client(tmp_path: Path) -> None:
    """What was begun for the daemon's sake is done to its end."""
    async with (
        serving(tmp_path / "admin") as counter,
        await trio.open_unix_socket(tmp_path / "admin") as stream,
    ):
        await stream.send_all(GO_ON)
        await lines_of(stream, 2)
        await stream.aclose()
        await trio.sleep(1.2)
        counter.release.set()
        with trio.fail_after(SOON_S):
            await counter.ended.wait()

    assert counter.ends == ["done"]


@needs_strangers
async def test_the_socket_is_the_groups_that_was_named(tmp_path: Path) -> None:
    """Operators administer without being root."""
    async with serving(tmp_path / "admin", GROUP):
        found = (tmp_path / "admin").stat()

    assert (found.st_gid, found.st_mode & 0o777) == (GROUP, 0o660)


async def test_a_group_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    """Else the socket would silently be somebody else's."""
    with pytest.raises(LookupError):
        async with listening(tmp_path / "admin", "no such group"):
            pass


@needs_strangers
@pytest.mark.parametrize(
    ("uid", "gid", "groups", "may"),
    [
        (NOBODY, NOBODY, [], False),
        (NOBODY, NOBODY, [GROUP], True),
        (NOBODY, GROUP, [], True),
        (0, 0, [], True),
    ],
)
async def test_who_is_not_of_the_group_is_turned_away(
    uid: int, gid: int, groups: list[int], may: bool, tmp_path: Path
) -> None:
    """Even where the rights of the file would let him in."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder == Path(tempfile.gettempdir()):
            break
        folder.chmod(folder.stat().st_mode | 0o111)
    path = tmp_path / "admin"
    async with serving(path, GROUP):
        path.chmod(0o666)
        told = await asked_as(path, uid, gid, groups)

    turned_away = {
        "result": "error",
        "message": "uid 65534 may not administer this daemon",
    }
    assert told == turned_away or may
    assert (told["result"] == "ok") is may


async def asked_as(path: Path, uid: int, gid: int, groups: list[int]) -> Any:
    """Return the first line that a process of that user is told."""
    done = await trio.run_process(
        [interpreter() or "python3", "-I", "-c", _ASK, os.fspath(path)],
        cwd="/",
        capture_stdout=True,
        user=uid,
        group=gid,
        extra_groups=groups,
    )
    return orjson.loads(done.stdout)


_ASK = """
import socket, sys
with socket.socket(socket.AF_UNIX) as peer:
    peer.connect(sys.argv[1])
    try:
        peer.sendall(b'{"command":"help"}\\n')
    except OSError:
        pass
    print(peer.makefile().readline())
"""
