"""/openapi.json is what is served: schemathesis finds nothing else."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import attrs
import peers
import pytest
from csapi_daemon import SERVICES, Agent, running_agent
from guarded_daemon import with_token
from harmony_corpus import CORPUS, UAT
from harmony_daemon import BINDINGS
from ingest import put
from torment import campaign

CONFIG = Path(__file__).parents[1] / "support" / "schemathesis.toml"
RELEASE = "schemathesis==4.32.5"
SEED = "1"
EXAMPLES = 40  # for each operation; a tenth of these in CI takes half a minute
ADAPTED = ("/services/{service}", "/cumulus", "/harmony/{service}", "/m1/")
PANOPTES = "[adapters.panoptes]\n"
LEFT_OUT = 2  # see the last words of the configuration

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(1200)]


@attrs.frozen
class Served:
    """Everything that there is to be asked, and a token for it."""

    agent: Agent
    token: str


@pytest.fixture(name="served")
def fixture_served(tmp_path: Path) -> Iterator[Served]:
    """Run a dispatcher that asks who comes, with all adapters."""
    table, token = with_token("admin", '["admin"]')
    # No job of these waits for somebody: nor does schemathesis.
    services = {name: SERVICES[name] for name in ("train", "add", "fail")}
    with running_agent(
        tmp_path,
        services=services,
        more="\n".join([table, PANOPTES, *cumulus_and_harmony(tmp_path)]),
        require_identity=True,
    ) as agent:
        yield Served(agent, token)


def cumulus_and_harmony(directory: Path) -> Iterator[str]:
    """Return the tables of the adapters that have files."""
    yield cumulus_table(directory)
    yield harmony_table(directory)


def cumulus_table(directory: Path) -> str:
    """Return the table of an adapter with a workflow."""
    workflows = directory / "workflows"
    workflows.mkdir()
    put(workflows / "Wf.json", {"name": "Wf", "tasks": [{"name": "t", "host": "w"}]})
    return f'[adapters.cumulus]\nworkflows = "{workflows}"\n'


def harmony_table(directory: Path) -> str:
    """Return the table of an adapter with services."""
    names = ("services.yml", "bindings.yml", "services.env")
    (directory / names[1]).write_text(BINDINGS)
    for name in (names[0], names[2]):
        shutil.copy(CORPUS / "own" / name, directory / name)
    for name in names:
        (directory / name).chmod(0o600)
    values = {
        "services": f"{directory}/services.yml",
        "bindings": f"{directory}/bindings.yml",
        "env_file": f"{directory}/services.env",
        "environment": UAT,
    }
    pairs = "\n".join(f'{key} = "{value}"' for key, value in values.items())
    return f"[adapters.harmony]\n{pairs}\n"


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
        "--request-timeout=30",
        "--continue-on-failure",
        cwd=tmp_path,
        within_s=1100,
    )

    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    paths = served.agent.ask("GET /openapi.json").value["paths"]
    assert paths.keys() > {*ADAPTED}
    found = re.search(r"Selected: (\d+)/(\d+)\n  Tested: (\d+)\n", done.stdout)
    assert found is not None, done.stdout[-2000:]
    selected, total, tested = map(int, found.groups())
    assert (selected, tested) == (total - LEFT_OUT, selected)
    assert "crashed" not in served.agent.daemon.log.read_text()
