"""The figures of a daemon whose history is known, read as a monitor reads them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from daemon_process import DaemonProcess, running_daemon
from logging_worker import LoggingWorker, running_worker
from manual import MAN, told_in
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST
from web_client import ON, Figures, WebClient, figures, web_client

from harpcaller import __version__

QUEUE = {"name": {"name": "q"}}
TEXT = "correct horse"
WITHIN_S = 10
MANY = 1000


@attrs.frozen
class Place:
    """A daemon with a worker, and a monitor that looks at it."""

    daemon: DaemonProcess
    client: WebClient

    def call(self, procedure: str, host: str = "unix", **more: Any) -> str:
        """Submit a call; return its id."""
        arguments = {"tag": TEXT, **more.pop("arguments", {})}
        asked = {"host": host, "procedure": procedure, "arguments": arguments}
        return str(self.daemon.ask({**asked, **more})["job_id"])

    def figures_once(self, condition: Callable[[Figures], bool]) -> Figures:
        """Return the figures once they are as they should be."""
        deadline = time.monotonic() + WITHIN_S
        while not condition(found := figures(self.client)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return found


@pytest.fixture(name="worker", scope="module")
def fixture_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoggingWorker]:
    """Start a worker for all of them."""
    with running_worker(tmp_path_factory.mktemp("worker")) as worker:
        yield worker


@contextmanager
def a_place(folder: Path, worker: LoggingWorker) -> Iterator[Place]:
    """Start a daemon without a past."""
    with (
        running_daemon(
            folder,
            hosts={
                **worker.hosts(),
                "nowhere": {"address": "127.0.0.1", "port": 1, "password": TEXT},
            },
            settings={**ON, "ca_file": str(worker.ca_file), "stop_grace_s": 0},
        ) as daemon,
        web_client(daemon) as client,
    ):
        yield Place(daemon, client)


@pytest.fixture(name="place")
def fixture_place(tmp_path: Path, worker: LoggingWorker) -> Iterator[Place]:
    """Return a place of the test's own: all that happened there is known."""
    with a_place(tmp_path, worker) as place:
        yield place


@pytest.fixture(name="shared", scope="module")
def fixture_shared(
    tmp_path_factory: pytest.TempPathFactory, worker: LoggingWorker
) -> Iterator[Place]:
    """Return a place for those who do not ask what happened there before."""
    with a_place(tmp_path_factory.mktemp("daemon"), worker) as place:
        yield place


def test_they_are_openmetrics_of_what_runs(shared: Place) -> None:
    """A monitor asks by the content type, and reads to the end mark."""
    begun = time.time()

    told = shared.client.get("/metrics")
    found = Figures(told.body)

    assert told.content_type == CONTENT_TYPE_LATEST
    assert told.body.endswith(b"# EOF\n")
    assert found.value("harpcaller_build_info", version=__version__) == 1
    assert 10 < found.value("process_open_fds") < 100
    assert 2**20 < found.value("process_resident_memory_bytes") < 2**30
    assert begun - 60 < found.value("process_start_time_seconds") <= begun


def test_ends_are_counted_by_how_they_came(place: Place) -> None:
    """The first thing that an operator sees go wrong."""
    jobs = [place.call("answer") for _ in range(3)]
    jobs += [place.call("fail") for _ in range(2)]
    jobs += [place.call("answer", host="no-such-host"), place.call("x", host="nowhere")]
    running = place.call("hang", queue=QUEUE)
    waiting = place.call("hang", queue=QUEUE)
    for job_id in (waiting, running):
        place.daemon.ask({"cancel": job_id})
    for job_id in jobs:
        place.daemon.ask({"get_result": job_id})

    found = figures(place.client)

    ends = {"returned": 3, "raised": 2, "unknown_host": 1, "network_error": 1}
    for outcome, count in {**ends, "cancelled": 2, "timeout": 0}.items():
        assert found.value("harpcaller_jobs_ended_total", outcome=outcome) == count
    assert found.value("harpcaller_jobs", state="ended") == 9
    assert found.value("harpcaller_job_run_seconds_count") == 8  # one never ran
    assert found.value("harpcaller_job_wait_seconds_count") == 8


def test_what_waits_and_runs_is_told_and_for_how_long(place: Place) -> None:
    """A queue that does not move shows here before anybody complains."""
    place.call("hang", queue=QUEUE)
    for _ in range(4):
        place.call("hang", queue=QUEUE)
    time.sleep(0.5)

    found = figures(place.client)

    assert found.value("harpcaller_jobs", state="running") == 1
    assert found.value("harpcaller_jobs", state="queued") == 4
    assert found.value("harpcaller_queue_depth") == 4
    assert 0.5 <= found.value("harpcaller_queue_oldest_wait_seconds") < 30


def test_durations_are_sorted_into_buckets(place: Place) -> None:
    """From submission to start and from start to end, each in its own."""
    slow = place.call("answer", queue=QUEUE, arguments={"seconds": 0.6})
    waiting = place.call("answer", queue=QUEUE)
    for job_id in (slow, waiting):
        place.daemon.ask({"get_result": job_id})

    found = figures(place.client)

    for name in ("harpcaller_job_run_seconds", "harpcaller_job_wait_seconds"):
        assert found.value(f"{name}_bucket", le="0.5") == 1
        assert found.value(f"{name}_bucket", le="60.0") == 2
        assert found.value(f"{name}_bucket", le="+Inf") == 2
        assert 0.55 < found.value(f"{name}_sum") < 10


def test_followers_and_how_far_they_are_behind_are_told(place: Place) -> None:
    """One that does not read costs nothing here, and shows."""
    arguments = {"n": 2000, "tag": "x" * 20_000}
    job_id = place.call("stream", arguments=arguments)
    with place.daemon.connect() as stuck:
        follow = {"harpcaller": 1, "follow_stream": job_id, "since": 0}
        stuck.sendall(json.dumps(follow).encode() + b"\n")
        place.daemon.ask({"get_result": job_id})
        behind = figures(place.client)
    gone = place.figures_once(lambda f: f.value("harpcaller_followers") == 0)

    assert behind.value("harpcaller_followers") == 1
    assert 100 < behind.value("harpcaller_follower_lag_packets") <= 2000
    assert gone.value("harpcaller_follower_lag_packets") == 0


def test_the_store_tells_how_long_it_takes_and_how_much_at_once(shared: Place) -> None:
    """A slow disk shows as slow commits, then as large batches."""
    before = shared.figures_once(is_between_commits)
    with shared.daemon.connect() as client, client.makefile("rb") as replies:
        line = {"harpcaller": 1, "host": "none", "procedure": "p", "arguments": []}
        client.sendall((json.dumps(line).encode() + b"\n") * 50)
        for _ in range(50):
            replies.readline()

    found = shared.figures_once(is_between_commits)

    def grown(sample: str) -> float:
        return found.value(sample) - before.value(sample)

    commits = grown("harpcaller_store_commit_seconds_count")
    assert 0 < commits < 50
    assert grown("harpcaller_store_batch_size_sum") >= 50
    assert grown("harpcaller_store_commit_seconds_sum") > 0


def is_between_commits(found: Figures) -> bool:
    """Tell whether each commit is counted with its batch."""
    commits = found.value("harpcaller_store_commit_seconds_count")
    return found.value("harpcaller_store_batch_size_count") == commits


def test_refused_lines_and_open_connections_are_told(place: Place) -> None:
    """A client that was changed yesterday shows by its errors."""
    with place.daemon.connect() as client, client.makefile("rb") as replies:
        client.sendall(b"{\n{}\n" + b'{"harpcaller":1,"get_result":"x"}\n' * 2)
        for _ in range(4):
            replies.readline()
        found = figures(place.client)

    refused = {"parse_error": 1, "invalid_protocol": 1, "invalid_jobid": 2}
    for word, count in {**refused, "too_large": 0}.items():
        assert found.value("harpcaller_lines_refused_total", type=word) == count
    assert found.value("harpcaller_connections", kind="lines") == 1
    assert found.value("harpcaller_connections", kind="http") == 1
    assert found.value("harpcaller_accept_errors_total", reason="failed") == 0


def test_calls_to_workers_are_timed(place: Place) -> None:
    """Slow workers and slow networks are two things."""
    for host in ("unix", "unix", "tls", "tls", "nowhere"):
        place.daemon.ask({"get_result": place.call("answer", host=host)})

    found = figures(place.client)

    assert found.value("harpcaller_worker_connect_seconds_count") == 2
    assert found.value("harpcaller_worker_connections_reused_total") == 2
    assert found.value("harpcaller_worker_connect_failures_total") == 1
    assert found.value("harpcaller_worker_ack_seconds_count") == 4


def test_http_requests_are_counted_by_route(place: Place) -> None:
    """By its template: what was asked beyond them is one."""
    for path in ("/healthz", "//healthz", "/readyz", "/y", "/x"):
        place.client.get(path)

    found = figures(place.client)

    counts = {("/healthz", "200"): 2, ("/readyz", "200"): 1, ("none", "404"): 2}
    for (route, code), count in counts.items():
        labels = {"route": route, "method": "GET", "code": code}
        assert found.value("harpcaller_http_requests_total", **labels) == count


def test_a_thousand_hosts_and_queues_add_no_series(shared: Place) -> None:
    """Whoever may call could else fill the monitor's memory, and read names there."""
    figures(shared.client)
    before = figures(shared.client)
    with shared.daemon.connect(30) as client, client.makefile("rb") as replies:
        for number in range(MANY):
            call = {"host": f"h{number}", "procedure": f"p{number}", "arguments": []}
            queue = {"name": {"name": f"q{number}"}}
            line = {"harpcaller": 1, **call, "queue": queue, "info": {"i": number}}
            client.sendall(json.dumps(line).encode() + b"\n")
            replies.readline()

    ended = before.value("harpcaller_jobs", state="ended") + MANY
    found = shared.figures_once(
        lambda f: f.value("harpcaller_jobs", state="ended") == ended
    )

    assert found.series_count() == before.series_count()


def test_nothing_that_clients_said_is_in_them(shared: Place) -> None:
    """Who reads metrics is not who may read calls."""
    job_id = shared.call("answer", info={"note": TEXT}, queue={"name": {"a": TEXT}})
    shared.daemon.ask({"get_result": job_id})
    shared.daemon.ask({"get_result": shared.call("x", host="nowhere")})

    text = shared.client.get("/metrics").body.decode()

    for word in (TEXT, job_id, "nowhere"):
        assert word not in text


def test_every_metric_is_in_the_manual_and_the_reverse(shared: Place) -> None:
    """A figure that nobody explains alarms nobody, or everybody."""
    told = told_in(MAN / "harpcallerd.8", "METRICS", "Ic")

    assert told == figures(shared.client).sample_names()
