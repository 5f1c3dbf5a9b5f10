"""etc/systemd/harpd.service: what systemd makes of it, and that it is enough."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from eventually import eventually, is_alive
from harp_peer import a_call, connect, outcome_of
from manual import verbs_of
from units import UNITS, needs_systemd, setting, verify, with_examples

from harpcaller import descriptors
from harpcaller.worker.powers import our_powers
from harpcaller.worker.settings import Settings
from indira.cli import Exit
from protocol.outcome import Returned

ROOT = Path(__file__).parents[2]
UNIT = UNITS / "harpd.service"
NOBODY = 65534
PROCEDURES = """
import os, signal, time
from pathlib import Path
from harpcaller.worker import procedure, streaming_procedure

@procedure
def state():
    status = Path("/proc/self/status").read_text()
    return [os.getuid(), os.getgroups(), os.nice(0), status]

@streaming_procedure
def stops_its_supervisor():
    yield [os.getppid(), os.getpid()]
    os.kill(os.getppid(), signal.SIGSTOP)
    time.sleep(600)
"""
SETTINGS = """
procedures = "{directory}/procedures.py"
listen = "unix:{directory}/socket"
admin_socket = "{directory}/admin"
term_grace_s = 0.1

[defaults]
user = "nobody"
groups = [65533]
nice = 3
io_class = "best-effort"

[defaults.limits]
cpu_s = 60
memory_bytes = 4294967296
processes = 4096
open_files = 100
file_bytes = 1000000
"""


@needs_systemd
def test_systemd_has_nothing_to_say(tmp_path: Path) -> None:
    """A key that it does not know it ignores: the fence would not be there."""
    examples = with_examples(UNIT.read_text())

    assert examples.count("\nMemoryMax=") == 1
    assert verify(tmp_path, {UNIT.name: UNIT.read_text()}) == ""
    assert verify(tmp_path, {UNIT.name: examples}) == ""


@needs_systemd
@pytest.mark.parametrize(
    ("right", "wrong"), [("OOMPolicy", "OomPolicy"), ("mixed", "mixd")]
)
def test_systemd_would_say_what_is_misspelt(
    right: str, wrong: str, tmp_path: Path
) -> None:
    """Else the test above would show nothing."""
    text = UNIT.read_text()

    assert right in text
    assert wrong in verify(tmp_path, {UNIT.name: text.replace(right, wrong)})


def test_the_unit_goes_with_the_code() -> None:
    """What it says of verbs, exit status and times is harpd's to know."""
    settings = Settings(listen=())

    for name in ("ExecStart", "ExecReload"):
        program, verb, *_ = setting(UNIT, name).split()
        assert program == "/usr/bin/harpd"
        assert verb in verbs_of("harpcaller.worker")
    assert setting(UNIT, "RestartPreventExitStatus") == str(int(Exit.USAGE))
    assert setting(UNIT, "LimitNOFILE") == str(descriptors.ENOUGH)
    grace_s = settings.stop_grace_s + settings.term_grace_s
    assert float(setting(UNIT, "TimeoutStopSec")) > 3 * grace_s
    assert settings.admin_socket.parent.name == setting(UNIT, "RuntimeDirectory")


def python_for_nobody() -> str | None:
    """Return an interpreter that every user can run, with all that harpd needs."""
    for python in (sys.executable, "/usr/bin/python3"):
        # By way of env: setpriv itself still has root's rights when it executes.
        words = ["env", python, "-P", "-c", "import harpcaller.worker.daemon"]
        fence = ["setpriv", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
        trial = [*fence, f"--reuid={NOBODY}", "--clear-groups", "--", *words]
        done = subprocess.run(
            trial, env=environment(), cwd="/", capture_output=True, check=False
        )
        if done.returncode == 0:
            return python
    return None


def environment() -> dict[str, str]:
    """Return variables by which another interpreter finds what ours does."""
    places = [str(ROOT), *(path for path in sys.path if "-packages" in path)]
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ":".join(places),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@contextmanager
def harpd_of_the_unit(
    python: str, config: Path, group: str = "root"
) -> Iterator[subprocess.Popen[bytes]]:
    """Run harpd as root with the capabilities of the unit, until the block ends.

    It is in one more group, as by SupplementaryGroups=.
    """
    capabilities = setting(UNIT, "CapabilityBoundingSet").lower().replace("cap_", "+")
    kept = ",".join(["-all", *capabilities.split()])
    fence = ["setpriv", "--no-new-privs", f"--bounding-set={kept}"]
    fence += [f"--groups={group}", "--"]
    harpd = [python, "-P", "-m", "harpcaller.worker", "start", "--config", str(config)]
    log = config.with_suffix(".log")
    reading, writing = os.pipe()
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [*fence, *harpd, "--ready-fd", str(writing)],
            env=environment(),
            stderr=stderr,
            pass_fds=[writing],
        )
    os.close(writing)
    try:
        with os.fdopen(reading) as ready:
            assert ready.readline(), log.read_text()
        yield process
        process.terminate()
        assert process.wait(20) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def python() -> str:
    """Return an interpreter, or skip where the test cannot be made."""
    powers = our_powers()
    if not powers.changes_users or not powers.changes_groups:
        pytest.skip("only root can start what is to be root")
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    found = python_for_nobody()
    if found is None:
        pytest.skip("no interpreter that the user nobody can run")
    return found


@pytest.fixture
def place(python: str, tmp_path: Path) -> Iterator[Path]:
    """Run harpd as the unit has it; return where it listens."""
    (tmp_path / "procedures.py").write_text(PROCEDURES)
    config = tmp_path / "harpd.toml"
    config.write_text(SETTINGS.format(directory=tmp_path))
    with harpd_of_the_unit(python, config):
        yield tmp_path / "socket"


async def test_its_capabilities_are_enough_to_run_calls_as_others(place: Path) -> None:
    """And none of them is left to the calls."""
    async with connect(place) as stream:
        outcome = await outcome_of(stream, a_call("state"))

    assert isinstance(outcome, Returned), outcome
    user, groups, nice, status = json.loads(outcome.value)
    assert (user, groups, nice) == (NOBODY, [NOBODY - 1], os.nice(0) + 3)
    assert re.findall(r"^Cap\w+:\s+(\w+)", status, re.MULTILINE) == ["0" * 16] * 5


async def test_its_capabilities_are_enough_to_end_what_resists(place: Path) -> None:
    """A call can stop the process above it; then harpd has to kill as root."""
    async with connect(place) as stream:
        await stream.send_all(a_call("stops_its_supervisor"))
        said = ""
        while said.count("\n") < 2:
            said += bytes(await stream.receive_some(1000)).decode()
        pids = json.loads(said.splitlines()[1])["stream"]
        assert all(map(is_alive, pids))

    await eventually(lambda: not any(map(is_alive, pids)))


async def test_the_settings_file_goes_with_the_unit(
    python: str, tmp_path: Path
) -> None:
    """As both are in the package: a call of the procedure that is there, by nobody."""
    config = tmp_path / "harpd.toml"
    text = (UNIT.parents[1] / "harpd.toml").read_text()
    text = text.replace('#admin_socket = "/', 'admin_socket = "/')
    config.write_text(text.replace("/run/harpd/", f"{tmp_path}/"))
    with harpd_of_the_unit(python, config):
        async with connect(tmp_path / "socket") as stream:
            outcome = await outcome_of(stream, a_call("uptime"))

    assert isinstance(outcome, Returned), outcome
    assert "load average" in outcome.value.decode()


async def test_a_group_that_the_unit_gives_it_may_have_its_socket(
    python: str, tmp_path: Path
) -> None:
    """Without CAP_CHOWN root can give a file only to a group that it is in."""
    config = tmp_path / "harpd.toml"
    config.write_text(
        f'listen_group = "nogroup"\n{SETTINGS.format(directory=tmp_path)}'
    )
    (tmp_path / "procedures.py").write_text(PROCEDURES)

    with harpd_of_the_unit(python, config, group="nogroup"):
        assert (tmp_path / "socket").group() == "nogroup"
        async with connect(tmp_path / "socket") as stream:
            outcome = await outcome_of(stream, a_call("state"))

    assert isinstance(outcome, Returned), outcome
    assert json.loads(outcome.value)[1] == [NOBODY - 1]
    assert "\n#SupplementaryGroups=" in UNIT.read_text()
