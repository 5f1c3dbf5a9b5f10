"""Streams as server-sent events: each packet once and in order, whatever happens."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from daemon_process import DaemonProcess, Table, running_daemon
from event_source import EventSource
from eventually import wait_until
from logging_worker import running_worker
from web_client import ON, WebClient, figures, web_address, web_client
from web_place import get

FOLLOWERS = 50
PACKETS = 10_000


@attrs.frozen
class Place:
    """A daemon with a worker, and its HTTP side."""

    daemon: DaemonProcess
    web: WebClient
    port: int

    def run(self, procedure: str, **more: Any) -> str:
        """Submit a call; return where its job is."""
        retries = more.pop("retries", 0)
        arguments = {"tag": "t", **more}
        call = {"host": "unix", "procedure": procedure, "arguments": arguments}
        told = self.web.submit({**call, "retries": retries})
        assert told.status == 201, told
        return str(told.headers["Location"])

    def follow(self, path: str, *headers: str) -> EventSource:
        """Return what followed a stream to its end."""
        source = EventSource(path, headers)
        trio.run(source.run, self.port)
        return source

    def packets(self, job: str) -> list[int]:
        """Return the numbers of all that the job streamed."""
        numbers: list[int] = []
        while True:
            path = f"{job}/packets?since={len(numbers)}"
            page = self.web.get(path).value
            numbers += [one["packet"] for one in page["packets"]]
            if "continue" not in page:
                return numbers


@pytest.fixture(name="daemon", scope="module")
def fixture_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """Run one for those that leave it as it is."""
    folder = tmp_path_factory.mktemp("streams")
    settings: Table = {**ON, "stop_grace_s": 0, "http.max_followers": 60}
    with (
        running_worker(folder / "worker") as worker,
        running_daemon(
            folder / "daemon", hosts=worker.hosts(), settings=settings
        ) as daemon,
    ):
        yield daemon


@pytest.fixture(name="place")
def fixture_place(daemon: DaemonProcess) -> Iterator[Place]:
    """Return it with a connection that is not idle yet."""
    with web_client(daemon) as web:
        yield Place(daemon, web, web_address(daemon)[1])


def test_a_stream_looks_as_browsers_read_it(place: Place) -> None:
    """The number is the id, the line is the data, and the end is an event."""
    job = place.run("stream", n=2)
    place.web.get(f"{job}/result?wait=20")

    told = place.web.get(f"{job}/stream?since=0")

    packet = {"fence": 1, "n": 0, "tag": "t"}
    blocks = told.body.decode().split("\n\n")
    assert told.content_type == "text/event-stream; charset=utf-8"
    assert told.headers["Cache-Control"] == "no-store"
    assert told.headers["X-Accel-Buffering"] == "no"
    assert blocks[0] == "retry: 3000"
    number, _, data = blocks[1].partition("\ndata: ")
    assert (number, json.loads(data)) == ("id: 0", {"packet": 0, "data": packet})
    assert blocks[3:] == ['event: end\ndata: {"result":{"tag":"t"}}', ""]


@pytest.mark.parametrize(
    ("query", "last_id", "first"),
    [
        ("", None, 500),
        ("?since=0", None, 0),
        ("?since=490", None, 490),
        ("?since=600", None, 500),
        ("?recent=3", None, 497),
        ("?recent=9999", None, 0),
        ("", 249, 250),
        ("?since=0", 249, 250),
        ("?recent=1", 499, 500),
    ],
)
def test_a_stream_that_has_ended_gives_what_was_asked_for(
    place: Place, query: str, last_id: int | None, first: int
) -> None:
    """And then the end, always; where a client was wins over where it began."""
    job = place.run("stream", n=500)
    place.web.get(f"{job}/result?wait=20")
    headers = () if last_id is None else (f"Last-Event-ID: {last_id}",)

    found = place.follow(f"{job}/stream{query}", *headers)

    assert found.numbers == list(range(first, 500))
    assert found.end == {"result": {"tag": "t"}}


@pytest.mark.parametrize("value", ["x", "-1", "1.0", "", "9" * 19])
def test_a_doubtful_place_is_refused(place: Place, value: str) -> None:
    """To begin elsewhere would lose packets, or repeat them."""
    job = place.run("answer")

    told = place.web.get(f"{job}/stream", Last_Event_ID=value)

    assert (told.status, told.error) == (400, "invalid_request")


def test_a_stream_of_no_job_is_not_found(place: Place) -> None:
    """An EventSource does not come again then."""
    told = place.web.get("/v1/jobs/00000000-0000-7000-8000-000000000000/stream")

    assert (told.status, told.error) == (404, "invalid_jobid")


@pytest.mark.parametrize(
    ("procedure", "end"),
    [("fail", {"exception": {"type": "broken", "message": "t"}})],
)
def test_every_way_to_end_is_an_end(
    place: Place, procedure: str, end: dict[str, Any]
) -> None:
    """A stream that ended without it was cut off."""
    assert place.follow(f"{place.run(procedure)}/stream?since=0").end == end


def test_a_cancel_ends_a_stream(place: Place) -> None:
    """As it ends the job."""
    job = place.run("hang")

    async def both() -> EventSource:
        source = EventSource(f"{job}/stream")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(source.run, place.port)
            await trio.sleep(0.3)
            await trio.to_thread.run_sync(place.web.ask, "DELETE", job)
        return source

    assert trio.run(both).end == {"cancelled": True}


async def follow_all(
    job: str, port: int, restart: DaemonProcess | None = None
) -> list[EventSource]:
    """Return what many followers got; the daemon dies once all have got something."""
    sources = [EventSource(f"{job}/stream?since=0") for _ in range(FOLLOWERS)]
    async with trio.open_nursery() as nursery:
        for source in sources:
            nursery.start_soon(source.run, port)
        if restart is not None:
            while not all(len(source.numbers) > 100 for source in sources):  # noqa: ASYNC110
                await trio.sleep(0.02)
            await trio.to_thread.run_sync(restart.restart)
    return sources


def test_many_followers_get_every_packet_once_and_in_order(place: Place) -> None:
    """Also beside one that reads nothing: it costs them nothing."""
    job = place.run("stream", n=PACKETS, seconds=1)
    with socket.create_connection(("127.0.0.1", place.port)) as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(get(f"{job}/stream?since=0"))
        sources = trio.run(follow_all, job, place.port)

    for source in sources:
        assert source.numbers == list(range(PACKETS))
        assert source.end == {"result": {"tag": "t"}}
        assert source.connections == 1


def test_a_restart_loses_no_packet_and_repeats_none(tmp_path: Path) -> None:
    """Who comes again says where he was; the job is begun again, its numbers go on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    with (
        running_worker(tmp_path / "worker") as worker,
        running_daemon(
            tmp_path / "daemon",
            hosts=worker.hosts(),
            settings={"http.listen": f"127.0.0.1:{port}"},
        ) as daemon,
    ):
        with web_client(daemon) as web:
            place = Place(daemon, web, port)
            job = place.run("stream", n=PACKETS, seconds=2, retries=1)
        sources = trio.run(follow_all, job, port, daemon)
        with web_client(daemon) as web:
            numbers = Place(daemon, web, port).packets(job)

    assert len(numbers) > PACKETS  # what came before the end, and all that came again
    for source in sources:
        assert source.numbers == numbers == list(range(len(numbers)))
        assert source.end == {"result": {"tag": "t"}}
        assert source.connections >= 2


def test_a_stop_is_told_and_the_job_is_kept(tmp_path: Path) -> None:
    """A follower of a job that waits comes again, and misses nothing."""
    queue = {"name": {"q": 1}}
    with (
        running_worker(tmp_path / "worker") as worker,
        running_daemon(
            tmp_path / "daemon",
            hosts=worker.hosts(),
            settings={**ON, "stop_grace_s": 0},
        ) as daemon,
        web_client(daemon) as web,
    ):
        call = {"host": "unix", "arguments": {"tag": "t"}, "queue": queue}
        web.submit({**call, "procedure": "hang"})
        waiting = web.submit({**call, "procedure": "answer"}).headers["Location"]
        with socket.create_connection(web_address(daemon), 20) as peer:
            peer.sendall(get(f"{waiting}/stream?since=0"))
            head = peer.recv(65536)
            daemon.terminate()
            rest = peer.makefile("rb").read()
        assert daemon.wait() == 0

    assert head.startswith(b"HTTP/1.1 200")
    assert b"event: shutdown\ndata: {}\n\n" in rest
    assert rest.endswith(b"0\r\n\r\n")
    assert b"event: end" not in rest


def test_one_client_follows_so_many_streams_and_no_more(place: Place) -> None:
    """They are free again once it has left."""
    job = place.run("hang")
    peers = []
    for _ in range(60):
        peer = socket.create_connection(("127.0.0.1", place.port), 20)
        peer.sendall(get(f"{job}/stream"))
        assert peer.recv(65536).startswith(b"HTTP/1.1 200")
        peers.append(peer)

    told = place.web.get(f"{job}/stream")
    counted = figures(place.web).value("harpcaller_http_followers")
    for peer in peers:
        peer.close()

    def are_gone() -> bool:
        return figures(place.web).value("harpcaller_http_followers") == 0

    wait_until(are_gone)
    assert (told.status, told.error) == (503, "overloaded")
    assert "Retry-After" in told.headers
    assert counted == 60
    assert place.web.ask("DELETE", job).value == {"cancelled": True}


def test_who_leaves_while_he_waits_is_not_waited_for(place: Place) -> None:
    """A result that he wanted costs nothing from then on."""
    job = place.run("hang")
    before = figures(place.web).value("harpcaller_connections", kind="http")
    with socket.create_connection(("127.0.0.1", place.port), 20) as peer:
        peer.sendall(get(f"{job}/result?wait=60"))
        time.sleep(0.2)

    def is_gone() -> bool:
        now = figures(place.web).value("harpcaller_connections", kind="http")
        return now <= before

    wait_until(is_gone)
    place.web.ask("DELETE", job)
