"""A real `harpd` over TLS that runs Harmony services, and calls of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from ssl import SSLContext
from textwrap import dedent
from typing import Any

import attrs
import trustme
from fake_worker import client_context
from harmony_corpus import CORPUS, corpus_json
from harp_peer import a_call, connect, converse, packets_of
from harpd_process import Harpd, running_harpd
from tls_harpd import tls_options

from harpcaller.worker.harmony.command import ALWAYS_ALLOWED
from protocol.harp import Ended
from protocol.jsontext import decode
from protocol.outcome import Failed, Outcome, Returned

KEY = "_THIS_IS_MY_32_CHARS_SECRET_KEY_"
TOKEN: str = corpus_json("own/messages/async-2.json")["accessToken"]
USERS_TOKEN = "fixture-user-token"  # noqa: S105 (a test's)
PLAIN = (sys.executable, "-IS")  # nothing is loaded, and so it is quick


@attrs.frozen
class HarmonyWorker:
    """A running worker, and the folder that its services may use."""

    harpd: Harpd
    tls: SSLContext
    root: Path

    async def call(self, name: str, **arguments: Any) -> tuple[list[Any], Outcome]:
        """Return what a call streamed, and how it ended."""
        async with connect(self.harpd.tcp, self.tls) as stream:
            events = await converse(stream, a_call(name, **arguments))
        assert isinstance(events[-1], Ended)
        return packets_of(events), events[-1].outcome

    async def result(self, name: str, **arguments: Any) -> Any:
        """Return the value that a call returned."""
        _, outcome = await self.call(name, **arguments)
        assert isinstance(outcome, Returned), outcome
        return decode(outcome.value)

    async def refusal(self, name: str, **arguments: Any) -> tuple[str, str]:
        """Return why a call was not run."""
        _, outcome = await self.call(name, **arguments)
        assert isinstance(outcome, Failed), outcome
        return outcome.type, outcome.message

    @property
    def private(self) -> list[str]:
        """The names in the folder for what calls keep private."""
        return [path.name for path in (self.root / "private").iterdir()]


@contextmanager
def running_services(directory: Path, config: str) -> Iterator[HarmonyWorker]:
    """Run harpd until the block ends; {root}, {key_file} and {python} are filled in."""
    root = directory / "root"
    (root / "private").mkdir(parents=True)
    key_file = directory / "harmony.key"
    key_file.touch(mode=0o600)
    key_file.write_text(KEY)
    places = {"{root}": str(root), "{key_file}": str(key_file)}
    for place, path in places.items():
        config = config.replace(place, path)
    (directory / "harpd.toml").write_text(config)
    ca = trustme.CA()
    options = ["--config", str(directory / "harpd.toml"), *tls_options(ca, directory)]
    with running_harpd(directory, "", *options, listen="127.0.0.1:0") as harpd:
        yield HarmonyWorker(harpd, client_context(ca), root)


def service(name: str, argv: list[str], keys: Mapping[str, Any] | None = None) -> str:
    """Return the table of a service that is run; `keys` may be dotted."""
    table = {
        "name": name,
        "kind": "harmony_cli",
        "argv": argv,
        "roots": ["{root}"],
        "private_dir": "{root}/private",
        "env_allow": [*ALWAYS_ALLOWED, "CASE"],
        **(keys or {}),
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    return "\n".join(["[[procedure]]", *lines, ""])


def script(path: Path, code: str, *interpreter: str) -> Path:
    """Write a program; return its path."""
    path.write_text(f"#!{' '.join(interpreter or PLAIN)}\n{dedent(code)}")
    path.chmod(0o755)
    return path


def example() -> str:
    """Return where the wheel of harmony-service-lib has its example service."""
    found = find_spec("harmony_service_lib")
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parents[1] / "example")


def two_granules(data: Path) -> dict[str, Any]:
    """Return the catalog of two granules, which are made, as it goes with a call."""
    folder = CORPUS / "own" / "catalogs" / "two-granules"
    for name in ("g_1.txt", "g_2.txt"):
        (data / name).write_text(name)
    files = {
        path.name: json.loads(path.read_text().replace("@DATA@", str(data)))
        for path in folder.iterdir()
    }
    return {"root": "catalog.json", "files": files}


def arguments(**changes: Any) -> dict[str, Any]:
    """Return the arguments of a call; its service gets next to nothing."""
    return {
        "unit": "s1.b0",
        "attempt": 0,
        "message": {"version": "0.22.0"},
        "sources": {"root": "catalog.json", "files": {"catalog.json": {}}},
        "metadata_dir": None,
        "data_location": None,
        "env": {},
        **changes,
    }
