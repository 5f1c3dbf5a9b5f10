"""Our worker with a dispatcher of the original, and our dispatcher with its worker."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme
from daemon_process import DaemonProcess, running_daemon
from fake_worker import open_fake_worker, original_worker, server_context
from original_client import original_call
from tls_harpd import TlsHarpd, running_tls_harpd

# As the original documents its procedures, but for Python 3.
PROCEDURES = '''
    from harpcaller.worker import procedure, streaming_procedure, Result

    @procedure
    def sum_of(a, b = 0):
        """Sum of two numbers."""
        return {"sum": a + b}

    @procedure(timeout = 0.2, uid = "nobody", gid = "nogroup")
    def too_long():
        import time
        time.sleep(60)

    @streaming_procedure
    def logs(lines = 3):
        for i in range(lines):
            yield {"line": i}
        yield Result("done")

    @streaming_procedure(timeout = 30)
    def breaks():
        yield 1
        raise Exception("broken")
'''
ACCEPTED = {"harp": 1, "stream_result": False}
STREAMING = {"harp": 1, "stream_result": True}


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsHarpd]:
    """Run a worker with a certificate and one user."""
    with running_tls_harpd(tmp_path_factory.mktemp("harpd"), PROCEDURES) as running:
        yield running


def replies_of(
    worker: TlsHarpd, procedure: str, arguments: Any, **auth: str
) -> list[dict[str, Any]]:
    """Return the replies to one call."""
    return original_call(worker.address, worker.plain, procedure, arguments, **auth)


@pytest.mark.parametrize("arguments", [[1, 2], {"a": 1, "b": 2}])
def test_a_result_is_two_lines_and_a_close(worker: TlsHarpd, arguments: Any) -> None:
    """The original reads to the end of the connection."""
    assert replies_of(worker, "sum_of", arguments) == [ACCEPTED, {"result": {"sum": 3}}]


def test_a_stream_is_its_packets_and_the_result(worker: TlsHarpd) -> None:
    """And it is told beforehand that there will be packets."""
    packets = [{"stream": {"line": number}} for number in range(3)]

    assert replies_of(worker, "logs", []) == [STREAMING, *packets, {"result": "done"}]


def test_what_was_raised_is_an_exception(worker: TlsHarpd) -> None:
    """In the middle of a stream, too, and by its limit."""
    broken = {"exception": {"type": "Exception", "message": "broken"}}

    assert replies_of(worker, "breaks", []) == [STREAMING, {"stream": 1}, broken]
    [accepted, late] = replies_of(worker, "too_long", [])
    assert accepted == ACCEPTED
    assert late["exception"]["type"] == "TimeoutError"


@pytest.mark.parametrize(
    ("procedure", "arguments", "auth", "word"),
    [
        ("nothing", [], {}, "no_such_procedure"),
        ("sum_of", [1, 2, 3], {}, "invalid_argument_list"),
        ("sum_of", "1", {}, "invalid_request"),
        ("sum_of", [1], {"password": "wrong"}, "auth_error"),
    ],
)
def test_a_refusal_is_one_line(
    worker: TlsHarpd, procedure: str, arguments: Any, auth: dict[str, str], word: str
) -> None:
    """In the original's words."""
    [refusal] = replies_of(worker, procedure, arguments, **auth)

    assert refusal["harp"] == 1
    assert refusal["error"]["type"] == word


async def test_our_dispatcher_serves_its_clients_through_the_originals_worker(
    tmp_path: Path,
) -> None:
    """Workers are replaced one by one, long after the dispatcher."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")

    def count(n: int) -> Generator[int, None, str]:
        yield from range(n)
        return "done"

    script = original_worker({"count": count, "divide": lambda a, b: a / b})
    async with open_fake_worker(script, tls=server_context(ca)) as worker:
        host = {
            "address": "127.0.0.1",
            "port": worker.port,
            "user": "user",
            "password": "pass",
        }
        settings = {"ca_file": str(tmp_path / "ca.pem")}
        ended = await trio.to_thread.run_sync(
            outcomes, tmp_path / "daemon", {"localhost": host}, settings
        )

    assert ended[0] == {"result": "done"}
    assert ended[1]["exception"]["type"] == "ZeroDivisionError"
    assert ended[2]["error"]["type"] == "no_such_procedure"
    assert worker.connections == 3
    assert all(set(json.loads(line)) == KEYS for line in worker.requests)


KEYS = {"harp", "procedure", "arguments", "auth"}
CALLS: list[tuple[str, Any]] = [
    ("count", [3]),
    ("divide", {"a": 1, "b": 0}),
    ("nothing", []),
]


def outcomes(directory: Path, hosts: Any, settings: Any) -> list[dict[str, Any]]:
    """Return how the calls end that a dispatcher is asked for."""
    with running_daemon(directory, hosts=hosts, settings=settings) as daemon:
        return [outcome(daemon, *call) for call in CALLS]


def outcome(daemon: DaemonProcess, procedure: str, arguments: Any) -> dict[str, Any]:
    """Return how one call ends."""
    call = {"host": "localhost", "procedure": procedure, "arguments": arguments}
    told = daemon.ask(call)
    return daemon.ask({"get_result": told["job_id"], "wait": True})
