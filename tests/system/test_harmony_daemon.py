"""Requests of Harmony through the daemon: real calls, real posts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eventually import wait_until
from harmony_corpus import CORPUS
from harmony_daemon import TOKEN, HarmonyDaemon, running_harmony
from harmony_recorder import Told

SERVER = {
    "error": "The data server answered 503",
    "category": "Server",
    "level": "Error",
}
RETRY_ONCE = "retry_limit = 1\n"  # the others would take a minute


@pytest.fixture(scope="module")
def harmony(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HarmonyDaemon]:
    """Run one dispatcher for all that leave it as it is."""
    folder = tmp_path_factory.mktemp("harmony")
    table = f'{RETRY_ONCE}granule_allow = ["https:", "s3:", "file://{folder}/data/"]\n'
    with running_harmony(folder, table, shared=True) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_orders(harmony: HarmonyDaemon) -> None:
    harmony.order({})
    harmony.recorder.status = lambda _: 200


def begun(harmony: HarmonyDaemon, request_id: str) -> list[str]:
    """Return the units that the worker has begun for a request."""
    lines = (one for one in harmony.told() if one[0] == "begun")
    return [name.split(" ")[1] for _, name, _ in lines if request_id in name]


def test_two_granules_are_two_posts_and_an_end(harmony: HarmonyDaemon) -> None:
    """H-15: real calls on a real worker; each output is posted, then the end."""
    message = harmony.message("async-2.json")

    job_id = harmony.submit("test/copy", message)
    outcome = harmony.outcome(job_id)

    assert outcome["result"]["status"] == "successful", outcome
    assert sorted(harmony.calls(job_id)) == ["s1.b0/a0", "s1.b1/a0"]
    posts = harmony.posts(message)
    assert sorted(post.get("item[title]", "") for post in posts) == [
        "",
        "s1.b0~a_01.nc",
        "s1.b1~a_02.nc",
    ]
    assert [post.get("progress") for post in posts] == ["50", "99", None]
    assert posts[-1] == {"status": "successful"}
    headers = [post.headers for post in harmony.recorder.posts]
    assert {each["Content-Length"] for each in headers} == {"0"}
    info = harmony.daemon.ask({"get_status": harmony.child(job_id, "s1.b0/a0")})
    assert info["info"]["harmony"]["request"] == message["requestId"]


def test_a_failure_is_told_after_what_succeeded(harmony: HarmonyDaemon) -> None:
    """H-19: it is tried again first, in a directory of its own."""
    harmony.order({"s1.b1": SERVER})
    message = harmony.message("async-3.json")

    job_id = harmony.submit("test/copy", message)
    outcome = harmony.outcome(job_id)

    text = "1 of 3 items failed: copy: The data server answered 503"
    exception = outcome["exception"]
    assert (exception["type"], exception["message"]) == ("Server", text)
    assert exception["data"]["status"] == "partial"
    posts = harmony.posts(message)
    assert ["item[href]" in post for post in posts] == [True, True, False]
    assert posts[-1] == {"error": text}
    tried = [key for key in harmony.calls(job_id) if key.startswith("s1.b1")]
    assert tried == ["s1.b1/a0", "s1.b1/a1"]


def test_a_call_that_is_cancelled_fails_alone(harmony: HarmonyDaemon) -> None:
    """H-21: an operator ended it; the others are not his concern."""
    harmony.order({"s1.b0": "hang"})
    message = harmony.message("async-2.json")
    job_id = harmony.submit("test/copy", message)
    wait_until(lambda: "s1.b0" in begun(harmony, message["requestId"]))

    harmony.daemon.ask({"cancel": harmony.child(job_id, "s1.b0/a0")})
    outcome = harmony.outcome(job_id)

    text = "1 of 2 items failed: copy: cancelled by the operator"
    assert outcome["exception"]["message"] == text
    assert [one for one in harmony.posts(message) if "item[href]" in one]
    assert harmony.posts(message)[-1] == {"error": text}


def test_silence_is_tried_once_more(harmony: HarmonyDaemon) -> None:
    """H-22: then whoever waits reads that it took too long."""
    harmony.order({"*": "hang"})
    message = harmony.message("sync-1.json")

    job_id = harmony.submit("test/silent", message)
    outcome = harmony.outcome(job_id)

    assert outcome["exception"]["message"] == "Request timed out"
    assert harmony.calls(job_id) == ["s1.b0/a0", "s1.b0/a1"]
    assert harmony.posts(message) == [{"error": "Request timed out"}]


def test_signs_of_life_keep_a_call_alive(harmony: HarmonyDaemon) -> None:
    """H-22: a service may take three times as long as it may be silent."""
    message = harmony.message("sync-1.json")

    job_id = harmony.submit("test/alive", message)
    outcome = harmony.outcome(job_id)

    assert "result" in outcome, (outcome, harmony.packets(job_id), harmony.harpd.log)
    (post,) = harmony.posts(message)
    assert post["redirect"].endswith("/s1.b0~a_01.nc")


def test_a_conflict_cancels_every_call(harmony: HarmonyDaemon) -> None:
    """409 on the first item: no further call, no further post."""
    harmony.order({"s1.b1": "hang"})
    message = harmony.message("async-3.json")
    harmony.recorder.status = lambda _: 409

    job_id = harmony.submit("test/copy", message)
    outcome = harmony.outcome(job_id)

    assert outcome == {"cancelled": True}
    assert len(harmony.posts(message)) == 1
    ends = [
        harmony.outcome(harmony.child(job_id, key)) for key in harmony.calls(job_id)
    ]
    assert {"cancelled": True} in ends
    assert "s1.b1/a0" in harmony.calls(job_id)


def test_a_cancelled_request_tells_harmony(harmony: HarmonyDaemon) -> None:
    """Its users read who ended it."""
    harmony.order({"*": "hang"})
    message = harmony.message("async-3.json")
    job_id = harmony.submit("test/copy", message)
    wait_until(lambda: len(begun(harmony, message["requestId"])) == 2)

    harmony.daemon.ask({"cancel": job_id})

    assert harmony.outcome(job_id) == {"cancelled": True}
    text = "Request was canceled by the service operator"
    assert harmony.posts(message) == [{"error": text}]
    child = harmony.child(job_id, "s1.b0/a0")
    assert harmony.outcome(child) == {"cancelled": True}


def test_harmony_may_stumble(harmony: HarmonyDaemon) -> None:
    """A post is repeated until it was taken, and nothing overtakes it."""
    message = harmony.message("async-2.json")
    answers = iter([503, 200, 429])

    def stumble(_: Told) -> int:
        return next(answers, 200)

    harmony.recorder.status = stumble
    outcome = harmony.outcome(harmony.submit("test/copy", message))

    assert outcome["result"]["status"] == "successful"
    hrefs = [post.get("item[href]") for post in harmony.posts(message)]
    assert hrefs[0] == hrefs[1]
    assert hrefs[2] == hrefs[3]
    assert len(hrefs) == 5


def test_a_chain_hands_catalogs_on(harmony: HarmonyDaemon) -> None:
    """H-18, on real workers: the second step gets what the first one left."""
    message = harmony.message("chain-3.json")

    outcome = harmony.outcome(harmony.submit("test/chain", message))

    titles = [output["title"] for output in outcome["result"]["outputs"]]
    assert sorted(titles) == ["s2.b0.0~a_01.nc", "s2.b1.0~a_02.nc", "s2.b2.0~a_03.nc"]
    assert harmony.posts(message)[-1] == {"status": "successful"}


def test_a_catalog_is_read_by_its_path(harmony: HarmonyDaemon) -> None:
    """What needs reading is judged in the job."""
    data = harmony.folder.parent / "data"
    data.mkdir()
    for file in (CORPUS / "own/catalogs/two-granules").iterdir():
        (data / file.name).write_text(file.read_text().replace("@DATA@", str(data)))
    message = harmony.message("async-2.json", sources=one_source())

    found = harmony.outcome(
        harmony.submit("test/copy", message, str(data / "catalog.json"))
    )
    missing = harmony.outcome(
        harmony.submit("test/copy", message, str(data / "none.json"))
    )

    assert len(found["result"]["outputs"]) == 2, found
    assert missing["exception"]["type"] == "NoRetry"
    assert missing["exception"]["message"].startswith("Cannot read input catalog: ")
    assert missing["exception"]["data"]["code"] == "E15"


def one_source() -> list[dict[str, str]]:
    """Return sources without granules."""
    return [{"collection": "C1233800302-EEDTEST"}]


def test_the_token_stays_where_it_belongs(harmony: HarmonyDaemon) -> None:
    """A canary: in no packet, status, log, journal or callback, nor in a file."""
    message = harmony.message("async-2.json")
    leaking = harmony.message("async-2.json")

    job_ids = [
        harmony.submit("test/copy", message),
        harmony.submit("test/leak", leaking),
    ]
    ends = [harmony.outcome(job_id) for job_id in job_ids]

    assert ends[0]["result"]["status"] == "successful"
    assert "no luck with sealed:" in json.dumps(ends[1])
    told: list[Any] = [harmony.packets(job_id) for job_id in job_ids]
    for job_id in list(job_ids):
        job_ids += [harmony.child(job_id, key) for key in harmony.calls(job_id)]
    told += [harmony.daemon.ask({"get_status": job_id}) for job_id in job_ids]
    told += [harmony.packets(job_id) for job_id in job_ids]
    assert TOKEN not in json.dumps([told, ends])
    assert not any(TOKEN in str(post) for post in harmony.recorder.posts)
    assert TOKEN not in harmony.daemon.log.read_text()
    assert not holding(harmony.work_dir, TOKEN)


def holding(folder: Path, text: str) -> list[Path]:
    """Return the files below a folder that have a text in them."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if text.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"callback": "http://169.254.169.254/latest"}, "E7"),
        ({"requestId": "../../x"}, "E5"),
    ],
)
def test_what_is_refused_starts_nothing(
    harmony: HarmonyDaemon, changes: dict[str, str], code: str
) -> None:
    """Nothing is posted either."""
    before = len(harmony.recorder.posts)

    reply = harmony.ask_for("test/copy", harmony.message("async-2.json", **changes))

    assert reply["error"]["type"] == "invalid_request"
    assert reply["error"]["data"]["code"] == code
    assert len(harmony.recorder.posts) == before


def test_a_granule_on_our_disk_is_refused(harmony: HarmonyDaemon) -> None:
    """Else whoever may send a message could read any file of ours."""
    message = harmony.message("async-2.json")
    message["sources"][0]["granules"][0]["url"] = "file:///etc/hostname"

    reply = harmony.ask_for("test/copy", message)

    assert reply["error"]["data"]["code"] == "E9"
    assert reply["error"]["message"].startswith("Granule URL is not allowed")


def test_retries_and_timeouts_are_not_for_requests(harmony: HarmonyDaemon) -> None:
    """H-27: a request has attempts of its own."""
    call = {"host": "@harmony", "procedure": "test/copy", "arguments": {}}

    replies = [harmony.daemon.ask({**call, key: 1}) for key in ("timeout", "retries")]

    assert {reply["error"]["type"] for reply in replies} == {"invalid_request"}


def test_who_waits_passes_a_large_request(harmony: HarmonyDaemon) -> None:
    """H-26: one limit for all requests, but not for those that somebody waits for."""
    harmony.order({"*": 0.1})
    large = harmony.message("async-2.json")
    (source,) = large["sources"]
    granule = source["granules"][0]
    source["granules"] = [
        {**granule, "id": f"G{n}", "name": f"g{n}.nc", "url": f"https://h/g{n}.nc"}
        for n in range(50)
    ]

    job_id = harmony.submit("test/shared", large)
    wait_until(lambda: bool(begun(harmony, large["requestId"])))
    small = harmony.outcome(
        harmony.submit("test/shared", harmony.message("sync-1.json"))
    )

    assert small["result"]["status"] == "successful"
    state = harmony.daemon.ask({"get_status": job_id})
    assert state["time"]["end"] is None
    harmony.daemon.ask({"cancel": job_id})
    harmony.outcome(job_id)
