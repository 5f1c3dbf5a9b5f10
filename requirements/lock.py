"""Writes the lock files from pyproject.toml: exact releases, hashes of all files."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
PIP_COMPILE = (
    *(sys.executable, "-m", "uv", "pip", "compile", "--quiet"),
    *("--universal", "--generate-hashes", "--upgrade"),
    *("--custom-compile-command", "make lock", "--output-file"),
)
OURS = ("pyproject.toml",)
# What the Debian package carries: both daemons with all that they can be asked for.
CARRIED = ("--all-extras",)
FROM_DEV = ("--constraint", "requirements/dev.txt")
# dev first: the others then hold the same releases
LOCKS = {
    "dev.txt": (*OURS, "--all-extras", "--group", "dev"),
    "runtime.txt": (*OURS, *CARRIED, *FROM_DEV),
    "build.txt": ("--group", "build", *FROM_DEV),
    "package.txt": ("--group", "package", *FROM_DEV),
}


def main() -> None:
    """Renew every lock file from PyPI, wherever this machine's pip would look."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIP_", "UV_"))
    }
    for name, options in LOCKS.items():
        subprocess.run(  # noqa: S603 (our own words)
            [*PIP_COMPILE, f"requirements/{name}", *options],
            cwd=ROOT,
            env=environment,
            check=True,
        )


if __name__ == "__main__":
    main()
