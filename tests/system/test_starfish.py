"""starfish-py, as it is on PyPI, invokes a service of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peers
import pytest
from csapi_daemon import Agent, running_agent
from guarded_daemon import with_token
from peers import Peer

# 0.3 of the latter breaks the former's import.
RELEASES = ("starfish-py==0.17.16", "convex-api-py==0.2.6")
PROGRAM = """
import json, sys
from starfish.agent import RemoteAgent
from starfish.agent.authentication import AuthenticationBasic

url, token, asset_id = sys.argv[1:]
agent = RemoteAgent.load(url, authentication=AuthenticationBasic("anybody", token))
told = {"did": agent.did, "name": agent.get_asset(asset_id).name}
told["sync"] = agent.invoke(asset_id, {"a": 2, "b": 3})
begun = agent.invoke(asset_id, {"a": 4}, is_async=True)
job = agent.job_wait_for_completion(begun["job-id"], sleep_seconds=0.1)
told["async"] = {"status": job.status, "outputs": job.outputs}
try:
    agent.invoke(asset_id, {"x": 1})
except ValueError as error:
    told["refused"] = str(error)
print(json.dumps(told))
"""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(name="starfish", scope="module")
def fixture_starfish() -> Peer:
    """Have it, before anything runs."""
    return peers.installed("starfish", *RELEASES)


@pytest.fixture(name="token_and_agent", params=["asked", "not asked"])
def fixture_agent(
    request: pytest.FixtureRequest, tmp_path: Path, starfish: Peer
) -> Iterator[tuple[str, Agent]]:
    """Run an agent, and have a token for it."""
    del starfish
    table, token = with_token("me", '["submit"]')
    is_asked = request.param == "asked"
    with running_agent(
        tmp_path, more=table if is_asked else "", require_identity=is_asked
    ) as agent:
        yield token, agent


def test_starfish_invokes_a_service(
    starfish: Peer, token_and_agent: tuple[str, Agent], tmp_path: Path
) -> None:
    """G-22: at once and later, where it is asked who it is and where it is not."""
    token, agent = token_and_agent
    asset_id = agent.ask("GET /services/add").value["asset_id"]

    done = starfish.run("-c", PROGRAM, agent.url, token, asset_id, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    told: Any = json.loads(done.stdout)
    assert told["did"] == agent.ask("GET /api/ddo").value["id"]
    assert told["name"] == "add"
    assert told["sync"] == {"status": "succeeded", "outputs": {"sum": 5}}
    assert told["async"] == {"status": "succeeded", "outputs": {"sum": 4}}
    assert "400" in told["refused"]
