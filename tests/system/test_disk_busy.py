"""A stranger who locks the tables for a while holds up, and breaks nothing."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
from daemon_process import running_daemon
from logging_worker import running_worker

from harpcaller.store.sqlite.schema import DATABASE

LOCKED_S = 6.0  # longer than a write waits for the lock
QUEUE = {"name": {"name": "q"}}


def test_jobs_that_end_meanwhile_end_once_he_is_gone(tmp_path: Path) -> None:
    """Their waiters hear it, their queue goes on, and a stream has all its packets."""
    with (
        running_worker(tmp_path / "worker") as worker,
        running_daemon(
            tmp_path / "daemon",
            hosts=worker.hosts(),
            settings={"ca_file": str(worker.ca_file)},
        ) as daemon,
    ):

        def call(procedure: str, **more: Any) -> str:
            arguments = {"tag": "t", **more.pop("arguments")}
            asked = {"host": "unix", "procedure": procedure, "arguments": arguments}
            return str(daemon.ask({**asked, **more})["job_id"])

        first = call("answer", arguments={"seconds": 1}, queue=QUEUE)
        second = call("answer", arguments={"seconds": 0}, queue=QUEUE)
        stream = call("stream", arguments={"n": 20, "seconds": 3})
        time.sleep(0.3)
        with closing(apsw.Connection(str(daemon.state_dir / DATABASE))) as stranger:
            stranger.execute("BEGIN IMMEDIATE")
            refused = daemon.ask({"host": "unix", "procedure": "x", "arguments": []})
            time.sleep(LOCKED_S)
            stranger.execute("ROLLBACK")

        ended = [daemon.ask({"get_result": i}) for i in (first, second, stream)]
        cancelled = daemon.ask({"cancel": first})
        with daemon.connect() as sock:
            ask = f'{{"harpcaller":1,"read_stream":"{stream}"}}\n'
            sock.sendall(ask.encode())
            packets = sock.makefile("rb").read().count(b'"packet"')

    assert refused["error"]["type"] == "storage_error"
    assert [set(one) for one in ended] == [{"result"}] * 3
    assert cancelled == {"cancelled": False}
    assert packets == 20
