"""An unmodified Snakemake, of two generations, with a real monitor: G-8, G-27."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest
from eventually import wait_until
from passed_sockets import LOOPBACK, activated, kept_socket
from snakemakes import (
    EIGHT,
    FAILS,
    GOES,
    LIMIT_S,
    NINE,
    SEVEN,
    SEVEN_FORM,
    WAITS,
    Snakemake,
)
from torment import campaign

CONNECTS = 200
USUAL = [SEVEN, NINE]
OTHERS = [pytest.param(one, marks=pytest.mark.campaign) for one in (SEVEN_FORM, EIGHT)]
IS_WHOLE = campaign(10) == 10  # each takes minutes to install
SOME = [(SEVEN, "/m1"), (NINE, "/")]  # the other test has the base alone
ALL = [
    pytest.param(one, path, marks=pytest.mark.campaign)
    for one in (SEVEN_FORM, SEVEN, EIGHT, NINE)
    for path in ("", "/", "/m1", "/m1/")
    if (one, path) not in SOME
]
SETTINGS = """
[http]
listen = "{}:{}"
[adapters.panoptes]
linger_s = 1
"""


@attrs.frozen
class Place:
    """Where a monitor is, whether it runs or not."""

    port: int

    @property
    def url(self) -> str:
        """What a client is told."""
        return f"http://{LOOPBACK}:{self.port}"

    def get(self, path: str) -> Any:
        """Return what is told there; who connects to a stopped one waits."""
        with urllib.request.urlopen(f"{self.url}{path}", timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def events(self, job_id: str) -> list[str]:
        """Return the levels of all updates."""
        packets = self.get(f"/v1/jobs/{job_id}/packets")["packets"]
        return [packet["data"]["message"]["level"] for packet in packets]


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return how a run of Snakemake ended, and what it complained of."""
    try:
        _, told = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
    return process.returncode, told


@pytest.mark.timeout(420)  # it may have to be installed
@pytest.mark.parametrize(
    "snakemake",
    [*USUAL, *(OTHERS if IS_WHOLE else [])],
    ids=lambda one: one.version,
)
def test_a_run_is_monitored_across_restarts(
    tmp_path: Path, snakemake: Snakemake
) -> None:
    """Its exit status is that without a monitor; no event is lost, none is refused.

    The daemon is stopped once and killed once while nothing is on its way; the socket
    outlives it.
    """
    with (
        kept_socket() as (lines, line_port),
        kept_socket() as (sock, port),
        activated(
            tmp_path,
            {"client": lines, "web": sock},
            f"{LOOPBACK}:{line_port}",
            SETTINGS.format(LOOPBACK, port),
        ) as start,
    ):
        place, first = Place(port), start()
        run = snakemake.start(tmp_path / "ok", place.url, WAITS)
        failing = snakemake.start(tmp_path / "fail", place.url, FAILS)
        failed = ended(failing)
        wait_until((tmp_path / "ok" / "begun").exists, LIMIT_S)
        wait_until(lambda: _knows_two_jobs(place), LIMIT_S)

        answers = _restarted_twice(first, start, place)
        (tmp_path / "ok" / "go").touch()
        done = ended(run)
        told = place.get("/api/workflows")["workflows"]
        events = {one["status"]: place.events(one["id"]) for one in told}

    assert (failed[0], done[0]) == (1, 0), (failed, done)
    assert "not recognized" not in failed[1] + done[1]
    assert answers == ["running"] * CONNECTS
    counts = {one["status"]: (one["jobs_done"], one["jobs_total"]) for one in told}
    assert counts == {"Done": (4, 4), "Error": (1, 4)}
    assert_whole(events)


def _restarted_twice(
    first: subprocess.Popen[bytes],
    start: Callable[[], subprocess.Popen[bytes]],
    place: Place,
) -> list[str]:
    """Stop a daemon, kill the next; return what clients are told who came between."""
    with ThreadPoolExecutor(20) as clients:
        first.terminate()
        first.wait(20)
        asked = [clients.submit(place.get, "/m1/") for _ in range(CONNECTS)]
        second = start()
        answers = [one.result(30)["status"] for one in asked]
    second.kill()
    second.wait(20)
    start()
    return answers


def _named(one: object) -> str:
    return one.version if isinstance(one, Snakemake) else str(one) or "base"


@pytest.mark.timeout(420)
@pytest.mark.parametrize(
    ("snakemake", "path"), [*SOME, *(ALL if IS_WHOLE else [])], ids=_named
)
def test_a_run_is_judged_by_how_it_ends(
    tmp_path: Path, snakemake: Snakemake, path: str
) -> None:
    """Whichever of our addresses its user names, with or without a slash behind it."""
    with (
        kept_socket() as (lines, line_port),
        kept_socket() as (sock, port),
        activated(
            tmp_path,
            {"client": lines, "web": sock},
            f"{LOOPBACK}:{line_port}",
            SETTINGS.format(LOOPBACK, port),
        ) as start,
    ):
        place = Place(port)
        start()
        ok = snakemake.start(tmp_path / "ok", place.url + path, GOES)
        failing = snakemake.start(tmp_path / "fail", place.url + path, FAILS)
        done, failed = ended(ok), ended(failing)
        wait_until(lambda: not _live(place), LIMIT_S)
        told = place.get("/api/workflows")["workflows"]
        events = {one["status"]: place.events(one["id"]) for one in told}
        outcomes = [place.get(f"/v1/jobs/{one['id']}/result") for one in told]

    assert (failed[0], done[0]) == (1, 0), (failed, done)
    assert "not recognized" not in failed[1] + done[1]
    assert {key for one in outcomes for key in one} >= {"result", "exception"}
    assert_whole(events)


def _live(place: Place) -> list[Any]:
    """Return the workflows that have not ended."""
    jobs = place.get("/v1/jobs")["jobs"]
    return [job for job in jobs if job["state"] != "ended"]


def assert_whole(events: dict[str, list[str]]) -> None:
    """Hold the levels of both runs' updates to what Snakemake sends."""
    assert events["Done"].count("job_info") == 4
    assert events["Done"].count("job_finished") == 4
    assert events["Done"].count("progress") >= 4
    assert "error" not in events["Done"]
    assert events["Error"].count("job_error") == 1


def _knows_two_jobs(place: Place) -> bool:
    """Tell whether the run that waits has said that its second job runs."""
    told = place.get("/api/workflows")["workflows"]
    return any(
        place.get(f"/api/workflow/{one['id']}/jobs")["count"] == 2
        and one["status"] == "Running"
        for one in told
    )
