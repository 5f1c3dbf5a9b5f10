"""A Harmony service whose dispatcher or worker goes: nothing of it is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from eventually import eventually, is_alive
from harmony_worker import (
    KEY,
    PLAIN,
    TOKEN,
    HarmonyWorker,
    arguments,
    running_services,
    script,
    service,
)
from harp_peer import a_call, connect

# It has a child that ends only when it has to, and needs its time itself.
HANG = """
    import os, pathlib, signal, subprocess, sys, time
    out = pathlib.Path(sys.argv[sys.argv.index("--harmony-metadata-dir") + 1])
    def end(*_):
        time.sleep(1.5)
        for _ in range(300):  # more than pipes hold
            print("x" * 999, flush=True)
        (out / "ended").touch()
        os._exit(0)
    signal.signal(signal.SIGTERM, end)
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    (out / "part").write_text(f"{os.getpid()} {child.pid}")
    os.rename(out / "part", out / "pids")
    while True:
        signal.pause()
"""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[HarmonyWorker]:
    """Run a worker that may be killed."""
    hang = [*PLAIN, str(script(tmp_path / "hang.py", HANG))]
    table = service("hang", hang, {"secret_key_file": "{key_file}"})
    with running_services(tmp_path, table) as running:
        yield running


def command_lines() -> str:
    """Return the words of all processes, as everybody can read them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.append((process / "cmdline").read_bytes())
        except OSError:
            continue  # it went while we looked
    return b"\n".join(found).decode(errors="replace")


@pytest.mark.parametrize("is_killed", [False, True])
async def test_the_tree_ends_and_no_file_stays(
    worker: HarmonyWorker, is_killed: bool
) -> None:
    """By a cancel, or with harpd: a service has its time, whatever others have.

    No process ever shows a token, and none stays on a disk.
    """
    out = worker.root / "hang"
    call = arguments(message={"accessToken": TOKEN}, metadata_dir=str(out))
    async with connect(worker.harpd.tcp, worker.tls) as stream:
        await stream.send_all(a_call("hang", **call))
        await eventually((out / "pids").exists, 30)
        pids = [int(word) for word in (out / "pids").read_text().split()]
        assert all(is_alive(pid) for pid in pids)
        assert len(worker.private) == 1
        shown = command_lines()
        if is_killed:
            worker.harpd.process.kill()
            worker.harpd.process.wait()

    await eventually(lambda: worker.private == [], 40)
    assert not any(is_alive(pid) for pid in pids)
    assert (out / "ended").exists()
    assert TOKEN not in shown
    assert KEY not in shown
    assert TOKEN not in worker.harpd.log
