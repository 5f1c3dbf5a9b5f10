"""The Debian package, unopened: what is in it, and that it is for any machine."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from packages import ROOT, built, needs_packer

pytestmark = needs_packer
SCRIPTS = ("postinst", "prerm", "postrm")
MAN = list((ROOT / "man").iterdir())
UNITS = list((ROOT / "etc" / "systemd").iterdir())
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
OURS = {"harpcaller", "indira", "protocol"}
SITE = "/usr/lib/harpcaller/lib/python3.11/site-packages"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of this tree."""
    return built("deb.py", tmp_path_factory.mktemp("package") / "built")


@pytest.fixture(scope="module")
def tree(package: Path) -> Path:
    """Its files, and those of dpkg in DEBIAN."""
    folder = package.parent / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", package, folder], check=True)
    return folder


@pytest.fixture(scope="module")
def listed(package: Path) -> dict[str, str]:
    """The mode and owner of each of its files, by path."""
    told = subprocess.run(
        ["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True
    )
    lines = [line.split(maxsplit=5) for line in told.stdout.splitlines()]
    return {line[5].removeprefix("."): f"{line[0]} {line[1]}" for line in lines}


def field(package: Path, name: str) -> str:
    """Return a field of its control file."""
    told = subprocess.run(
        ["dpkg-deb", "--field", package, name],
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout.strip()


def test_everything_is_where_debian_has_it(listed: dict[str, str]) -> None:
    """Commands, units, manual, settings: nothing of it is to be copied by hand."""
    pages = {f"/usr/share/man/man{page.suffix[1:]}/{page.name}.gz" for page in MAN}
    units = {f"/usr/lib/systemd/system/{unit.name}" for unit in UNITS}

    assert pages | units <= listed.keys()
    for path in (
        "/etc/logrotate.d/harpcallerd",
        "/usr/lib/sysusers.d/harpcaller.conf",
        "/usr/lib/tmpfiles.d/harpcaller.conf",
        "/usr/share/doc/harpcaller/changelog.Debian.gz",
        "/usr/share/doc/harpcaller/changelog.gz",
        "/usr/share/doc/harpcaller/copyright",
        "/usr/share/doc/harpcaller/harpcaller.cdx.json",
        f"{SITE}/harpcaller/cli.py",
        f"{SITE}/indira/cli.py",
        f"{SITE}/protocol/py.typed",
        f"{SITE}/trio/py.typed",
    ):
        assert listed[path] == "-rw-r--r-- root/root"
    for name in ("harp", "harp-harmony", "harpcallerd", "harpd"):
        command = f"/usr/lib/harpcaller/bin/{name}"
        assert listed[command] == "-rwxr-xr-x root/root"
        assert f"/usr/bin/{name} -> ../lib/harpcaller/bin/{name}" in listed


def test_only_owners_may_read_where_passwords_are(listed: dict[str, str]) -> None:
    """Between unpacking and the scripts nobody else may, either."""
    assert listed["/etc/harpcaller/harpcaller.toml"] == "-rw-r----- root/root"
    assert listed["/etc/harpcaller/harpd.toml"] == "-rw------- root/root"


def test_settings_are_the_administrators(tree: Path) -> None:
    """What he changed is not written over by an upgrade."""
    assert sorted((tree / "DEBIAN" / "conffiles").read_text().split()) == [
        "/etc/harpcaller/harpcaller.toml",
        "/etc/harpcaller/harpd.toml",
        "/etc/logrotate.d/harpcallerd",
    ]


LICENSES = ("LICENSE", "COPYING")


def test_every_library_in_it_has_its_license(tree: Path) -> None:
    """Whoever passes the package on passes all of them on."""
    said = (tree / "usr/share/doc/harpcaller/copyright").read_text()
    site = tree / SITE.removeprefix("/")

    carried = {path.name for path in site.iterdir()} - OURS
    carried = {name for name in carried if not name.startswith("harpcaller-")}
    assert len(carried) > 20
    assert [name for name in carried if f"{SITE[1:]}/{name}*" not in said] == []
    for library in site.glob("*.dist-info"):
        names = {path.name for path in library.rglob("*")}
        assert any(word in name for name in names for word in LICENSES), library


def test_it_is_for_one_python_and_one_architecture(package: Path) -> None:
    """Compiled modules are: on another one it would be installed and not run."""
    needs = field(package, "Depends").split(", ")

    assert {"python3 (>= 3.11)", "python3 (<< 3.12)"} <= set(needs)
    assert field(package, "Architecture") == ARCHITECTURE


def test_nothing_in_it_is_of_the_machine_that_built_it(tree: Path) -> None:
    """A path of that machine leads nowhere on others, and nobody's files are his."""
    strange = [str(ROOT).encode(), str(tree.parent).encode(), b"/tmp/tmp"]
    files = [path for path in tree.rglob("*") if path.is_file()]

    assert len(files) > 400
    for path in files:
        if not path.is_symlink():
            assert not any(place in path.read_bytes() for place in strange), path
    assert not [path for path in files if path.suffix == ".pyc"]
    commands = tree / "usr" / "lib" / "harpcaller" / "bin"
    for name in ("harp", "harp-harmony", "harpcallerd", "harpd"):
        first = (commands / name).read_text().splitlines()[0]
        assert first == "#!/usr/lib/harpcaller/bin/python3 -I"
    assert (commands / "python3").readlink() == Path("../../../bin/python3.11")


@pytest.mark.parametrize("name", SCRIPTS)
def test_its_scripts_are_for_every_shell(name: str, tree: Path) -> None:
    """Debian's is dash; and they end at the first thing that fails."""
    script = tree / "DEBIAN" / name

    assert os.access(script, os.X_OK)
    assert re.match(r"#!/bin/sh\n(#.*\n)*set -e\n", script.read_text())
    shell = shutil.which("dash") or "sh"
    assert subprocess.run([shell, "-n", script], check=False).returncode == 0


@pytest.mark.parametrize("name", SCRIPTS)
def test_its_scripts_know_all_units(name: str, tree: Path) -> None:
    """Else one of them would not be restarted, or go on after all is gone."""
    script = (tree / "DEBIAN" / name).read_text()

    assert [unit.name for unit in UNITS if unit.name not in script] == []


def test_a_later_revision_is_a_later_version(package: Path) -> None:
    """So that a package that was mended replaces the other."""
    again = built("deb.py", package.parent.parent / "later", "--revision", "2")

    compare = ["dpkg", "--compare-versions", field(package, "Version"), "lt"]
    assert (
        subprocess.run([*compare, field(again, "Version")], check=False).returncode == 0
    )
