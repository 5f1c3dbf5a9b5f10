"""What is built of one commit: always the same bytes, and a list of what is in it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import apsw
import attrs
import pytest
from packages import (
    ROOT,
    SOURCE_DATE_EPOCH,
    WHEELS,
    build_environment,
    built,
    needs_packer,
)
from packaging.markers import Marker

pytestmark = [needs_packer, pytest.mark.timeout(240)]


@attrs.frozen
class Builds:
    """What was built of a tree, and of the tree that its source archive is."""

    first: Path
    again: Path
    unpacked: Path


def distribute(tree: Path, output: Path) -> None:
    """Build the wheel and the source archive of a tree."""
    build = [sys.executable, "-m", "hatchling", "build", "--directory", str(output)]
    subprocess.run(
        [*build, "--target", "sdist", "--target", "wheel"],
        cwd=tree,
        env=build_environment(),
        check=True,
        capture_output=True,
    )


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Builds:
    """Everything, built twice: in this tree, and elsewhere from the archive."""
    folder = tmp_path_factory.mktemp("builds")
    first, again = folder / "first", folder / "again"
    distribute(ROOT, first)
    [archive] = first.glob("*.tar.gz")
    with tarfile.open(archive) as source:
        source.extractall(folder / "elsewhere", filter="data")
    [unpacked] = (folder / "elsewhere").iterdir()
    distribute(unpacked, again)
    for tree, output in ((ROOT, first), (unpacked, again)):
        built("deb.py", output, tree=tree)
        built("sbom.py", output, tree=tree)
    return Builds(first, again, unpacked)


def test_the_same_commit_gives_the_same_bytes(builds: Builds) -> None:
    """Whoever doubts what he was given can build it himself, wherever he is."""
    names = sorted(path.name for path in builds.first.iterdir())

    assert {Path(name).suffix for name in names} == {".deb", ".gz", ".json", ".whl"}
    for name in names:
        assert (builds.first / name).read_bytes() == (builds.again / name).read_bytes()


def test_the_source_archive_is_all_that_is_needed(builds: Builds) -> None:
    """It is what distributions begin with: tests, manual, units and packaging."""
    for name in ("tests", "man", "etc/systemd", "packaging", "Makefile", ".ci/run"):
        assert (builds.unpacked / name).exists()
    assert not (builds.unpacked / ".venv").exists()
    assert not (builds.unpacked / ".git").exists()


@pytest.fixture(scope="module")
def bill(builds: Builds) -> Any:
    """The list of what the package carries."""
    [file] = builds.first.glob("*.cdx.json")
    return json.loads(file.read_text())


def locked() -> dict[str, tuple[str, str]]:
    """Return what is locked for Linux: versions and hashes by name."""
    text = (ROOT / "requirements" / "runtime.txt").read_text().replace("\\\n", "")
    lines = re.findall(r"^([\w.-]+)==(\S+) (.*)$", text, re.MULTILINE)
    found = {}
    for name, version, rest in lines:
        marker, _, hashes = rest.lstrip("; ").partition("--hash=")
        if not marker.strip() or Marker(marker).evaluate():
            found[name] = (version, hashes)
    return found


def test_it_names_every_locked_dependency(bill: Any) -> None:
    """An advisory names a version: it has to be found in the list, by its hash too."""
    listed = {component["name"]: component for component in bill["components"]}

    assert set(listed) == {*locked(), "sqlite"}
    assert len(listed) == len(list(WHEELS.glob("*.whl"))) + 1
    for name, (version, hashes) in locked().items():
        assert listed[name]["version"] == version
        assert listed[name]["purl"] == f"pkg:pypi/{name}@{version}"
        assert f"sha256:{listed[name]['hashes'][0]['content']}" in hashes
        assert listed[name]["licenses"]


def test_it_names_the_sqlite_that_comes_along(bill: Any) -> None:
    """It is part of a wheel, and advisories do not name the wheel."""
    [sqlite] = [found for found in bill["components"] if found["name"] == "sqlite"]
    assert sqlite["version"] == apsw.sqlite_lib_version()


def test_it_tells_who_needs_whom(bill: Any) -> None:
    """Every name in it is that of a component, and all of them are needed by us."""
    edges = {edge["ref"]: edge["dependsOn"] for edge in bill["dependencies"]}
    reached, found = set(), [bill["metadata"]["component"]["bom-ref"]]
    while found:
        name = found.pop()
        reached.add(name)
        found += set(edges.get(name, ())) - reached

    components = {component["bom-ref"] for component in bill["components"]}
    assert reached - components == {bill["metadata"]["component"]["bom-ref"]}
    assert components <= reached


def test_it_is_of_the_commits_time(bill: Any) -> None:
    """Else each build would be another one."""
    assert SOURCE_DATE_EPOCH == "1750000000"
    assert bill["metadata"]["timestamp"] == "2025-06-15T15:06:40Z"
