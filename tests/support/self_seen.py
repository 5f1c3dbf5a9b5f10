"""What a process sees of itself: the source of a procedure and of a program.

Its text is given to workers whole, so it has to be right in both places, and have no
word in braces: in `argv` that would be an argument.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

PR_GET_PDEATHSIG = 2
RLIMITS = ("CPU", "AS", "NPROC", "NOFILE", "FSIZE", "CORE")


def look() -> dict[str, Any]:
    """Return everything, as JSON has it."""
    fds = _open_fds()  # before anything is opened
    return {
        "fds": fds,
        "status": _status(),
        # A test run that measures coverage has every process know of it.
        "environment": {
            name: os.environ[name]
            for name in os.environ
            if not name.startswith("COVERAGE_")
        },
        "first_environment": Path("/proc/self/environ").read_text(),
        "cwd": str(Path.cwd()),
        "umask": os.umask(0),
        "nice": os.nice(0),
        "io_class": subprocess.check_output(["ionice"], text=True).strip(),
        "rlimits": {name: _rlimit(name) for name in RLIMITS},
        "death_signal": _death_signal(),
        "parent": os.getppid(),
    }


def _open_fds() -> list[int]:
    found: list[int] = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 (numbers, no paths)
        with suppress(OSError):  # that of the list itself is closed again
            os.fstat(int(name))
            found.append(int(name))
    return sorted(found)


def _status() -> dict[str, str]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return dict(line.replace("\t", " ").split(": ", 1) for line in lines)


def _rlimit(name: str) -> list[int]:
    return [*resource.getrlimit(getattr(resource, "RLIMIT_" + name))]


def _death_signal() -> int:
    number = ctypes.c_int()
    ctypes.CDLL(None).prctl(PR_GET_PDEATHSIG, ctypes.byref(number), 0, 0, 0)
    return number.value


if __name__ == "__main__":
    print(json.dumps(look()))  # noqa: T201 (a program's result)
