"""A reload changes what harpd serves while calls run, and never to what is broken."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from textwrap import dedent

import attrs
import pytest
import trio
import trustme
from eventually import eventually
from fake_worker import client_context
from harp_peer import a_call, connect, outcome_of
from harpd_process import Harpd, running_harpd

from harpcaller.worker.linux import descendants_of
from protocol.jsontext import JsonText
from protocol.outcome import Failed, Outcome, Returned

OLD = """
    from harpcaller.worker import procedure
    import time

    @procedure
    def version():
        return "old"

    @procedure
    def slow():
        open("{begun}", "w").close()
        time.sleep(1.5)
        return "old"
"""
NEW = """
    from harpcaller.worker import procedure

    @procedure
    def version():
        return "new"
"""
BROKEN = """
    from harpcaller.worker import procedure

    @procedure
    def version():
        return "broken"

    import no_such_module
"""
CONFIG = """
listen = ["127.0.0.1:0", "unix:{directory}/worker.sock"]
cert_file = "{directory}/cert.pem"
key_file = "{directory}/key.pem"
users_file = "{directory}/users"
max_calls = 200
"""


@attrs.frozen
class Scene:
    """A worker, and the files that it was started with."""

    harpd: Harpd
    directory: Path
    manager: socket.socket
    """Where systemd would hear from it."""

    def write(self, name: str, text: str) -> None:
        """Change one of the files."""
        (self.directory / name).write_text(dedent(text))

    def reload(self) -> subprocess.CompletedProcess[str]:
        """Run `harpd reload`."""
        return self.harpd.verb("reload")

    async def call(self, procedure: str) -> Outcome:
        """Return how a call over the Unix socket ends."""
        async with connect(self.harpd.path) as stream:
            return await outcome_of(stream, a_call(procedure))

    async def call_with(self, ca: trustme.CA) -> Outcome:
        """Return how a call over TLS ends, of a dispatcher that trusts `ca`."""
        async with connect(self.harpd.tcp, client_context(ca)) as stream:
            return await outcome_of(stream, a_call("version"))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Run a worker of a configuration file, below a service manager."""
    write_certificate(trustme.CA(), tmp_path)
    (tmp_path / "users").write_text("user:pass\n")
    (tmp_path / "harpd.toml").write_text(CONFIG.format(directory=tmp_path))
    old = OLD.format(begun=tmp_path / "begun")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        options = ("--config", str(tmp_path / "harpd.toml"))
        heard = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        running = running_harpd(tmp_path, old, *options, listen=None, environment=heard)
        with running as harpd:
            assert manager.recv(1000) == b"READY=1"
            yield Scene(harpd, tmp_path, manager)


def write_certificate(ca: trustme.CA, directory: Path) -> None:
    """Give the worker a certificate of `ca`."""
    certificate = ca.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(directory / "cert.pem")
    certificate.private_key_pem.write_to_path(directory / "key.pem")


def returned(text: str) -> Outcome:
    """Return the outcome of a procedure that returned `text`."""
    return Returned(JsonText(b'"%b"' % text.encode()))


async def test_running_calls_end_by_the_old_procedures(scene: Scene) -> None:
    """And the next ones begin with the new; nothing of the old is left."""
    outcomes: list[Outcome] = []

    async def call_slow() -> None:
        outcomes.append(await scene.call("slow"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call_slow)
        await eventually((scene.directory / "begun").exists)
        scene.write("procedures.py", NEW)
        done = await trio.to_thread.run_sync(scene.reload)
        assert (done.returncode, done.stderr) == (0, "")
        assert await scene.call("version") == returned("new")
        assert outcomes == []

    assert outcomes == [returned("old")]
    unknown = await scene.call("slow")
    assert isinstance(unknown, Failed)
    assert unknown.type == "no_such_procedure"
    parents = "harpcaller.worker.parent"
    await eventually(lambda: commands(scene.harpd, parents, below=1) == 1)


def commands(harpd: Harpd, word: str, *, below: int) -> int:
    """Return how many of harpd's own children run `word`."""
    found = 0
    for pid in descendants_of(harpd.process.pid):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            stat = Path(f"/proc/{pid}/stat").read_text()
            parent = int(stat.rsplit(")", 1)[1].split()[below])
            command = Path(f"/proc/{pid}/cmdline").read_text()
            found += parent == harpd.process.pid and word in command
    return found


async def test_a_mistake_leaves_the_old_procedures(scene: Scene) -> None:
    """The administrator is told the file and the line."""
    scene.write("procedures.py", BROKEN)

    done = await trio.to_thread.run_sync(scene.reload)

    assert done.returncode == 1
    assert f"{scene.directory}/procedures.py, line 8: ModuleNotFound" in done.stderr
    assert await scene.call("version") == returned("old")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("harpd.toml", "listen = [", "harpd.toml: "),
        ("harpd.toml", 'listne = "x"', 'did you mean "listen"?'),
        ("users", "user\n", 'users, line 1: expected "user:password"'),
        ("cert.pem", "no certificate", '"cert_file", "key_file": '),
    ],
)
async def test_a_mistake_in_the_settings_changes_nothing(
    scene: Scene, name: str, text: str, said: str
) -> None:
    """Not even what was right in them."""
    scene.write("procedures.py", NEW)
    scene.write(name, text)

    done = await trio.to_thread.run_sync(scene.reload)

    assert done.returncode == 1
    assert said in done.stderr
    assert await scene.call("version") == returned("old")


async def test_users_and_certificates_are_those_of_the_files(scene: Scene) -> None:
    """A password that leaked, a certificate that expires: no call has to end."""
    fresh = trustme.CA()
    write_certificate(fresh, scene.directory)
    scene.write("users", "user:another\n")
    scene.reload()
    refused = await scene.call_with(fresh)

    scene.write("users", "user:pass\n")
    scene.reload()

    assert isinstance(refused, Failed)
    assert refused.type == "auth_error"
    assert await scene.call_with(fresh) == returned("old")


def test_what_needs_a_restart_is_named(scene: Scene) -> None:
    """Else the administrator would believe in it."""
    config = CONFIG.format(directory=scene.directory).replace("200", "100")
    scene.write("harpd.toml", config + "stop_grace_s = 5\n")

    done = scene.reload()

    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        '"max_calls" takes effect at the next start',
        '"stop_grace_s" takes effect at the next start',
    ]


async def test_a_hangup_reloads_and_the_manager_is_told(scene: Scene) -> None:
    """As init scripts and `ExecReload=` ask for it: sd_notify(3)."""
    scene.write("procedures.py", NEW)

    os.kill(scene.harpd.process.pid, signal.SIGHUP)
    told = [await trio.to_thread.run_sync(scene.manager.recv, 1000) for _ in range(2)]

    assert told[0].startswith(b"RELOADING=1\nMONOTONIC_USEC=")
    assert told[1] == b"READY=1"
    assert await scene.call("version") == returned("new")


async def test_a_hangup_with_a_mistake_is_logged(scene: Scene) -> None:
    """Nobody waits for the answer."""
    scene.write("procedures.py", BROKEN)

    os.kill(scene.harpd.process.pid, signal.SIGHUP)
    await eventually(lambda: "settings.refused" in scene.harpd.log)

    assert await scene.call("version") == returned("old")
    assert scene.harpd.process.poll() is None
