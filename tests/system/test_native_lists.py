"""Lists over HTTP: in pages, and the same as an administrator gets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon_process import DaemonProcess, running_daemon
from logging_worker import running_worker
from web_client import ON, WebClient, web_client

from indira.client import AdminClient

JOBS = 7
QUEUES = [{"q": number} for number in range(3)]


@pytest.fixture(name="daemon", scope="module")
def fixture_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """Run one with jobs that run, wait and have ended."""
    folder = tmp_path_factory.mktemp("lists")
    with (
        running_worker(folder / "worker") as worker,
        running_daemon(
            folder / "daemon", hosts=worker.hosts(), settings={**ON, "stop_grace_s": 0}
        ) as daemon,
        web_client(daemon) as web,
    ):
        for number in range(JOBS):
            told = web.submit(
                {
                    "host": "unix",
                    "procedure": "hang",
                    "arguments": {"tag": "t"},
                    "queue": {"name": QUEUES[number % len(QUEUES)]},
                }
            )
            assert told.status == 201
        ended = {"host": "nowhere", "procedure": "p", "arguments": []}
        job = web.submit(ended).headers["Location"]
        web.get(f"{job}/result?wait=20")
        yield daemon


@pytest.fixture(name="web")
def fixture_web(daemon: DaemonProcess) -> Iterator[WebClient]:
    """Return a connection to it."""
    with web_client(daemon) as web:
        yield web


def all_of(web: WebClient, path: str, name: str, limit: int) -> list[object]:
    """Return a list from its pages."""
    found: list[object] = []
    after = ""
    while True:
        page = web.get(f"{path}limit={limit}{after}").value
        assert len(page[name]) <= limit
        found += page[name]
        if page["after"] is None:
            return found
        after = f"&after={page['after']}"


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_pages_together_are_the_list(
    daemon: DaemonProcess, web: WebClient, limit: int
) -> None:
    """The administrator's, however long they are."""
    with AdminClient(daemon.admin_socket, timeout_s=60) as admin:
        jobs = admin.send("list_jobs", list_all=True)["jobs"]
        queues = admin.send("list_queues", details=True)["queues"]
        hosts = admin.send("list_hosts")["hosts"]

    assert all_of(web, "/v1/jobs?", "jobs", limit) == jobs
    assert all_of(web, "/v1/queues?", "queues", limit) == queues
    assert all_of(web, "/v1/hosts?", "hosts", limit) == hosts
    assert (len(jobs), len(queues), len(hosts)) == (JOBS + 1, len(QUEUES), 2)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("state=running", 3),
        ("state=queued", JOBS - 3),
        ("state=ended", 1),
        ("host=nowhere", 1),
        ("host=unix&state=ended", 0),
        ("host=", 0),
        ("label=none", 0),
    ],
)
def test_jobs_are_found_by_what_is_known_of_them(
    web: WebClient, query: str, count: int
) -> None:
    """All that was said has to hold."""
    assert len(all_of(web, f"/v1/jobs?{query}&", "jobs", 100)) == count


@pytest.mark.parametrize(
    "path",
    [
        "/v1/jobs?state=over",
        "/v1/jobs?limit=0",
        "/v1/jobs?limit=1001",
        "/v1/jobs?after=nonsense",
        "/v1/jobs?after=" + "9" * 40,
        "/v1/queues?after=zz",
        "/v1/queues?state=running",
        "/v1/hosts?host=x",
    ],
)
def test_a_doubtful_question_is_refused(web: WebClient, path: str) -> None:
    """A list of something else would be believed."""
    told = web.get(path)

    assert (told.status, told.error) == (400, "invalid_request")


def test_a_list_bears_no_credentials(tmp_path: Path) -> None:
    """Of hosts it tells where they are."""
    hosts = {"w": {"address": "w.example", "user": "u", "password": "canary"}}
    with (
        running_daemon(tmp_path, hosts=hosts, settings=ON) as daemon,
        web_client(daemon) as web,
    ):
        told = web.get("/v1/hosts")

    assert told.value["hosts"] == [
        {"hostname": "w", "address": "w.example", "port": 4306}
    ]
