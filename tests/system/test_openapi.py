"""/openapi.json: valid, no more and no less than what is served, and true."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from daemon_process import running_daemon
from logging_worker import running_worker
from openapi_document import METHODS, Document
from web_client import ON, WebClient, web_client

UNKNOWN = "00000000-0000-7000-8000-000000000000"
JOB = "/v1/jobs/{job_id}"


@pytest.fixture(name="web", scope="module")
def fixture_web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebClient]:
    """Run a daemon for all of them."""
    folder = tmp_path_factory.mktemp("openapi")
    with (
        running_worker(folder / "worker") as worker,
        running_daemon(folder / "daemon", hosts=worker.hosts(), settings=ON) as daemon,
        web_client(daemon) as web,
    ):
        yield web


@pytest.fixture(name="document", scope="module")
def fixture_document(web: WebClient) -> Document:
    """Return what it says."""
    return Document(web.get("/openapi.json").value)


def test_the_document_is_valid(document: Document) -> None:
    """Programs are generated from it."""
    assert document.complaints() == []


def test_what_is_documented_is_served_and_nothing_beside_it(
    web: WebClient, document: Document
) -> None:
    """A path has the methods of the document, and tells of them itself."""
    told: dict[str, set[str]] = {}
    for path, method, _ in document.operations():
        told.setdefault(path, set()).add(method)

    for path, methods in told.items():
        for method in map(str.upper, METHODS):
            answer = web.ask(method, path.replace("{job_id}", UNKNOWN), b"")
            assert (answer.status != 405) == (method in methods), (method, path)
            if answer.status == 405:
                assert answer.headers["Allow"] == ", ".join(sorted(methods))


def test_every_operation_says_who_may_ask_for_it(document: Document) -> None:
    """What is for everybody is what monitors and generators ask for."""
    open_to_all = {
        path
        for path, _, operation in document.operations()
        if "security" not in operation
    }

    assert open_to_all == {"/healthz", "/readyz", "/openapi.json"}


def test_answers_are_as_the_document_says(web: WebClient, document: Document) -> None:
    """Each of its statuses that is easily had, and the schema of each body."""
    call = {
        "host": "unix",
        "procedure": "stream",
        "arguments": {"tag": "t", "n": 3},
        "queue": {"name": {"q": 1}},
    }
    waiting = {**call, "procedure": "hang"}
    submitted = web.submit(call, Idempotency_Key="k")
    done = submitted.value["job_id"]
    hanging = web.submit(waiting).value["job_id"]
    failing = web.submit({**call, "host": "nowhere", "queue": None}).value["job_id"]
    told = [
        ("/v1/calls", "POST", submitted),
        ("/v1/calls", "POST", web.submit(call, Idempotency_Key="k")),
        ("/v1/calls", "POST", web.submit(call, Content_Type="text/plain")),
        (f"{JOB}/result", "GET", web.get(f"/v1/jobs/{done}/result?wait=20")),
        (f"{JOB}/result", "GET", web.get(f"/v1/jobs/{failing}/result?wait=20")),
        (f"{JOB}/result", "GET", web.get(f"/v1/jobs/{hanging}/result")),
        (f"{JOB}/result", "GET", web.get(f"/v1/jobs/{UNKNOWN}/result")),
        (JOB, "GET", web.get(f"/v1/jobs/{done}")),
        (JOB, "GET", web.get(f"/v1/jobs/{UNKNOWN}")),
        (f"{JOB}/packets", "GET", web.get(f"/v1/jobs/{done}/packets")),
        (f"{JOB}/packets", "GET", web.get(f"/v1/jobs/{hanging}/packets")),
        (f"{JOB}/packets", "GET", web.get(f"/v1/jobs/{failing}/packets")),
        (f"{JOB}/stream", "GET", web.get(f"/v1/jobs/{done}/stream")),
        (f"{JOB}/stream", "GET", web.get(f"/v1/jobs/{UNKNOWN}/stream")),
        ("/v1/jobs", "GET", web.get("/v1/jobs")),
        ("/v1/queues", "GET", web.get("/v1/queues")),
        ("/v1/hosts", "GET", web.get("/v1/hosts")),
        (JOB, "DELETE", web.ask("DELETE", f"/v1/jobs/{hanging}")),
        *((path, "GET", web.get(path)) for path in ("/healthz", "/readyz", "/metrics")),
        ("/openapi.json", "GET", web.get("/openapi.json")),
    ]

    for path, method, answer in told:
        document.judge(path, method, answer.status, answer.content_type, answer.body)
    assert {answer.status for _, _, answer in told} == {200, 201, 202, 404, 415}


@pytest.mark.parametrize(
    "path",
    ["/v1/jobs?state=x", "/v1/jobs?after=x", "/v1/queues?after=x", "/v1/hosts?x=1"],
)
def test_a_refusal_is_as_the_document_says(
    web: WebClient, document: Document, path: str
) -> None:
    """What has no status of its own there is the default."""
    told = web.get(path)

    assert (told.status, told.error) == (400, "invalid_request")
    default = document.value["paths"][path.partition("?")[0]]["get"]["responses"]
    assert "$ref" in default["default"]["content"]["application/json"]["schema"]
