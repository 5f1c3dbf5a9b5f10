"""The command `harpd`: what it prints and how it exits."""

from __future__ import annotations

import grp
import os
import stat
import subprocess
from pathlib import Path

import pytest
from harpd_process import HARPD, running_harpd

from harpcaller import __version__


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run harpd until it exits by itself."""
    return subprocess.run(
        [*HARPD, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_it_tells_its_version() -> None:
    """Bug reports begin with it."""
    done = run("version")

    assert (done.returncode, done.stdout) == (0, f"harpd {__version__}\n")


def test_a_mistake_in_the_settings_is_a_usage_error(tmp_path: Path) -> None:
    """It is told in one line, not in a traceback."""
    config = tmp_path / "harpd.toml"
    config.write_text("lisen = 'x'\n")

    done = run("start", "--config", str(config))

    assert done.returncode == 2
    message = 'harpd: unknown key "lisen", did you mean "listen"?\n'
    assert done.stderr == message


@pytest.mark.parametrize("text", ["import no_such_module\n", "def x(:\n", None])
def test_procedures_that_cannot_be_loaded_are_told(
    tmp_path: Path, text: str | None
) -> None:
    """At the start, not at the first call."""
    file = tmp_path / "procedures.py"
    if text is not None:
        file.write_text(text)
    words = ("--procedures", str(file), "--listen", f"unix:{tmp_path}/socket")

    done = run("start", *words)

    assert done.returncode == 1
    assert "harpd: procedures were not loaded: " in done.stderr


def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """Before anything listens."""
    (tmp_path / "users").write_text("a:b\n")
    (tmp_path / "p.py").write_text("")

    done = run(
        *("start", "--procedures", str(tmp_path / "p.py"), "--listen", "127.0.0.1:0"),
        *("--cert", "/no/such", "--key", "/no/such"),
        *("--users", str(tmp_path / "users")),
    )

    assert done.returncode == 2
    assert '"cert_file"' in done.stderr


def test_the_end_of_input_must_mean_something(tmp_path: Path) -> None:
    """/dev/null always ends at once, whoever started us."""
    words = ("--procedures", "p.py", "--listen", f"unix:{tmp_path}/socket")

    done = run("start", *words, "--stop-at-eof")

    assert done.returncode == 2
    assert "must be a pipe" in done.stderr


def test_an_address_in_use_is_told(tmp_path: Path) -> None:
    """A second worker must not take the socket of the first."""
    with running_harpd(tmp_path, "") as harpd:
        words = ("--procedures", str(tmp_path / "procedures.py"))
        done = run("start", *words, "--listen", f"unix:{harpd.path}")
        other = f"unix:{tmp_path}/other"
        admin = run("start", *words, "--listen", other, "--socket", str(harpd.admin))

    assert done.returncode == 2
    assert "somebody listens there" in done.stderr
    assert admin.returncode == 2
    assert 'harpd: "admin_socket": ' in admin.stderr


def test_the_file_says_what_the_command_line_does_not(tmp_path: Path) -> None:
    """And the command line wins."""
    config = tmp_path / "harpd.toml"
    config.write_text(f'listen = "unix:{tmp_path}/other"\nstop_grace_s = 1\n')

    with running_harpd(tmp_path, "", "--config", str(config)) as harpd:
        assert harpd.path == tmp_path / "worker.sock"


@pytest.mark.parametrize(
    ("group", "mode"), [(None, 0o600), (grp.getgrgid(os.getgid()).gr_name, 0o660)]
)
def test_a_unix_socket_is_harpds_own_or_a_groups(
    tmp_path: Path, group: str | None, mode: int
) -> None:
    """A dispatcher beside us runs as a user of its own."""
    config = tmp_path / "harpd.toml"
    config.write_text("" if group is None else f'listen_group = "{group}"\n')

    with running_harpd(tmp_path, "", "--config", str(config)) as worker:
        found = worker.path.stat()

    assert stat.S_IMODE(found.st_mode) == mode
    assert found.st_gid == os.getgid()


def test_an_unknown_group_is_told(tmp_path: Path) -> None:
    """Not in a traceback."""
    config = tmp_path / "harpd.toml"
    (tmp_path / "p.py").write_text("")
    config.write_text(
        f'listen_group = "no such"\nlisten = "unix:{tmp_path}/s"\nprocedures = "p.py"'
    )

    done = run("start", "--config", str(config), "--socket", str(tmp_path / "admin"))

    assert done.returncode == 2
    assert done.stderr.endswith('harpd: "listen_group": no group "no such"\n')


def test_a_dead_workers_socket_is_replaced(tmp_path: Path) -> None:
    """After `kill -9` the file is still there."""
    with running_harpd(tmp_path, "") as harpd:
        harpd.process.kill()
        harpd.process.wait()
        assert harpd.path.exists()

    with running_harpd(tmp_path, "") as harpd:
        assert harpd.path.exists()
