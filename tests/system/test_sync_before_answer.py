"""No answer leaves before its fsync: what a kill cannot show, a power failure would."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest
from daemon_process import DaemonProcess, running_daemon
from json_lines import Reply
from logging_worker import running_worker

from protocol.jsontext import JsonText, encode

pytestmark = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace is not installed"
)

JOBS = 10
_TRACED = "trace=pwrite64,fdatasync,sendto"
_BYTE = re.compile(rb"\\x([0-9a-f]{2})")


@attrs.frozen
class Trace:
    """The syscalls of a daemon: each a line, data in clear."""

    lines: Sequence[bytes]

    def is_synced_between(self, written: bytes, sent: bytes) -> bool:
        """Tell whether a sync ended between the first write and the first send."""
        write = self._first(b"pwrite64(", written)
        send = self._first(b"sendto(", sent)
        return any(
            b"fdatasync" in line and line.rstrip().endswith(b"= 0")
            for line in self.lines[write:send]
        )

    def _first(self, syscall: bytes, data: bytes) -> int:
        return next(
            number
            for number, line in enumerate(self.lines)
            if syscall in line and data in line
        )


def test_ids_packets_and_outcomes_are_synced_before_they_are_told(
    tmp_path: Path,
) -> None:
    """P1: told means kept, on the disk and not in the memory of the kernel."""
    file = tmp_path / "trace"
    below = ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-xx", "-s", "70000"]
    below += ["-e", _TRACED, "-o", str(file)]
    with (
        running_worker(tmp_path / "worker") as worker,
        running_daemon(
            tmp_path / "daemon",
            hosts=worker.hosts(),
            settings={"ca_file": str(worker.ca_file)},
            below=below,
        ) as daemon,
    ):
        told = [_call_and_follow(daemon, f"tag {n}") for n in range(JOBS)]
        daemon.terminate()
        daemon.wait()
    trace = Trace([_in_clear(line) for line in file.read_bytes().splitlines()])

    for number, (job_id, packet, outcome) in enumerate(told):
        blob = bytes.fromhex(job_id.replace("-", ""))
        assert trace.is_synced_between(blob, job_id.encode()), f"the id of {number}"
        data = _text(packet["data"])
        assert trace.is_synced_between(data, b'"data":' + data), f"packet of {number}"
        data = _text(outcome["result"])
        assert trace.is_synced_between(data, b'"result":' + data), f"end of {number}"


def _call_and_follow(daemon: DaemonProcess, tag: str) -> tuple[str, Reply, Reply]:
    """Return the id, the only packet and the outcome of a new job, as told."""
    arguments = {"tag": tag, "n": 1, "seconds": 0.02}
    call = {"host": "unix", "procedure": "stream", "arguments": arguments}
    job_id = daemon.ask(call)["job_id"]
    packet = daemon.ask({"follow_stream": job_id, "since": 0})
    return job_id, packet, daemon.ask({"get_result": job_id})


def _text(value: object) -> JsonText:
    return encode(value)  # type: ignore[arg-type]  # it is what JSON was read to


def _in_clear(line: bytes) -> bytes:
    return _BYTE.sub(lambda found: bytes.fromhex(found[1].decode()), line)
