"""The Debian package on a machine: installed, used, upgraded, removed, purged."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from borrowed_machine import BorrowedMachine, borrowed_machine
from packages import built, needs_packer

pytestmark = [needs_packer, pytest.mark.timeout(240)]
SETTINGS = "/etc/harpcaller/harpcaller.toml"
LOG = "/var/log/harpcaller/harpcallerd.log"
ENABLED = "/etc/systemd/system/multi-user.target.wants/harpcallerd.service"
COMPILED = "/usr/lib/harpcaller/lib/python3.11/site-packages/protocol/__pycache__"
# A command of the service, as its unit has it run.
AS_SERVICE = "runuser -u harpcaller -- env XDG_RUNTIME_DIR=/run harpcallerd"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of this tree."""
    return built("deb.py", tmp_path_factory.mktemp("package") / "built")


@pytest.fixture(scope="module")
def machine(
    package: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BorrowedMachine]:
    """A machine that has it."""
    with borrowed_machine(tmp_path_factory.mktemp("machine")) as machine:
        machine.install(package)
        yield machine


@pytest.mark.parametrize("name", ["harpcallerd", "harpd"])
def test_its_commands_run(name: str, machine: BorrowedMachine) -> None:
    """All that they import came along, and nothing of this machine's is asked."""
    said = machine.run("env", "PYTHONPATH=/nowhere", name, "version")

    assert re.fullmatch(rf"{name} \d+\.\d+\.\d+\n", said)


def test_a_dispatcher_for_trials_answers_a_call(machine: BorrowedMachine) -> None:
    """The quick start holds for whoever has the package."""
    machine.run("sh", "-c", "harpcallerd start --dev >/tmp/trial.log 2>&1 &")
    machine.run("harpcallerd", "status", "--wait", "--timeout", "30")

    said = machine.run("harp", "call", "localhost", "echo", '{"any": ["JSON", null]}')

    assert json.loads(said) == {"any": ["JSON", None]}
    machine.run("harpcallerd", "stop")


def test_the_service_runs_as_its_user(machine: BorrowedMachine) -> None:
    """With the settings that came along, and a log that logrotate takes away."""
    settings = machine.at(SETTINGS)
    text = settings.read_text()
    settings.write_text(text.replace("#log_file =", "log_file ="))
    machine.run(*AS_SERVICE.split(), "check", "--config", SETTINGS)
    start = f"{AS_SERVICE} start --config {SETTINGS} >/tmp/log 2>&1 &"

    machine.run("sh", "-c", start)
    # Whoever is root asks at the path that the service has by its unit.
    machine.run("harpcallerd", "status", "--wait", "--timeout", "30")

    machine.run("logrotate", "--force", "/etc/logrotate.d/harpcallerd")
    machine.run("harpcallerd", "stop")
    assert "daemon.stopped" in machine.at(LOG).read_text()
    assert "daemon.stopped" not in machine.at(f"{LOG}.1").read_text()
    jobs = machine.run("stat", "-c", "%U:%G:%a", "/var/lib/harpcaller/jobs.db")
    assert jobs == "harpcaller:harpcaller:600\n"
    settings.write_text(text)


def test_a_worker_starts_with_the_settings_that_came_along(
    machine: BorrowedMachine,
) -> None:
    """And finds nothing to complain of."""
    machine.run("harpd", "check", "--config", "/etc/harpcaller/harpd.toml")


def test_systemd_has_nothing_to_say_of_the_units(machine: BorrowedMachine) -> None:
    """Here the commands are there; images for containers leave out manual pages."""
    said = machine.run(
        "sh", "-c", "systemd-analyze verify --man=no /usr/lib/systemd/system/harp*"
    )

    assert said == ""


def test_each_file_is_for_those_who_need_it(machine: BorrowedMachine) -> None:
    """Passwords are in the settings, arguments of calls in the state."""
    places = [SETTINGS, "/etc/harpcaller/harpd.toml", "/var/lib/harpcaller"]

    said = machine.run("stat", "-c", "%U:%G:%a", *places, "/run/harpcaller")

    assert said.split() == [
        *("root:harpcaller:640", "root:root:600"),
        *("harpcaller:harpcaller:700", "harpcaller:harpcaller:755"),
    ]


def test_nothing_is_enabled_by_itself(machine: BorrowedMachine) -> None:
    """Which daemon is wanted on a machine, the package cannot know."""
    assert (
        machine.attempt("systemctl", "is-enabled", "harpcallerd").stdout == "disabled\n"
    )
    assert machine.attempt("systemctl", "is-enabled", "harpd").stdout == "disabled\n"


def test_it_comes_is_renewed_and_goes(package: Path, tmp_path: Path) -> None:
    """What an administrator did outlives all but the purge, and that leaves nothing."""
    later = built("deb.py", tmp_path / "later", "--revision", "2")
    with borrowed_machine(tmp_path) as machine:
        before = traces(machine)
        machine.install(package)
        settings = machine.at(SETTINGS)
        settings.write_text(settings.read_text() + "# ours\n")
        settings.chmod(0o600)
        machine.at("/var/lib/harpcaller/jobs.db").touch()
        machine.run("systemctl", "enable", "harpcallerd")

        machine.install(later)
        assert machine.run("dpkg-query", "-Wf", "${Version}", "harpcaller")[-2:] == "-2"
        assert settings.read_text().endswith("# ours\n")
        assert stat.S_IMODE(settings.stat().st_mode) == 0o600
        assert machine.at(ENABLED).is_symlink()
        assert machine.at(COMPILED).is_dir()

        machine.run("dpkg", "--remove", "harpcaller")
        assert not machine.at("/usr/lib/harpcaller").exists()
        assert settings.read_text().endswith("# ours\n")
        assert machine.at("/var/lib/harpcaller/jobs.db").exists()

        machine.run("dpkg", "--purge", "harpcaller")
        assert traces(machine) == before
        assert machine.attempt("dpkg-query", "-W", "harpcaller").returncode == 1

        machine.install(package)
        assert settings.read_text() != ""


def traces(machine: BorrowedMachine) -> list[str]:
    """Return all paths with its name in them where it may have left something."""
    words = ["find", "/etc", "/run", "/usr", "/var", "-xdev", "-name", "*harp*"]
    return sorted(machine.attempt(*words).stdout.split())


def test_its_scripts_may_be_run_again(machine: BorrowedMachine) -> None:
    """What was interrupted is done once more by dpkg."""
    script = "/var/lib/dpkg/info/harpcaller.postinst"
    # As dpkg runs it; deb-systemd-helper looks at that.
    called = ["env", "DPKG_MAINTSCRIPT_PACKAGE=harpcaller", script]

    assert machine.run(*called, "configure", "") == ""
    assert machine.run(*called, "abort-upgrade", "0.1.0-1") == ""
