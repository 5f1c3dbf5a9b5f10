"""Requests of Harmony through the daemon: real calls, real posts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harmony_daemon import TOKEN, HarmonyDaemon, running_harmony


@pytest.fixture(scope="module")
def harmony(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HarmonyDaemon]:
    """Run one dispatcher for all that leave it as it is."""
    with running_harmony(tmp_path_factory.mktemp("harmony")) as running:
        yield running


def test_two_granules_are_two_posts_and_an_end(harmony: HarmonyDaemon) -> None:
    """H-15: real calls on a real worker; each output is posted, then the end."""
    harmony.order({})
    message = harmony.message("async-2.json")

    job_id = harmony.submit("test/copy", message)
    outcome = harmony.outcome(job_id)

    assert outcome["result"]["status"] == "successful", outcome
    assert harmony.calls(job_id) == ["s1.b0/a0", "s1.b1/a0"]
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
    assert TOKEN not in str(harmony.packets(job_id))
    assert TOKEN not in str(harmony.daemon.ask({"get_status": job_id}))
    info = harmony.daemon.ask({"get_status": harmony.child(job_id, "s1.b0/a0")})
    assert info["info"]["harmony"]["request"] == message["requestId"]
