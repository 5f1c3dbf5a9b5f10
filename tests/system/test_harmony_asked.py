"""A token on its way to a service that is asked by HTTP, and nowhere else."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from canaries import descendants, shown_by_proc
from harmony_answers import LEAKING, FakeService, running_service
from harmony_chain import ASKING, Chain, running_chain
from harmony_corpus import corpus_json
from harmony_recorder import Recorder, running_recorder
from harmony_worker import KEY, TOKEN, USERS_TOKEN

SECRETS = (TOKEN, USERS_TOKEN, KEY)
WAYS = ("plain", *LEAKING)
BINDING = (
    '"test/{0}": {{kind: http, host: w, procedure: post, '
    'url: "http://localhost:{1}/service/{0}"}}\n'
)
WORKER = f'{ASKING}secret_key_file = "{{root}}.key"\n'
TABLE = 'work_dir = "{root}/work"\nhref_map = {"file://{root}/" = "https://h/"}\n'


@attrs.frozen
class Asking:
    """What runs: dispatcher and worker, who is asked, and who is told."""

    chain: Chain
    asked: FakeService
    recorder: Recorder

    def submit(self, way: str) -> str:
        """Submit a request of which Harmony is told."""
        request_id = str(uuid.uuid4())
        fields = {
            "accessToken": TOKEN,
            "callback": f"{self.recorder.url}/service/{request_id}",
            "requestId": request_id,
        }
        message = corpus_json("messages/example_message.json") | fields
        return self.chain.submit(f"test/{way}", message)

    def packets(self, job_id: str) -> list[Any]:
        """Return what a job streamed, the journal of a parent."""
        with self.chain.daemon.connect() as client, client.makefile("rb") as replies:
            request = {"harpcaller": 1, "read_stream": job_id, "since": 0}
            client.sendall(json.dumps(request).encode() + b"\n")
            return [*iter(lambda: json.loads(replies.readline()).get("data"), None)]


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """Run all of it; the services are careless, each in its way."""
    directory = tmp_path_factory.mktemp("asked")
    (directory / "root.key").touch(mode=0o600)
    (directory / "root.key").write_text(KEY)
    with running_service() as asked, running_recorder() as recorder:
        bindings = "".join(BINDING.format(way, asked.port) for way in WAYS)
        rest = '"*": {kind: cli, host: w, procedure: none}\n'
        with running_chain(directory, WORKER, WAYS, bindings + rest, TABLE) as chain:
            yield Asking(chain, asked, recorder)


def test_a_token_is_opened_for_the_service_and_told_to_nobody_else(
    asking: Asking,
) -> None:
    """A canary: in no packet, outcome, status, log, post, file or command line."""
    shown: list[str] = []
    daemon, harpd = asking.chain.daemon, asking.chain.harpd
    pids = (daemon.process.pid, harpd.process.pid)
    asking.asked.watch = lambda: shown.extend(map(shown_by_all, pids))

    parents = {way: asking.submit(way) for way in WAYS}
    ends = {way: asking.chain.outcome(job_id) for way, job_id in parents.items()}

    told = [request["headers"]["Authorization"] for request in asking.asked.requests]
    assert told == [f"Bearer {USERS_TOKEN}"] * len(WAYS)
    assert len(shown) == len(WAYS) * len(pids)
    assert "no luck with ***, ***, ***" in json.dumps(ends["quoting"])
    assert hrefs_of(ends["moving"]) == ["https://h/x.nc?token=***"]
    assert hrefs_of(ends["naming"])[0].endswith("/***.png")
    jobs = [*parents.values(), *map(child_of, parents.values())]
    seen = {
        "outcomes": [asking.chain.outcome(job_id) for job_id in jobs],
        "packets": [asking.packets(job_id) for job_id in jobs],
        "status": [daemon.ask({"get_status": job_id}) for job_id in jobs],
        "posts": [str(post) for post in asking.recorder.posts],
        "logs": [daemon.log.read_text(), harpd.log],
        "commands": shown,
        "files": [*files_below(asking.chain.root)],
    }
    assert all(map(asking.packets, parents.values()))
    assert len(seen["posts"]) >= len(WAYS)
    assert leaks(seen) == []


def leaks(seen: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what was seen of secrets, by place."""
    return [
        (place, secret)
        for place, found in seen.items()
        for secret in SECRETS
        if secret in json.dumps(found)
    ]


def shown_by_all(pid: int) -> str:
    """Return what /proc shows of a process and all that it has started."""
    while True:
        try:
            return "".join(map(shown_by_proc, descendants(pid)))
        except (FileNotFoundError, ProcessLookupError):
            continue  # one of them ended meanwhile


def child_of(job_id: str) -> str:
    """Return the id of the only call of a request."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{job_id}/s1.b0/a0"))


def hrefs_of(outcome: Mapping[str, Any]) -> list[str]:
    """Return where the outputs of a request are."""
    assert "result" in outcome, outcome
    return [output["href"] for output in outcome["result"]["outputs"]]


def files_below(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the names of the files below a folder, and what is in them."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path), path.read_text(errors="replace")
