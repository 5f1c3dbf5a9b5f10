"""What the process of a call finds itself to be, whichever kind of procedure it is."""

from __future__ import annotations

import json
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harp_peer import a_call, connect, outcome_of
from harpd_process import Harpd, running_harpd
from strangers import interpreter, needs_strangers, stranger

from harpcaller.worker.linux import children_of
from protocol.outcome import Returned

pytestmark = needs_strangers

USER, GROUP, FURTHER, ANOTHER = map(stranger, range(4))
SOURCE = Path(__file__).parents[1].joinpath("support", "self_seen.py").read_text()
PROCEDURES = f"""{SOURCE}

from harpcaller.worker import procedure

python = procedure(look)

@procedure(uid={ANOTHER}, gid={GROUP})
def decorated():
    return look()
"""
CONFIG = f"""
[defaults]
user = {USER}
group = {GROUP}
groups = [{FURTHER}]
pass_environment = ["PATH", "SHAPE", "LANG", "NOT_THERE"]
environment = {{ COLOUR = "blue", SIZE = "small" }}
cwd = "/usr"
umask = "027"
nice = 5
io_class = "idle"

[defaults.limits]
cpu_s = 30
memory_bytes = 1073741824
processes = 300
open_files = 64
file_bytes = 10485760

[[procedure]]
name = "executable"
argv = ARGV
result = "last-line"

[[procedure]]
name = "executable_fd3"
argv = ["/bin/sh", "-c", 'exec "$@" >&3', "sh", ARGV_WORDS]
result = "fd3"

[[procedure]]
name = "another"
argv = ARGV
result = "last-line"
user = {ANOTHER}
group = {ANOTHER}
groups = []
pass_environment = ["PATH", "LANG"]
environment = {{ SIZE = "large" }}
cwd = "/"
umask = "077"
nice = 7
io_class = "best-effort"
limits = {{ cpu_s = 20, open_files = 32, core_bytes = 4096 }}
"""
ROOTS_CONFIG = """
[[procedure]]
name = "executable"
argv = ARGV
result = "last-line"
"""
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
KINDS = ("python", "executable")
OURS = {"SECRET": "hunter2", "SHAPE": "round", "LANG": "C.UTF-8"}
TOLD = {"HARP_USER": "user", "HARP_PEER": "unix"}  # to executables
MIB = 2**20


@pytest.fixture(scope="module")
def harpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harpd]:
    """Run one worker with all profiles."""
    yield from serving(tmp_path_factory.mktemp("harpd"), CONFIG)


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harpd]:
    """Run a worker that names no user."""
    yield from serving(tmp_path_factory.mktemp("harpd"), ROOTS_CONFIG)


def serving(folder: Path, config: str) -> Iterator[Harpd]:
    """Run a worker by `config` with the program's words in their places."""
    argv = json.dumps([interpreter(), "-I", "-c", SOURCE])
    config = config.replace("ARGV_WORDS", argv[1:-1]).replace("ARGV", argv)
    file = folder / "harpd.toml"
    file.write_text(config)
    with running_harpd(
        folder,
        PROCEDURES,
        *("--config", str(file)),
        environment=OURS,
        groups=[stranger(4)],
    ) as worker:
        yield worker


async def look(worker: Harpd, procedure: str) -> dict[str, Any]:
    """Return what a call of the procedure sees of itself."""
    async with connect(worker.path) as stream:
        outcome = await outcome_of(stream, a_call(procedure))
    assert isinstance(outcome, Returned), outcome
    seen: dict[str, Any] = json.loads(outcome.value)
    return seen


@pytest.mark.parametrize("kind", KINDS)
async def test_no_privilege_is_left_and_none_comes_back(
    harpd: Harpd, kind: str
) -> None:
    """Neither by a setuid program nor by one with file capabilities."""
    seen = await look(harpd, kind)

    assert seen["status"]["NoNewPrivs"] == "1"
    assert {int(seen["status"][name], 16) for name in CAPABILITIES} == {0}


@pytest.mark.parametrize("kind", KINDS)
async def test_roots_own_calls_have_no_capabilities_either(
    roots: Harpd, kind: str
) -> None:
    """Who forgot to name a user still keeps the machine's clock and network."""
    seen = await look(roots, kind)

    assert seen["status"]["Uid"].split() == ["0"] * 4
    assert seen["status"]["Groups"].split() == []
    assert seen["status"]["NoNewPrivs"] == "1"
    assert {int(seen["status"][name], 16) for name in CAPABILITIES} == {0}


@pytest.mark.parametrize(
    ("procedure", "uid", "gid", "groups"),
    [
        ("python", USER, GROUP, [FURTHER]),
        ("executable", USER, GROUP, [FURTHER]),
        ("another", ANOTHER, ANOTHER, []),
        ("decorated", ANOTHER, GROUP, []),
    ],
    ids=["python", "executable", "another", "decorated"],
)
async def test_a_call_is_whom_its_profile_names(
    harpd: Harpd, procedure: str, uid: int, gid: int, groups: list[int]
) -> None:
    """Real, effective, saved and file system ID: no way back from any of them."""
    seen = await look(harpd, procedure)

    assert seen["status"]["Uid"].split() == [str(uid)] * 4
    assert seen["status"]["Gid"].split() == [str(gid)] * 4
    assert seen["status"]["Groups"].split() == list(map(str, groups))


@pytest.mark.parametrize(
    ("kind", "told"), [("python", {}), ("executable", TOLD)], ids=KINDS
)
async def test_the_environment_is_what_was_let_through(
    harpd: Harpd, kind: str, told: dict[str, str]
) -> None:
    """Secrets of harpd's own environment are nowhere, also not in its old pages."""
    seen = await look(harpd, kind)
    path = seen["environment"].pop("PATH")

    assert path
    assert seen["environment"] == {
        "SHAPE": "round",
        "LANG": "C.UTF-8",
        "COLOUR": "blue",
        "SIZE": "small",
        **told,
    }
    assert "SHAPE=round" in seen["first_environment"]
    assert "SECRET" not in seen["first_environment"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_begins_where_and_how_the_profile_says(
    harpd: Harpd, kind: str
) -> None:
    """A file that it makes is not everybody's, and it yields to what matters more."""
    seen = await look(harpd, kind)

    assert seen["cwd"] == "/usr"
    assert seen["umask"] == 0o027
    assert seen["nice"] == os.nice(0) + 5
    assert seen["io_class"] == "idle"


@pytest.mark.parametrize("kind", KINDS)
async def test_each_limit_is_that_of_the_profile(harpd: Harpd, kind: str) -> None:
    """Soft and hard, so that it cannot be raised; a second of CPU is for SIGXCPU."""
    seen = await look(harpd, kind)

    assert seen["rlimits"] == {
        "CPU": [30, 31],
        "AS": [1024 * MIB, 1024 * MIB],
        "NPROC": [300, 300],
        "NOFILE": [64, 64],
        "FSIZE": [10 * MIB, 10 * MIB],
        "CORE": [0, 0],
    }


@pytest.mark.parametrize(
    ("procedure", "fds"),
    [
        ("python", [0, 1, 2, 3]),
        ("executable", [0, 1, 2]),
        ("executable_fd3", [0, 1, 2, 3]),
    ],
    ids=["python", "executable", "executable_fd3"],
)
async def test_only_its_own_descriptors_are_open(
    harpd: Harpd, procedure: str, fds: list[int]
) -> None:
    """A socket of harpd's would be a way into it, a pipe of a call's into that."""
    seen = await look(harpd, procedure)

    assert seen["fds"] == fds


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_dies_with_its_supervisor(harpd: Harpd, kind: str) -> None:
    """Changing the user makes the kernel forget; it has to be asked after that."""
    seen = await look(harpd, kind)

    assert seen["death_signal"] == signal.SIGKILL


@pytest.mark.parametrize("procedure", [*KINDS, "another"])
async def test_the_parent_of_a_call_is_a_supervisor(
    harpd: Harpd, procedure: str
) -> None:
    """It stands between the call and the warm parent, which is below harpd."""
    seen = await look(harpd, procedure)
    parents = children_of(harpd.process.pid)
    supervisors = {pid for parent in parents for pid in children_of(parent)}

    assert seen["parent"] in supervisors
    assert seen["parent"] not in parents


async def test_other_profiles_have_other_warm_parents(harpd: Harpd) -> None:
    """What a call does to the processes of its user reaches no other profile."""
    names = ("python", "executable", "another", "decorated")
    seen = {name: await look(harpd, name) for name in names}
    above = {
        name: next(
            parent
            for parent in children_of(harpd.process.pid)
            if seen[name]["parent"] in children_of(parent)
        )
        for name in names
    }

    assert above["python"] == above["executable"]
    assert len({above[name] for name in ("python", "another", "decorated")}) == 3


async def test_a_procedure_overrides_the_defaults(harpd: Harpd) -> None:
    """What it does not name stays: its variables and limits are added to theirs."""
    _, most_core = resource.getrlimit(resource.RLIMIT_CORE)
    core = 4096 if most_core == resource.RLIM_INFINITY else min(4096, most_core)
    seen = await look(harpd, "another")
    del seen["environment"]["PATH"]

    assert (seen["cwd"], seen["umask"], seen["nice"]) == ("/", 0o077, os.nice(0) + 7)
    assert seen["io_class"].startswith("best-effort")
    assert {name: soft for name, (soft, _) in seen["rlimits"].items()} == {
        "CPU": 20,
        "AS": 1024 * MIB,
        "NPROC": 300,
        "NOFILE": 32,
        "FSIZE": 10 * MIB,
        "CORE": core,
    }
    variables = {"LANG": "C.UTF-8", "COLOUR": "blue", "SIZE": "large"}
    assert seen["environment"] == variables | TOLD
