"""When a call is over, however it came to that, nothing of its processes survives."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from eventually import eventually, is_alive
from harp_peer import a_call, connect, converse, outcome_of, packets_of
from harpd_process import Harpd, running_harpd

from harpcaller.worker.linux import children_of, descendants_of
from protocol.harp import CallerConversation
from protocol.jsontext import JsonText
from protocol.outcome import Raised, Returned

GONE_S = 5
PONG = Returned(JsonText(b'"pong"'))

PROCEDURES = """
    import os, signal, subprocess, time
    from harpcaller.worker import procedure, streaming_procedure
    from harpcaller.worker.local import ping

    def note(path):
        with open(path, "a") as file:
            file.write(f"{os.getpid()}\\n")

    def daemonize(path, stubborn):
        if os.fork():
            os.wait()
            return
        os.setsid()
        if os.fork():
            os._exit(0)
        if stubborn:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        note(path)
        time.sleep(600)

    def grow(path, stubborn):
        if stubborn:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        note(path)
        daemonize(path, stubborn)
        shell = subprocess.Popen(["sh", "-c", f"echo $$ >> {path}; sleep 600 & wait"])
        if os.fork() == 0:
            note(path)
            time.sleep(600)

    @procedure
    def stays(path, stubborn=False):
        grow(path, stubborn)
        time.sleep(600)

    @streaming_procedure
    def streams(path):
        grow(path, False)
        while True:
            yield "x" * 10000

    @procedure
    def leaves(path):
        grow(path, False)
        deadline = time.monotonic() + 10
        while len(open(path).readlines()) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        return "left"

    @procedure(timeout=1)
    def slow(path):
        grow(path, True)
        time.sleep(600)

    @procedure
    def kills_its_supervisor(path):
        grow(path, True)
        while len(open(path).readlines()) < 4:
            time.sleep(0.01)
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)

    @procedure
    def kills_its_group():
        os.killpg(os.getpgrp(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def harpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harpd]:
    """Run one worker for all tests that leave it alive."""
    with running_harpd(tmp_path_factory.mktemp("harpd"), PROCEDURES) as worker:
        yield worker


def pids(notes: Path) -> list[int]:
    """Return the processes that a call noted, itself first."""
    return [int(line) for line in notes.read_text().split()] if notes.exists() else []


async def tree(notes: Path) -> list[int]:
    """Return the pids of a grown tree: itself, a daemon, a shell, a child."""
    await eventually(lambda: len(pids(notes)) == 4)
    assert all(map(is_alive, pids(notes)))
    return pids(notes)


async def all_gone(grown: list[int]) -> None:
    """Fail unless every process of the tree ends soon."""
    await eventually(lambda: not any(map(is_alive, grown)), GONE_S)


@pytest.mark.parametrize("stubborn", [False, True])
async def test_closing_the_connection_ends_the_tree(
    harpd: Harpd, tmp_path: Path, stubborn: bool
) -> None:
    """Closing cancels: daemons of the call, and who ignores SIGTERM, end too."""
    notes = tmp_path / "pids"
    async with connect(harpd.path) as stream:
        await stream.send_all(a_call("stays", str(notes), stubborn))
        grown = await tree(notes)

    await all_gone(grown)


async def test_closing_mid_stream_ends_the_tree(harpd: Harpd, tmp_path: Path) -> None:
    """The procedure blocks in writing then, since nobody reads."""
    notes = tmp_path / "pids"
    async with connect(harpd.path) as stream:
        await stream.send_all(a_call("streams", str(notes)))
        grown = await tree(notes)
        assert await stream.receive_some(100000)

    await all_gone(grown)


async def test_closing_before_the_answer_ends_the_call(
    harpd: Harpd, tmp_path: Path
) -> None:
    """A cancel may come at any time, also before the process is there."""
    for number in range(20):
        async with connect(harpd.path) as stream:
            await stream.send_all(a_call("stays", str(tmp_path / str(number))))
            await trio.sleep(number / 2000)

    await eventually(lambda: not working(harpd.process.pid), GONE_S)


async def test_the_result_comes_when_nothing_is_left(
    harpd: Harpd, tmp_path: Path
) -> None:
    """The next call of a queue must not meet remains of the last one."""
    notes = tmp_path / "pids"
    async with connect(harpd.path) as stream:
        outcome = await outcome_of(stream, a_call("leaves", str(notes)))

    assert outcome == Returned(JsonText(b'"left"'))
    assert len(pids(notes)) == 4
    assert not any(map(is_alive, pids(notes)))


async def test_a_timeout_ends_the_tree(harpd: Harpd, tmp_path: Path) -> None:
    """The limit of a procedure holds for what it started, too."""
    notes = tmp_path / "pids"
    async with connect(harpd.path) as stream:
        outcome = await outcome_of(stream, a_call("slow", str(notes)))

    assert isinstance(outcome, Raised)
    assert outcome.type == "TimeoutError"
    assert pids(notes)
    assert not any(map(is_alive, pids(notes)))


async def test_a_tree_that_killed_its_supervisor_ends(
    harpd: Harpd, tmp_path: Path
) -> None:
    """Above the supervisor the warm parent adopts what is left."""
    notes = tmp_path / "pids"
    async with connect(harpd.path) as stream:
        outcome = await outcome_of(stream, a_call("kills_its_supervisor", str(notes)))

    assert isinstance(outcome, Raised)
    assert outcome.type == "ProcessExited"
    await all_gone(pids(notes))


async def test_a_signal_to_its_group_reaches_the_call_alone(harpd: Harpd) -> None:
    """A shell script's `kill 0` must not end the worker."""
    async with connect(harpd.path) as stream:
        outcome = await outcome_of(stream, a_call("kills_its_group"))
    async with connect(harpd.path) as stream:
        after = await outcome_of(stream, a_call("ping"))

    assert isinstance(outcome, Raised)
    assert outcome.type == "ProcessKilled"
    assert after == PONG


async def test_a_slow_dispatcher_makes_the_procedure_wait(
    harpd: Harpd, tmp_path: Path
) -> None:
    """Memory is bounded: what nobody reads is not produced."""
    async with connect(harpd.path) as stream:
        await stream.send_all(a_call("streams", str(tmp_path / "pids")))
        await tree(tmp_path / "pids")
        await trio.sleep(1)
        conversation = CallerConversation()
        received = 0
        with trio.move_on_after(0.02):
            while True:
                data = bytes(await stream.receive_some(1 << 20))
                received += len(packets_of(conversation.receive(data)))

    assert rss_bytes(harpd.process.pid) < 100 * 2**20
    assert received > 0


async def test_nothing_survives_a_killed_harpd(tmp_path: Path) -> None:
    """`kill -9` of the worker is a cancel of every call."""
    notes = tmp_path / "pids"
    with running_harpd(tmp_path, PROCEDURES) as worker:
        async with connect(worker.path) as stream:
            await stream.send_all(a_call("stays", str(notes), True))
            grown = await tree(notes)
            grown += descendants_of(worker.process.pid)
            worker.process.kill()
            worker.process.wait()

            await all_gone(grown)


async def test_a_killed_warm_parent_is_replaced(tmp_path: Path) -> None:
    """Who can kill it can kill its calls, too: they end, and the next has a new one."""
    with running_harpd(tmp_path, PROCEDURES) as worker:
        async with connect(worker.path) as stream, trio.open_nursery() as nursery:
            await stream.send_all(a_call("stays", str(tmp_path / "pids")))
            grown = await tree(tmp_path / "pids")
            parent = parent_of(parent_of(grown[0]))
            os.kill(parent, signal.SIGKILL)
            await eventually(lambda: not is_alive(parent))

            await all_gone(grown)
            for _ in range(3):
                async with connect(worker.path) as another:
                    events = await converse(another, a_call("ping"))
                    assert len(events) == 2
            nursery.cancel_scope.cancel()

        await all_gone(grown)


async def test_a_killed_idle_supervisor_is_replaced(tmp_path: Path) -> None:
    """Supervisors serve call after call; one that died between two is no loss."""
    with running_harpd(tmp_path, PROCEDURES) as worker:
        for _ in range(3):
            async with connect(worker.path) as stream:
                assert await outcome_of(stream, a_call("ping")) == PONG
            [_, supervisor] = descendants_of(worker.process.pid)
            os.kill(supervisor, signal.SIGKILL)
            await all_gone([supervisor])


async def test_a_stop_leaves_no_process(tmp_path: Path) -> None:
    """Neither the warm parent nor idle supervisors stay behind."""
    with running_harpd(tmp_path, PROCEDURES) as worker:
        async with connect(worker.path) as stream:
            assert await outcome_of(stream, a_call("ping")) == PONG
        below = descendants_of(worker.process.pid)
        worker.process.terminate()
        worker.process.wait()

    assert len(below) == 2
    await all_gone(below)


def parent_of(pid: int) -> int:
    """Return the parent of a living process."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def working(harpd_pid: int) -> list[int]:
    """Return the processes below all supervisors of a worker."""
    supervisors = {pid for top in children_of(harpd_pid) for pid in children_of(top)}
    return [pid for top in supervisors for pid in descendants_of(top)]


def rss_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
