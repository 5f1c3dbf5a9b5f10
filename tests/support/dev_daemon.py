"""`harpcallerd start --dev` as a newcomer runs it, in a directory of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HARPCALLERD = [sys.executable, "-m", "harpcaller"]
READY_S = 60.0
STOP_S = 20.0


@contextmanager
def dev_daemon(directory: Path) -> Iterator[tuple[str, int]]:
    """Run it while the block does; give the address of its port."""
    admin = directory / "admin"
    log = directory / "log"
    start = ["start", "--dev", "--listen", "127.0.0.1:0"]
    start += ["--state-dir", str(directory / "state"), "--socket", str(admin)]
    with log.open("wb") as said:
        process = subprocess.Popen([*HARPCALLERD, *start], stdout=said, stderr=said)
    try:
        yield _address(admin)
    except BaseException as error:
        error.add_note(f"the daemon's log:\n{log.read_text(errors='replace')}")
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        finally:
            process.kill()


def _address(admin: Path) -> tuple[str, int]:
    """Return where it listens, once it does."""
    status = ["status", "--wait", "--json", "--timeout", str(READY_S)]
    run = subprocess.run(
        [*HARPCALLERD, *status, "--socket", str(admin)],
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run
    host, _, port = json.loads(run.stdout)["listen"][0].rpartition(":")
    return host, int(port)
