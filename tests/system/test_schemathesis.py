"""/openapi.json is what is served: schemathesis finds nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import peers
import pytest
from csapi_daemon import Agent, running_agent
from guarded_daemon import with_token
from ingest import put
from torment import campaign

CONFIG = Path(__file__).parents[1] / "support" / "schemathesis.toml"
RELEASE = "schemathesis==4.32.5"
SEED = "1"
EXAMPLES = 80  # for each operation; a tenth of these in CI takes half a minute

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(1200)]


@attrs.frozen
class Served:
    """Everything that there is to be asked, and a token for it."""

    agent: Agent
    token: str


@pytest.fixture(name="served")
def fixture_served(tmp_path: Path) -> Iterator[Served]:
    """Run a dispatcher that asks who comes, with adapters."""
    table, token = with_token("admin", '["admin"]')
    workflows = tmp_path / "workflows"
    workflows.mkdir()
    put(workflows / "Wf.json", {"name": "Wf", "tasks": [{"name": "t", "host": "w"}]})
    cumulus = f'[adapters.cumulus]\nworkflows = "{workflows}"\n'
    more = f"{table}\n{cumulus}"
    with running_agent(tmp_path, more=more, require_identity=True) as agent:
        yield Served(agent, token)


def test_what_is_served_is_what_is_documented(served: Served, tmp_path: Path) -> None:
    """G-24: no server error, no status or body that is not told of, no way around."""
    schemathesis = peers.installed("schemathesis", RELEASE)

    done = schemathesis.run(
        schemathesis.folder / "bin" / "schemathesis",
        f"--config-file={CONFIG}",
        "run",
        f"{served.agent.url}/openapi.json",
        f"--header=Authorization: Bearer {served.token}",
        f"--max-examples={campaign(EXAMPLES)}",
        f"--seed={SEED}",
        "--request-timeout=15",
        "--continue-on-failure",
        cwd=tmp_path,
        within_s=1100,
    )

    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    assert "crashed" not in served.agent.daemon.log.read_text()
