"""Recorded runs of Snakemake, sent byte for byte to a real daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from monitor import Monitor, RawClient, running_monitor
from panoptes_runs import Run, runs


@pytest.fixture(name="monitor", scope="module")
def fixture_monitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitor]:
    """Run one for all of them."""
    with running_monitor(tmp_path_factory.mktemp("monitor")) as running:
        yield running


@pytest.mark.parametrize("run", runs(complete=True), ids=lambda run: run.name)
def test_a_run_ends_as_it_did(monitor: Monitor, run: Run) -> None:
    """G-7: what its client expects of answers, and what becomes of the workflow."""
    expected = run.expected or {}
    with RawClient(monitor.daemon) as client:
        job_id = client.create(run)

        answers = [client.send(update, job_id) for update in run.updates]
        status = monitor.workflow(job_id)["status"]
        outcome = monitor.outcome(job_id)

    assert {code for code, _ in answers} == {200}
    words = [body for _, body in answers]
    assert len(words) == expected["updates"]
    assert words.count(b"duplicate") == expected["duplicates"]
    assert words.count(b"ok") == expected["packets"]
    assert status == expected["status_after_last"]
    _assert_ended(monitor, job_id, run)
    assert outcome.keys() == expected["outcome"].keys()
    if "result" in outcome:
        assert outcome == expected["outcome"]
    else:
        raised, wanted = outcome["exception"], expected["outcome"]["exception"]
        assert raised["type"] == wanted["type"]
        assert raised["data"]["failed"] == wanted["failed"]


def _assert_ended(monitor: Monitor, job_id: str, run: Run) -> None:
    expected = run.expected or {}
    told = monitor.workflow(job_id)
    counts = (told["jobs_done"], told["jobs_total"])
    assert counts == (expected["jobs_done"], expected["jobs_total"])
    assert monitor.jobs(job_id) == expected["jobs"]
    packets = [one for one in monitor.packets(job_id) if "message" in one]
    assert len(packets) == expected["packets"]
    sent = [json.loads(json.dumps(one["message"])) for one in packets]
    assert all("level" in message for message in sent)


@pytest.mark.parametrize("run", runs(complete=False), ids=lambda run: run.name)
def test_the_beginning_of_a_run_is_taken(monitor: Monitor, run: Run) -> None:
    """By every base URL, id and token that a client may have been given."""
    with RawClient(monitor.daemon) as client:
        job_id = client.create(run)

        answers = [client.send(update, job_id) for update in run.updates]

    assert set(answers) == {(200, b"ok")}
    assert monitor.workflow(job_id)["packets"] == len(answers)


def test_ids_of_texts_are_replaced(monitor: Monitor) -> None:
    """A recording that holds no id of ours would be sent to nobody."""
    run = runs(complete=True)[0]

    assert all(b"AN-ID" in update.wire("AN-ID") for update in run.updates)
    assert monitor.daemon.is_alive
