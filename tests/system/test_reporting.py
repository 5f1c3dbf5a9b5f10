"""Our jobs as monitors hear of them, and that nothing waits for them.

One dispatcher reports to monitors of every kind at once, good and bad: each hears the
same, and no one of them disturbs another.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import attrs
import pytest
from daemon_process import DaemonProcess, prepared_daemon
from eventually import wait_until
from logging_worker import running_worker
from scripted_monitor import Heard, Said, Script, ScriptedMonitor, scripted_monitor

from indira.client import AdminClient

TOKEN = "hct_" + "canary" * 8
SEALED = "s3cr3t-canary"
JOB = ("job_info", "job_started", "job_finished", "progress")
SUCCESS = (*JOB, "workflow_success")
FAILURE = ("job_info", "job_started", "job_error", "progress")
BUSY_TIMES = (*SUCCESS, *FAILURE, *SUCCESS)  # what is called, one after the other


def legacy(heard: Heard) -> Said:
    """Answer as panoptes-ui does: 200 and a page for what is unknown."""
    if heard.path == "/api/service-info":
        return Said(body={"status": "running"})
    if heard.path.startswith("/create_workflow?workflow_id="):
        return Said(body={"id": 7})
    return Said(body=b"ok" if heard.method == "POST" else b"<html>")


def moved(heard: Heard) -> Said | None:
    """Move for good, and once more for one request."""
    if heard.path == "/m1/":
        return Said(status=302, location="/m2/")
    if heard.path == "/m2/":
        return Said(status=307, location="/info")
    if heard.path == "/info":
        return Said(body={"status": "running", "version": "2.0"})
    if heard.path == "/m2/workflow/create/":
        return Said(status=201, body={"id": "7"})
    return Said(status=202) if heard.path == "/m2/workflow/update/" else None


class Picky:
    """Takes no start, and the first message only when it is asked again."""

    def __init__(self) -> None:
        self._busy = iter([503, 429])

    def __call__(self, heard: Heard) -> Said | None:
        if "update" not in heard.path:
            return None
        if heard.message["level"] == "job_started":
            return Said(status=400)
        return Said(status=next(self._busy, 202))


class Forgetful:
    """Has lost its only workflow when the first end is told."""

    def __init__(self) -> None:
        self._lost = iter([404])

    def __call__(self, heard: Heard) -> Said | None:
        if "update" in heard.path and heard.message["level"] == "job_finished":
            return Said(status=next(self._lost, 202))
        return None


def leading_to(location: str | None) -> Script:
    """Return what answers everything with a redirect."""
    return lambda _: Said(status=302, location=location)


ASTRAY = {
    "foreign": "http://127.0.0.2:1/m1/",
    "circle": "/m1/",
    "nowhere": None,
    "gopher": "gopher://x/",
}
SCRIPTS: Mapping[str, Script] = {
    "good": lambda _: None,
    "talkative": lambda _: None,
    "patient": lambda _: None,
    "legacy": legacy,
    "moved": moved,
    "picky": Picky(),
    "forgetful": Forgetful(),
    **{name: leading_to(location) for name, location in ASTRAY.items()},
}
KEYS: Mapping[str, Mapping[str, Any]] = {
    "talkative": {"report_packets": True, "report_arguments": True},
    "patient": {"idle_close_s": 1000},
}


@attrs.frozen(kw_only=True)
class Stage:
    """What all monitors heard, what was told of them, and how the stop went."""

    monitors: Mapping[str, ScriptedMonitor]
    reporters: Mapping[str, Mapping[str, Any]]
    ended: list[dict[str, Any]]
    log: str
    code: int
    stop_s: float


@pytest.fixture(name="stage", scope="module")
def fixture_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Play all of it once."""
    folder = tmp_path_factory.mktemp("reporting")
    with ExitStack() as stack:
        monitors = {
            name: stack.enter_context(scripted_monitor(script))
            for name, script in SCRIPTS.items()
        }
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        worker = stack.enter_context(running_worker(folder / "worker"))
        daemon = prepared_daemon(folder / "d", hosts=worker.hosts())
        urls = {name: monitor.url for name, monitor in monitors.items()}
        urls["silent"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        configure(daemon, urls)
        daemon.start()
        stack.callback(daemon.kill)
        yield play(daemon, monitors, urls)


def configure(daemon: DaemonProcess, urls: Mapping[str, str]) -> None:
    """Have the daemon report to all of them."""
    token = daemon.directory / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    with daemon.config.open("a") as config:
        for name, url in urls.items():
            keys = {"url": url, "token_file": str(token), "idle_close_s": 0}
            keys |= KEYS.get(name, {})
            config.write("\n[[reporters.panoptes]]\n")
            config.writelines(f"{key} = {json.dumps(it)}\n" for key, it in keys.items())


def play(
    daemon: DaemonProcess, monitors: Mapping[str, ScriptedMonitor], urls: Any
) -> Stage:
    """Make three calls, each in a busy time of its own; then stop."""
    good = monitors["good"]
    queue = {"name": {"disk": "sda"}}
    more = {"password": SEALED, "n": 2}
    ended = [call(daemon, "stream", arguments={"n": 2}, queue=queue)]
    wait_until(lambda: good.levels() == [*SUCCESS])
    ended.append(call(daemon, "fail"))
    wait_until(lambda: told(daemon, urls)["good"]["workflows"] == [])
    ended.append(call(daemon, "stream", arguments=more, sealed=["/password"]))
    for name in ("talkative", "legacy", "moved", "picky", "forgetful", "good"):
        wait_until(partial(has_told_all, daemon, urls, name), 30)
    wait_until(lambda: daemon.log.read_text().count('"report.ended"') == len(ASTRAY))
    reporters = told(daemon, urls)
    began = time.monotonic()
    daemon.terminate()
    code = daemon.wait()
    return Stage(
        monitors=monitors,
        reporters=reporters,
        ended=ended,
        log=daemon.log.read_text(),
        code=code,
        stop_s=time.monotonic() - began,
    )


def has_told_all(daemon: DaemonProcess, urls: Mapping[str, str], name: str) -> bool:
    """Tell whether a monitor was told of the last busy time's end."""
    reporter = told(daemon, urls)[name]
    return not reporter["workflows"] and reporter["backlog"] == 0


def call(daemon: DaemonProcess, procedure: str, **more: Any) -> dict[str, Any]:
    """Return how a call ended."""
    arguments = {"tag": "t", **more.pop("arguments", {})}
    asked = {"host": "unix", "procedure": procedure, "arguments": arguments, **more}
    return daemon.ask({"get_result": daemon.ask(asked)["job_id"]})


def told(daemon: DaemonProcess, urls: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return what an administrator is told of each reporter."""
    with AdminClient(daemon.admin_socket, timeout_s=60) as admin:
        found = admin.send("status")["reporters"]
    by_url = {one["url"]: one for one in found}
    return {name: by_url[url] for name, url in urls.items()}


def test_a_job_is_reported_by_the_specification(stage: Stage) -> None:
    """Each message in its order, with the token, and no argument unasked."""
    good = stage.monitors["good"]
    first, create = good.heard[:2]

    assert [first.path, create.path] == ["/m1/", "/m1/workflow/create/"]
    name = json.loads(create.body)["name"]
    assert name.startswith(f'{socket.gethostname()}/{{"disk":"sda"}}/20')
    assert good.levels() == [*BUSY_TIMES]
    assert {one.headers["Authorization"] for one in good.heard} == {f"Bearer {TOKEN}"}
    info = good.updates()[0]
    assert (info["name"], info["input"]) == ("unix:stream", [])
    assert info["wildcards"] == {"host": "unix", "job_id": info["jobid"]}


def test_a_busy_time_is_a_workflow_and_a_failure_is_no_success(stage: Stage) -> None:
    """A monitor never goes back from Done to Running."""
    good = stage.monitors["good"]

    errors = [one for one in good.updates() if one["level"] == "job_error"]
    assert good.workflows == 3
    assert [one["msg"] for one in errors] == ["broken: t"]


def test_the_administrator_is_told_where_to_look(stage: Stage) -> None:
    """The log has each workflow's place; no token is anywhere."""
    assert '"location":"/workflows/1/"' in stage.log
    assert TOKEN not in stage.log
    assert TOKEN not in str(stage.reporters)
    assert stage.reporters["good"]["dialect"] == "m1"
    assert stage.reporters["legacy"]["dialect"] == "legacy"
    [open_one] = stage.reporters["patient"]["workflows"][1:]
    assert open_one["location"] == "/workflows/2/"


def test_packets_and_arguments_are_reported_where_that_is_wished(stage: Stage) -> None:
    """But never what is sealed, nor what such a job streams: it may be the same."""
    updates = stage.monitors["talkative"].updates()

    inputs = [json.loads(one["input"][0]) for one in updates]
    assert [one["level"] for one in updates].count("info") == 2
    assert inputs[-1]["password"] == "***"  # noqa: S105 (it hides one)
    for monitor in stage.monitors.values():
        assert SEALED not in str(monitor.heard)


def test_a_monitor_of_old_is_spoken_to_in_its_way(stage: Stage) -> None:
    """No other is to be had today."""
    monitor = stage.monitors["legacy"]

    assert monitor.paths()[:3] == [
        "GET /m1/",
        "GET /api/service-info",
        "GET /create_workflow",
    ]
    assert monitor.levels() == [*BUSY_TIMES]
    info, started = monitor.updates()[:2]
    assert (info["jobid"], started["jobs"]) == (1, [1])


def test_a_monitor_may_move(stage: Stage) -> None:
    """302 for all that follows, 307 for one request."""
    monitor = stage.monitors["moved"]

    assert monitor.paths()[:4] == [
        "GET /m1/",
        "GET /m2/",
        "GET /info",
        "POST /m2/workflow/create/",
    ]
    assert monitor.levels() == [*BUSY_TIMES]


@pytest.mark.parametrize("name", ASTRAY)
def test_a_monitor_may_not_lead_us_anywhere(name: str, stage: Stage) -> None:
    """The token would leak, or we would ask in circles; it is off, and said once."""
    assert stage.monitors[name].paths() == ["GET /m1/"]
    assert stage.log.count('"report.ended"') == len(ASTRAY)


def test_what_is_not_taken_is_told_again_and_what_is_refused_is_not(
    stage: Stage,
) -> None:
    """In order, at least once; one bad message stops no other."""
    monitor = stage.monitors["picky"]

    assert monitor.levels() == ["job_info", "job_info", *BUSY_TIMES]
    assert stage.reporters["picky"]["refused"] == 3


def test_a_workflow_that_the_monitor_lost_is_made_again(stage: Stage) -> None:
    """It may have been started on a new database."""
    assert stage.monitors["forgetful"].workflows == 4


def test_a_monitor_that_never_answers_delays_no_job_and_no_stop(stage: Stage) -> None:
    """The worst that one can do, but for leading us astray."""
    assert ["result" in one for one in stage.ended] == [True, False, True]
    assert stage.reporters["silent"]["backlog"] > 0
    assert stage.code == 0
    assert stage.stop_s < 20  # the stop's own work, and two seconds


def test_what_is_left_is_told_at_a_stop(stage: Stage) -> None:
    """A workflow that is over must not look as if it ran for ever."""
    levels = stage.monitors["patient"].levels()

    assert levels[: len(JOB)] == [*JOB]
    assert levels[-1] == "workflow_success"
    assert levels.count("workflow_success") == 1
