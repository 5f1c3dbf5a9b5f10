"""The wheel, installed in a clean environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("harpcaller", "indira", "protocol")
# PYTHONPATH and coverage would bring the tree in again.
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("PYTHON", "COVERAGE", "PIP_"))
}
OWNERS = f"""
import importlib, importlib.metadata, json
owners = importlib.metadata.packages_distributions()
print(json.dumps({{
    name: [owners[name], importlib.import_module(name).__file__] for name in {NAMES}
}}))
"""

pytestmark = pytest.mark.skipif(
    find_spec("hatchling") is None or find_spec("pip") is None,
    reason="hatchling and pip are not installed",
)


def pip(*words: str | Path) -> None:
    """Run pip without a network."""
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    command = [sys.executable, "-m", "pip", *quiet, *map(str, words)]
    subprocess.run(command, env=CLEAN, check=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "-w", folder, ROOT)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new virtual environment with the wheel in it.

    What the wheel depends on is borrowed from the environment of the tests: it is
    locked, and a path in a .pth file brings no .pth files of its own along.
    """
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", folder], env=CLEAN, check=True
    )
    python = folder / "bin" / "python"
    pip("--python", python, "install", "--no-deps", "--no-index", wheel)
    [site] = folder.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def test_the_wheel_owns_its_three_names(environment: Path) -> None:
    """`protocol` is a name that others use: whoever is installed last would win."""
    python = environment / "bin" / "python"

    told = subprocess.run(
        [python, "-c", OWNERS], env=CLEAN, cwd="/", capture_output=True, check=True
    )

    for owners, file in json.loads(told.stdout).values():
        assert set(owners) == {"harpcaller"}
        assert Path(file).is_relative_to(environment)


@pytest.mark.parametrize(
    "words",
    [
        ("harpcallerd", "version"),
        ("harpd", "--help"),
        ("harp", "--help"),
        ("harp-harmony", "--help"),
    ],
    ids=lambda words: str(words[0]),
)
def test_each_command_of_the_wheel_starts(
    environment: Path, words: tuple[str, str]
) -> None:
    """A module that was left out of the wheel shows here and nowhere else."""
    command, word = words

    run = subprocess.run(
        [environment / "bin" / command, word],
        env=CLEAN,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.returncode, run.stderr) == (0, "")
    assert command in run.stdout


def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel: Path) -> None:
    """Tests, tools and forgotten files are not for those who install it."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    tops = {name.partition("/")[0] for name in names}
    assert {t for t in tops if not t.endswith((".dist-info", ".data"))} == set(NAMES)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    for name in NAMES:
        assert f"{name}/py.typed" in names


@pytest.mark.parametrize("command", ["harp", "harp-harmony", "harpcallerd", "harpd"])
def test_completions_and_manuals_are_installed_where_they_are_looked_for(
    environment: Path, command: str
) -> None:
    """Who installs a package has them without a further step."""
    share = environment / "share"

    completions = {
        f"bash-completion/completions/{command}": f"bash/{command}.bash",
        f"zsh/site-functions/_{command}": f"zsh/_{command}",
        f"fish/vendor_completions.d/{command}.fish": f"fish/{command}.fish",
    }
    for there, kept in completions.items():
        assert (share / there).read_bytes() == (
            ROOT / "completions" / kept
        ).read_bytes()
    for page in (ROOT / "man").iterdir():
        installed = share / "man" / f"man{page.suffix[1:]}" / page.name
        assert installed.read_bytes() == page.read_bytes()


def test_the_wheel_has_the_pages_of_adapters(wheel: Path) -> None:
    """They are no modules: nobody imports them, and a build may leave them out."""
    folder = ROOT / "harpcaller" / "adapters" / "panoptes" / "static"

    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if "/static/" in name}

    assert packed >= {str(path.relative_to(ROOT)) for path in folder.iterdir()}
