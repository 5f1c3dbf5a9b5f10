"""What `harpd` answers: a real process, real sockets, procedures in real processes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import trio
from harp_peer import a_call, connect, converse, outcome_of, packets_of, read_all
from harpd_process import Harpd, running_harpd

from protocol.harp import Acknowledged, Ended
from protocol.jsontext import JsonText, encode
from protocol.outcome import Failed, Raised, Returned

PROCEDURES = """
    import os, signal, sys, time
    from contextlib import suppress
    from harpcaller.worker import Result, procedure, streaming_procedure
    from harpcaller.worker.local import *

    @procedure
    def pair(a, b=2):
        return [a, b]

    @procedure(timeout=0.3)
    def slow():
        time.sleep(60)

    @procedure
    def prints():
        print("to the log")
        os.write(1, b"this too\\n")
        return os.read(0, 10).decode()

    @procedure
    def exits():
        os._exit(3)

    @procedure
    def leaves():
        sys.exit("bye")

    @procedure
    def crashes():
        os.kill(os.getpid(), signal.SIGSEGV)

    @procedure
    def gives(kind):
        return {
            "nan": float("nan"),
            "object": object(),
            "surrogate": "\\udc80",
            "deep": eval("[" * 150 + "]" * 150),
            "large": "x" * 5_000_000,
            "tuple": (1, {2: "b"}),
        }[kind]

    @procedure
    def message():
        raise LookupError("\\udc80")

    @streaming_procedure
    def returns(n):
        yield from range(n)
        return "returned"

    @streaming_procedure
    def stops():
        yield "a"
        yield Result("b")
        yield "never"

    @streaming_procedure
    def silent():
        return iter([])

    @streaming_procedure
    def breaks():
        yield 1
        raise ValueError("broken")

    @streaming_procedure
    def kills_itself():
        yield 1
        for fd in range(3, 20):
            with suppress(OSError):
                if os.readlink(f"/proc/self/fd/{fd}").startswith("pipe:"):
                    os.write(fd, b'{"stream":')
        os.kill(os.getpid(), signal.SIGKILL)

    @procedure(timeout=2592000)
    def month():
        return "done"

    @procedure(uid="nobody")
    def who():
        return [os.getuid(), os.getgid(), os.getgroups()]

    @procedure(uid="no such user")
    def nobody_there():
        return 1
"""


@pytest.fixture(scope="module")
def harpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harpd]:
    """Run one worker for all tests here: each call is on its own anyway."""
    with running_harpd(tmp_path_factory.mktemp("harpd"), PROCEDURES) as worker:
        yield worker


async def outcome(worker: Harpd, procedure: str, *args: Any, **kwargs: Any) -> Any:
    """Return how one call on a connection of its own ended."""
    async with connect(worker.path) as stream:
        return await outcome_of(stream, a_call(procedure, *args, **kwargs))


async def test_a_call_is_answered_and_the_connection_closed(harpd: Harpd) -> None:
    """Exactly the bytes of the original, which closes after one call."""
    async with connect(harpd.path) as stream:
        await stream.send_all(a_call("echo", value=[1, 2**70, "ä"]))
        said = await read_all(stream)

    assert said == (
        b'{"harp":1,"stream_result":false}\n'
        + b'{"result":[1,1180591620717411303424,"\xc3\xa4"]}\n'
    )


async def test_a_stream_is_packets_and_a_result(harpd: Harpd) -> None:
    """The packets come while the procedure runs."""
    async with connect(harpd.path) as stream:
        events = await converse(stream, a_call("count", n=3, interval=0))
    named = await outcome(harpd, "count", n=1)

    assert events[0] == Acknowledged(True)
    assert packets_of(events) == [0, 1, 2]
    assert events[-1] == Ended(Returned(JsonText(b"3")))
    assert named == Returned(JsonText(b"1"))


ENDINGS: dict[str, tuple[Any, ...]] = {
    "stops": ("b",),
    "silent": (None,),
    "ping": ("pong",),
}


@pytest.mark.parametrize("name", ENDINGS)
async def test_a_procedure_says_its_result(harpd: Harpd, name: str) -> None:
    """A `Result` ends a stream; without any the result is null."""
    [value] = ENDINGS[name]

    assert await outcome(harpd, name) == Returned(encode(value))


async def test_arguments_bind_as_in_python(harpd: Harpd) -> None:
    """A list is positional, an object is named, defaults hold."""
    assert await outcome(harpd, "pair", 1) == Returned(JsonText(b"[1,2]"))
    assert await outcome(harpd, "pair", b=1, a=0) == Returned(JsonText(b"[0,1]"))
    assert await outcome(harpd, "returns", 2) == Returned(JsonText(b'"returned"'))
    assert await outcome(harpd, "gives", "tuple") == Returned(
        JsonText(b'[1,{"2":"b"}]')
    )


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "too few": ("pair", {"b": 1}),
    "too many": ("pair", {"a": 1, "b": 2, "c": 3}),
}


@pytest.mark.parametrize("which", REFUSED)
async def test_wrong_arguments_are_refused(harpd: Harpd, which: str) -> None:
    """The procedure is not called, and the word is the original's."""
    name, arguments = REFUSED[which]

    ended = await outcome(harpd, name, **arguments)

    assert isinstance(ended, Failed)
    assert ended.type == "invalid_argument_list"


async def test_an_unknown_procedure_is_refused(harpd: Harpd) -> None:
    """What is imported but not marked is no procedure either."""
    for name in ("nothing", "shutil", "Path"):
        ended = await outcome(harpd, name)
        assert isinstance(ended, Failed)
        assert ended.type == "no_such_procedure"


RAISED: dict[str, tuple[tuple[Any, ...], str, str]] = {
    "fail": (("boo",), "RuntimeError", "boo"),
    "breaks": ((), "ValueError", "broken"),
    "leaves": ((), "SystemExit", "bye"),
    "message": ((), "LookupError", "?"),
    "slow": (
        (),
        "TimeoutError",
        "the procedure ran longer than its limit of 0.3 s",
    ),
    "exits": (
        (),
        "ProcessExited",
        "the procedure exited with status 3 and no result",
    ),
    "crashes": ((), "ProcessKilled", "the procedure was killed by SIGSEGV"),
    "kills_itself": ((), "ProcessKilled", "the procedure was killed by SIGKILL"),
}


@pytest.mark.parametrize("name", RAISED)
async def test_an_exception_is_told(harpd: Harpd, name: str) -> None:
    """However a procedure ends, its caller hears of it, in a line that is whole."""
    arguments, type_, message = RAISED[name]

    ended = await outcome(harpd, name, *arguments)

    assert ended == Raised(type=type_, message=message)


@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        ("nan", "ValueError"),
        ("object", "TypeError"),
        ("surrogate", "ValueError"),
        ("deep", "ValueError"),
        ("large", "ValueError"),
    ],
)
async def test_what_is_no_json_is_an_exception(
    harpd: Harpd, kind: str, type_: str
) -> None:
    """A value that cannot be sent is the procedure's mistake, never a hang."""
    ended = await outcome(harpd, "gives", kind)

    assert isinstance(ended, Raised)
    assert ended.type == type_


async def test_what_a_procedure_prints_goes_to_the_log(harpd: Harpd) -> None:
    """The wire is ours alone, and standard input is empty."""
    ended = await outcome(harpd, "prints")

    assert ended == Returned(JsonText(b'""'))
    assert "to the log\n" in harpd.log
    assert "this too\n" in harpd.log


async def test_a_procedure_runs_as_whom_it_names(harpd: Harpd) -> None:
    """User, group and all further groups are changed together."""
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")

    ended = await outcome(harpd, "who")

    assert isinstance(ended, Returned)
    uid, gid, groups = json.loads(ended.value)
    assert uid != 0
    assert gid != 0
    assert 0 not in groups


async def test_a_limit_may_be_a_month(harpd: Harpd) -> None:
    """The kernel counts in milliseconds, of which it takes 31 bits."""
    assert await outcome(harpd, "month") == Returned(JsonText(b'"done"'))


async def test_a_procedure_of_an_unknown_user_is_not_run(harpd: Harpd) -> None:
    """Neither as somebody else: the call is refused, the others are served."""
    ended = await outcome(harpd, "nobody_there")

    assert isinstance(ended, Failed)
    assert ended.type == "procedure_loading_error"
    assert ended.message == 'no user "no such user"'


async def test_calls_run_side_by_side(harpd: Harpd) -> None:
    """A call that takes its time holds nobody up."""
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(outcome, harpd, "sleep", 0.3)
        with trio.fail_after(5):
            assert await outcome(harpd, "ping") == Returned(JsonText(b'"pong"'))


async def test_the_local_procedures_do_what_the_manual_says(harpd: Harpd) -> None:
    """They are the first thing a newcomer calls; the procedures here import them."""
    uptime = await outcome(harpd, "uptime")
    disk = await outcome(harpd, "disk", path="/")
    sleep = await outcome(harpd, "sleep", 0)

    assert isinstance(uptime, Returned)
    assert float(uptime.value) > 0
    assert isinstance(disk, Returned)
    assert set(json.loads(disk.value)) == {"total", "used", "free"}
    assert sleep == Returned(JsonText(b"null"))
