"""etc/systemd, for the dispatcher: what systemd makes of it, and that both agree."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from manual import verbs_of
from units import UNITS, exposure_of, needs_systemd, setting, verify, with_examples

from harpcaller import descriptors
from harpcaller.front.sockets import ADMIN, CLIENT, CLIENT_TLS, WEB, WEBSOCKET
from harpcaller.start import EX_CONFIG
from indira.cli import Exit

ETC = UNITS.parent
UNIT = UNITS / "harpcallerd.service"
SOCKETS = sorted(UNITS.glob("harpcallerd-*.socket"))
TEXTS = {unit.name: unit.read_text() for unit in (UNIT, *SOCKETS)}
MOST_EXPOSED = 1.5
DEFAULTS = tomllib.loads((ETC / "harpcaller.toml").read_text())


@needs_systemd
def test_systemd_has_nothing_to_say(tmp_path: Path) -> None:
    """A key that it does not know it ignores: the fence would not be there."""
    examples = {name: with_examples(text) for name, text in TEXTS.items()}

    assert "\nLoadCredential=" in examples[UNIT.name]
    assert verify(tmp_path, TEXTS) == ""
    assert verify(tmp_path, examples) == ""


@needs_systemd
@pytest.mark.parametrize(
    ("unit", "right", "wrong"),
    [
        ("harpcallerd.service", "WatchdogSec", "WatchDogSec"),
        ("harpcallerd.service", "@resources", "@ressources"),
        ("harpcallerd-client.socket", "FileDescriptorName", "FileDescriptorname"),
    ],
)
def test_systemd_would_say_what_is_misspelt(
    unit: str, right: str, wrong: str, tmp_path: Path
) -> None:
    """Else the test above would show nothing."""
    text = TEXTS[unit]

    assert right in text
    assert wrong in verify(tmp_path, TEXTS | {unit: text.replace(right, wrong)})


@needs_systemd
def test_the_dispatcher_could_do_little_to_the_machine() -> None:
    """It speaks to strangers; a worker is there to change things, and its figure shows.

    The figure is systemd's own, and a line that is taken out raises it.
    """
    exposure = exposure_of(UNIT)

    worker = exposure_of(UNITS / "harpd.service")
    print(f"exposure: harpcallerd {exposure}, harpd {worker}")  # noqa: T201 (with -s)
    assert exposure <= MOST_EXPOSED


def test_files_may_be_given_to_groups() -> None:
    """`admin_group` and `work_group` need it; @privileged takes it away."""
    filters = [
        line.partition("=")[2]
        for line in UNIT.read_text().splitlines()
        if line.startswith("SystemCallFilter=")
    ]

    assert filters.index("@chown") > filters.index("~@privileged @resources")


def test_the_unit_goes_with_the_code() -> None:
    """What it says of verbs, exit status, places and times is the dispatcher's."""
    for name in ("ExecStart", "ExecReload"):
        program, verb, *_ = setting(UNIT, name).split()
        assert program == "/usr/bin/harpcallerd"
        assert verb in verbs_of("harpcaller")
    assert setting(UNIT, "RestartPreventExitStatus") == f"{Exit.USAGE:d} {EX_CONFIG}"
    assert setting(UNIT, "LimitNOFILE") == str(descriptors.ENOUGH)
    assert float(setting(UNIT, "TimeoutStopSec")) > 1.5 * DEFAULTS["stop_grace_s"]
    assert DEFAULTS["state_dir"] == f"/var/lib/{setting(UNIT, 'StateDirectory')}"


def test_the_admin_socket_is_where_it_is_looked_for() -> None:
    """The service's own, systemd's, and the one that root's verbs ask are the same."""
    runtime = setting(UNIT, "Environment").removeprefix("XDG_RUNTIME_DIR=")

    path = f"{runtime}/{setting(UNIT, 'RuntimeDirectory')}/admin"
    assert setting(UNITS / "harpcallerd-admin.socket", "ListenStream") == path
    assert path in (ETC.parent / "man" / "harpcallerd.8").read_text()


def test_sockets_have_the_names_that_the_dispatcher_knows() -> None:
    """They are passed by name; the client's is the address of the settings."""
    names = [setting(unit, "FileDescriptorName") for unit in SOCKETS]

    assert sorted(names) == sorted([ADMIN, CLIENT, CLIENT_TLS, WEB, WEBSOCKET])
    assert {setting(unit, "Service") for unit in SOCKETS} == {UNIT.name}
    client = setting(UNITS / "harpcallerd-client.socket", "ListenStream")
    assert [client] == DEFAULTS["listen"]


@pytest.mark.skipif(not shutil.which("logrotate"), reason="logrotate is not installed")
def test_logrotate_has_nothing_to_say(tmp_path: Path) -> None:
    """A line that it does not understand would leave all logs as they are."""
    rules = tmp_path / "harpcallerd"  # not writable for others, as it demands
    text = (ETC / "logrotate.d" / "harpcallerd").read_text()
    rules.write_text(text.replace("harpcaller harpcaller", "root root"))
    rules.chmod(0o644)

    done = subprocess.run(
        ["logrotate", "--debug", "--state", tmp_path / "state", rules],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr
