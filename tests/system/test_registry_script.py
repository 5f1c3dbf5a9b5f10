"""A real registry script, run by the refresher: whatever it does, hosts stay known."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from eventually import eventually, is_alive

from harpcaller.hosts import script
from harpcaller.hosts.refresh import Refresher, RegistryScript
from harpcaller.hosts.registry import Registry

GOOD = (
    '{"hostname":"%s","address":"192.0.2.1","port":4306,'
    '"credentials":{"user":"u","password":"canary"}}'
)


class Scripted:
    """A refresher with a script that the test rewrites as it likes."""

    def __init__(
        self, folder: Path, *, timeout_s: float = 10, every_s: float = 900
    ) -> None:
        self.registry = Registry()
        self.path = folder / "update-hosts"
        self.cache = folder / "hosts.cache"
        self.refresher = Refresher(
            self.registry,
            RegistryScript(
                path=self.path, cache=self.cache, timeout_s=timeout_s, every_s=every_s
            ),
        )

    def write(self, body: str, mode: int = 0o755) -> None:
        # A new file each time: one that is still running cannot be written to.
        self.path.unlink(missing_ok=True)
        self.path.write_text("#!/bin/sh\n" + body + "\n")
        self.path.chmod(mode)

    def write_hosts(self, *names: str) -> None:
        self.write("\n".join(f"echo '{GOOD % name}'" for name in names))


@pytest.fixture
def scripted(tmp_path: Path) -> Scripted:
    """Return a refresher of its own folder."""
    return Scripted(tmp_path)


async def test_a_good_list_is_learned_and_kept(scripted: Scripted) -> None:
    """Hosts must be known after a restart, even if the script fails by then."""
    scripted.write_hosts("a", "b")

    refreshed = await scripted.refresher.refresh_now()

    assert (refreshed.count, refreshed.problems) == (2, ())
    assert scripted.cache.stat().st_mode & 0o777 == 0o600
    again = Scripted(scripted.path.parent)
    await again.refresher.load()
    assert again.registry.names() == ["a", "b"]
    assert again.registry.find("a") == scripted.registry.find("a")


BAD = {
    "exit": ("echo '%s'; exit 3" % (GOOD % "x"), "it exited with 3"),
    "signal": ("kill -9 $$", "it died of signal 9"),
    "empty": ("echo", "it wrote nothing"),
    "half a line": ("printf '%.40s' '" + GOOD % "x" + "'", "line 1: "),
    "garbage": ("echo '%s'; echo canary" % (GOOD % "x"), "line 2: "),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_failure_keeps_the_old_list(scripted: Scripted, case: str) -> None:
    """An outage of whatever the script asks must not stop calls."""
    body, complaint = BAD[case]
    scripted.write_hosts("a")
    await scripted.refresher.refresh_now()
    kept = scripted.cache.read_bytes()

    scripted.write(body)
    refreshed = await scripted.refresher.refresh_now()

    assert refreshed.count == 1
    assert refreshed.problems[0].startswith(complaint)
    assert "canary" not in str(refreshed.problems)
    assert scripted.registry.names() == ["a"]
    assert scripted.cache.read_bytes() == kept


async def test_a_script_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    """A refresh every 15 minutes must not pile up processes."""
    scripted = Scripted(tmp_path, timeout_s=2)
    scripted.write(f"sleep 600 & echo $! > {tmp_path}/child; wait")

    refreshed = await scripted.refresher.refresh_now()

    assert refreshed.problems == ("it was not done after 2 s",)
    child = int((tmp_path / "child").read_text())
    await eventually(lambda: not is_alive(child))


async def test_too_much_output_is_not_kept(scripted: Scripted) -> None:
    """A script that never stops writing must not eat the memory."""
    scripted.write("exec yes")

    refreshed = await scripted.refresher.refresh_now()

    assert refreshed.problems == (
        f"it wrote more than {script.MAX_OUTPUT_BYTES} bytes",
    )


@pytest.mark.parametrize("mode", [0o775, 0o757])
async def test_a_script_that_others_may_change_is_not_run(
    scripted: Scripted, mode: int
) -> None:
    """Who writes the script is who the dispatcher runs as."""
    scripted.write(f"touch {scripted.path.parent}/ran", mode)

    refreshed = await scripted.refresher.refresh_now()

    assert "others than its owner may write to it" in refreshed.problems[0]
    assert not (scripted.path.parent / "ran").exists()


async def test_a_script_that_is_not_there_is_a_problem(scripted: Scripted) -> None:
    """A typing mistake in the configuration is reported, not fatal."""
    refreshed = await scripted.refresher.refresh_now()

    assert refreshed.problems == ("it cannot be run: No such file or directory",)


async def test_at_the_first_start_nothing_is_kept_yet(scripted: Scripted) -> None:
    """That is no problem, and not worth a line in the log."""
    await scripted.refresher.load()

    assert scripted.registry.names() == []


@pytest.mark.parametrize("kept", [b"\x00\x01garbage", b"[]\n"])
async def test_a_spoilt_cache_is_ignored(scripted: Scripted, kept: bytes) -> None:
    """The file may be one of the original's, or damaged: the script mends it."""
    scripted.cache.write_bytes(kept)
    scripted.cache.chmod(0o600)
    scripted.write_hosts("a")

    await scripted.refresher.load()
    before = scripted.registry.names()
    await scripted.refresher.refresh_now()

    assert (before, scripted.registry.names()) == ([], ["a"])


@pytest.mark.parametrize("spoil", ["writable", "symlink", "folder"])
async def test_a_cache_of_others_is_not_believed(
    scripted: Scripted, tmp_path: Path, spoil: str
) -> None:
    """Whoever could write it would be sent our passwords."""
    planted = tmp_path / "planted"
    planted.write_text(GOOD % "evil" + "\n")
    if spoil == "writable":
        planted.rename(scripted.cache)
        scripted.cache.chmod(0o666)
    elif spoil == "symlink":
        scripted.cache.symlink_to(planted)
    else:
        scripted.cache.mkdir()

    await scripted.refresher.load()

    assert scripted.registry.names() == []


async def test_a_list_that_cannot_be_kept_is_learned_still(scripted: Scripted) -> None:
    """A full disk must not make hosts unknown that were just told."""
    scripted.cache.mkdir()
    scripted.write_hosts("a")

    refreshed = await scripted.refresher.refresh_now()

    assert refreshed.problems == ()
    assert scripted.registry.names() == ["a"]
    left = {path.name for path in scripted.cache.parent.iterdir()}
    assert left == {"update-hosts", "hosts.cache"}


async def test_hosts_are_refreshed_on_schedule(tmp_path: Path) -> None:
    """A host that moved is found again without anybody's doing."""
    scripted = Scripted(tmp_path, every_s=0.05)
    scripted.write_hosts("a")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(scripted.refresher.run)
        await eventually(lambda: scripted.registry.names() == ["a"])
        scripted.write_hosts("b")
        await eventually(lambda: scripted.registry.names() == ["b"])
        nursery.cancel_scope.cancel()


async def test_a_cancelled_refresh_leaves_no_process(scripted: Scripted) -> None:
    """A daemon that stops must not leave the script behind."""
    pid_file = scripted.path.parent / "pid"
    scripted.write(f"echo $$ > {pid_file}; exec sleep 600")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(scripted.refresher.refresh_now)
        await eventually(pid_file.is_file)
        await eventually(lambda: pid_file.read_text().endswith("\n"))
        nursery.cancel_scope.cancel()

    assert not is_alive(int(pid_file.read_text()))


async def test_without_a_script_there_is_nothing_to_do() -> None:
    """Hosts of the configuration alone are enough to start."""
    refresher = Refresher(Registry(), None)

    await refresher.load()
    refreshed = await refresher.refresh_now()

    assert (refreshed.count, refreshed.problems) == (0, ())
    with trio.move_on_after(0.01) as scope:
        await refresher.run()
    assert scope.cancelled_caught
