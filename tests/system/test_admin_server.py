"""The admin socket, met by real peers over a real Unix socket."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
import trio
from structlog.testing import capture_logs

from indira.commands import Arguments, Command, CommandTable, Kind, Parameter, Reply
from indira.server import MAX_CONNECTIONS, MAX_LINE_BYTES, listening, serve
from indira.unixsocket import SocketTaken


async def _echo(arguments: Arguments) -> Reply:
    return {"result": "ok", "said": arguments.text("say")}


async def _crash(_: Arguments) -> Reply:
    raise ZeroDivisionError


async def _sleep(_: Arguments) -> Reply:
    await trio.sleep_forever()
    return {}


TABLE = CommandTable(
    [
        Command(
            name="echo",
            help="Say it again.",
            run=_echo,
            parameters=(Parameter(name="say", kind=Kind.TEXT, help="What."),),
        ),
        Command(name="crash", help="Fail.", run=_crash),
        Command(name="sleep", help="Never answer.", run=_sleep),
    ]
)


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[None]:
    """Serve `TABLE` on `path` while the block runs."""
    async with listening(path) as listener, trio.open_nursery() as nursery:
        await nursery.start(serve, listener, TABLE)
        yield
        nursery.cancel_scope.cancel()


async def talk(path: Path, said: bytes) -> list[Any]:
    """Send `said`, close our half; return the replies up to the end."""
    async with await trio.open_unix_socket(path) as stream:
        await stream.send_all(said)
        await stream.send_eof()
        return [orjson.loads(line) async for line in _lines(stream)]


async def _lines(stream: trio.SocketStream) -> AsyncIterator[bytes]:
    text = b"".join([data async for data in stream])
    for line in text.splitlines():
        yield line


async def test_one_connection_carries_many_commands(tmp_path: Path) -> None:
    """The original's clients send several commands and expect the same order."""
    path = tmp_path / "admin"
    async with serving(path):
        replies = await talk(
            path,
            b'{"command":"echo","say":"a"}\n\r\n{"command":"echo","say":"b"}\r\n'
            b'{"command":"ehco"}\n{"command":"echo"}',
        )

    assert replies == [
        {"result": "ok", "said": "a"},
        {"result": "ok", "said": "b"},
        {
            "result": "error",
            "message": 'unknown command "ehco", did you mean "echo"?',
        },
        {"result": "ok", "said": None},
    ]


async def test_help_lists_every_command_with_its_parameters(tmp_path: Path) -> None:
    """Somebody with netcat and no manual finds his way."""
    path = tmp_path / "admin"
    async with serving(path):
        [reply] = await talk(path, b'{"command":"help"}\n')

    assert [command["name"] for command in reply["commands"]] == [
        "echo",
        "crash",
        "sleep",
        "help",
    ]
    assert reply["commands"][0]["parameters"] == [
        {"name": "say", "expected": "a string", "required": False, "help": "What."}
    ]


async def test_a_command_that_crashes_is_answered_and_logged(tmp_path: Path) -> None:
    """A bug of ours costs one error reply; the next command works."""
    path = tmp_path / "admin"
    with capture_logs() as logs:
        async with serving(path):
            replies = await talk(
                path, b'{"command":"crash"}\n{"command":"echo","say":"on"}\n'
            )

    assert replies == [
        {"result": "error", "message": "crash failed: ZeroDivisionError; see the log"},
        {"result": "ok", "said": "on"},
    ]
    assert "command.crashed" in [entry["event"] for entry in logs]


async def test_who_asked_is_logged_as_the_kernel_knows_him(tmp_path: Path) -> None:
    """Whoever stopped a daemon must be found afterwards; arguments are not logged."""
    path = tmp_path / "admin"
    with capture_logs() as logs:
        async with serving(path):
            await talk(path, b'{"command":"echo","say":"secret"}\n')

    [entry] = [entry for entry in logs if entry["event"] == "command.received"]
    assert entry == {
        "event": "command.received",
        "log_level": "info",
        "command": "echo",
        "peer_pid": os.getpid(),
        "peer_uid": os.getuid(),
        "peer_gid": os.getgid(),
    }


async def test_an_endless_line_ends_its_connection_only(tmp_path: Path) -> None:
    """Memory is bounded, and nobody else notices."""
    path = tmp_path / "admin"
    async with serving(path):
        replies = await talk(path, b"x" * (MAX_LINE_BYTES + 1))
        after = await talk(path, b'{"command":"echo","say":"on"}\n')

    assert replies == [
        {"result": "error", "message": f"a line of more than {MAX_LINE_BYTES} bytes"}
    ]
    assert after == [{"result": "ok", "said": "on"}]


async def test_bad_peers_do_not_disturb_others(tmp_path: Path) -> None:
    """Silence, garbage, a wait without end and a reset leave the socket working."""
    path = tmp_path / "admin"
    async with serving(path):
        silent = await trio.open_unix_socket(path)
        waiting = await trio.open_unix_socket(path)
        await waiting.send_all(b'{"command":"sleep"}\n')
        gone = await trio.open_unix_socket(path)
        await gone.send_all(b'{"command":"echo"}\n' * 1000)
        await gone.aclose()
        garbage = await talk(path, b"\x00\xff\xfe\n")

        replies = await talk(path, b'{"command":"echo","say":"on"}\n')
        await silent.aclose()
        await waiting.aclose()

    assert garbage[0]["result"] == "error"
    assert replies == [{"result": "ok", "said": "on"}]


async def test_too_many_connections_are_closed_and_it_recovers(tmp_path: Path) -> None:
    """One program that leaks connections cannot take all descriptors."""
    path = tmp_path / "admin"
    async with serving(path):
        held = [await trio.open_unix_socket(path) for _ in range(MAX_CONNECTIONS)]
        beyond = await trio.open_unix_socket(path)
        assert await beyond.receive_some() == b""
        await beyond.aclose()
        for stream in held:
            await stream.aclose()
        await trio.testing.wait_all_tasks_blocked(0.01)

        assert await talk(path, b'{"command":"echo"}\n') == [
            {"result": "ok", "said": None}
        ]


async def test_the_socket_is_for_owner_and_group_and_goes_away(tmp_path: Path) -> None:
    """Others on the machine must not stop the daemon; no stale file stays."""
    path = tmp_path / "made" / "admin"
    async with serving(path):
        mode = stat.S_IMODE(path.stat().st_mode)

    assert mode == 0o660
    assert not path.exists()


async def test_a_dead_daemons_socket_is_replaced(tmp_path: Path) -> None:
    """After kill -9 the file is still there, and must not hinder the next start."""
    path = tmp_path / "admin"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()

    async with serving(path):
        replies = await talk(path, b'{"command":"echo"}\n')

    assert replies == [{"result": "ok", "said": None}]


async def test_a_living_daemons_socket_is_left_alone(tmp_path: Path) -> None:
    """Two daemons on one socket would hide one of them from its administrator."""
    path = tmp_path / "admin"
    async with serving(path):
        with pytest.raises(SocketTaken, match="listens there already"):
            async with listening(path):
                pass

        assert await talk(path, b'{"command":"echo"}\n')


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    """A wrong --socket must not cost somebody his file."""
    path = tmp_path / "precious"
    path.write_text("data")

    with pytest.raises(SocketTaken, match="no socket"):
        async with listening(path):
            pass

    assert path.read_text() == "data"


async def test_another_daemons_fresh_socket_is_not_removed(tmp_path: Path) -> None:
    """A slow end of the old daemon must not cut off the new one."""
    path = tmp_path / "admin"
    async with listening(path):
        path.unlink()
        fresh = socket.socket(socket.AF_UNIX)
        fresh.bind(str(path))

    assert path.is_socket()
    fresh.close()
