"""Who asks over HTTP: shown by token, certificate or user, and what each may do."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from web_client import Told, WebClient
from web_tokens import Asking, asking_daemon

UNKNOWN = "00000000-0000-7000-8000-000000000000"
WRONG = "hct_" + "canary" * 8
CALL = {"host": "web1", "procedure": "ping", "arguments": []}
READ = ["", "/result", "/packets", "/stream?since=0"]


@pytest.fixture(name="asking", scope="module")
def fixture_asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """Run one for all of them."""
    with asking_daemon(tmp_path_factory.mktemp("asking")) as asking:
        yield asking


@pytest.fixture(name="web")
def fixture_web(asking: Asking) -> Iterator[WebClient]:
    """Return a connection that is nobody's."""
    with asking.in_clear() as web:
        yield web


def job_on(host: str, asking: Asking, web: WebClient) -> str:
    """Return the path of a job that "writer" submitted, and that has ended."""
    told = web.submit({**CALL, "host": host}, **asking.bearer("writer"))
    path = told.headers["Location"]
    web.get(f"{path}/result?wait=20", **asking.bearer("writer"))
    return path


def word(told: Told) -> str | None:
    """Return the error that an answer is."""
    return None if told.status < 400 else told.error


def test_every_route_says_without_a_token_whether_it_needs_one(web: WebClient) -> None:
    """By its place in the document, which is the table of routes."""
    paths = web.get("/openapi.json").value["paths"]
    asked = {
        (method.upper(), path): "security" in operation
        for path, methods in paths.items()
        for method, operation in methods.items()
    }

    for (method, path), is_asked in asked.items():
        told = web.ask(method, path.replace("{job_id}", UNKNOWN), b"")
        assert (told.status == 401) == is_asked, (method, path, told.status)
        if is_asked:
            assert method == "HEAD" or told.error == "unauthorized"
            challenge = told.headers["WWW-Authenticate"]
            assert challenge == 'Bearer realm="harpcaller", Basic realm="harpcaller"'
    assert sum(asked.values()) >= 10


@pytest.mark.parametrize("form", ["Bearer {}", "token {}", "basic"])
def test_a_token_is_taken_in_each_form(
    asking: Asking, web: WebClient, form: str
) -> None:
    """Clients know one of them each."""
    token = asking.tokens["reader"]
    header = form.format(token)
    if form == "basic":
        header = f"Basic {base64.b64encode(f'u:{token}'.encode()).decode()}"

    told = web.get("/v1/jobs", Authorization=header)

    assert told.status == 200


def test_a_token_holds_for_its_request_alone(asking: Asking, web: WebClient) -> None:
    """A proxy sends those of many people on one connection."""
    first = web.get("/v1/jobs", **asking.bearer("admin"))
    second = web.get("/v1/jobs")
    third = web.get("/v1/queues", **asking.bearer("webreader"))

    assert [first.status, second.status, third.status] == [200, 401, 403]


@pytest.mark.parametrize("header", [f"Bearer {WRONG}", "Bearer", "Digest x=y"])
def test_a_wrong_token_is_refused(web: WebClient, header: str) -> None:
    """Also where nobody need be known: he meant to be somebody."""
    told = web.get("/v1/jobs", Authorization=header)

    assert (told.status, told.error) == (401, "unauthorized")
    assert "WWW-Authenticate" in told.headers


@pytest.mark.parametrize("name", ["token", "access_token"])
@pytest.mark.parametrize("path", ["/v1/jobs", "/healthz", f"/v1/jobs/{UNKNOWN}"])
def test_a_token_in_a_query_is_refused(
    asking: Asking, web: WebClient, name: str, path: str
) -> None:
    """And is not told again."""
    token = asking.tokens["admin"]

    told = web.get(f"{path}?{name}={token}", **asking.bearer("admin"))

    assert (told.status, told.error) == (400, "invalid_request")
    assert token.encode() not in told.body


@pytest.mark.parametrize(
    ("name", "of_web", "of_db"),
    [
        ("writer", None, None),
        ("webwriter", "invalid_jobid", "invalid_jobid"),
        ("reader", None, None),
        ("webreader", None, "invalid_jobid"),
        ("canceller", "forbidden", "forbidden"),
        ("admin", None, None),
    ],
)
def test_who_may_read_a_job_is_as_with_lines(
    asking: Asking, web: WebClient, name: str, of_web: str | None, of_db: str | None
) -> None:
    """It is decided in one place."""
    jobs = job_on("web1", asking, web), job_on("db1", asking, web)

    for job, expected in zip(jobs, (of_web, of_db), strict=True):
        for path in READ:
            told = web.get(f"{job}{path}", **asking.bearer(name))
            assert word(told) == expected, path


def test_who_may_call_what_is_as_with_lines(asking: Asking, web: WebClient) -> None:
    """By role, and by the lists of hosts."""
    told = {
        (name, host): web.submit({**CALL, "host": host}, **asking.bearer(name)).status
        for name in asking.tokens
        for host in ("web1", "db1")
    }

    may = {"writer", "admin"}
    for (name, host), status in told.items():
        is_welcome = name in may or (name, host) == ("webwriter", "web1")
        assert status == (201 if is_welcome else 403), (name, host)


def test_who_may_cancel_is_as_with_lines(asking: Asking, web: WebClient) -> None:
    """A role, or a job of one's own."""
    job = job_on("web1", asking, web)

    told = {
        name: web.ask("DELETE", job, None, **asking.bearer(name)).status
        for name in asking.tokens
    }

    assert {name for name, status in told.items() if status == 403} == {
        "reader",
        "webreader",
    }
    assert set(told.values()) == {200, 403}


def test_a_list_of_jobs_is_of_those_one_may_read(
    asking: Asking, web: WebClient
) -> None:
    """The others are not there, as elsewhere."""
    job_on("web1", asking, web)
    job_on("db1", asking, web)

    def hosts_of(name: str) -> set[str]:
        told = web.get("/v1/jobs?limit=1000", **asking.bearer(name))
        return {job["call"]["host"] for job in told.value["jobs"]}

    assert hosts_of("reader") == {"web1", "db1"}
    assert hosts_of("writer") == {"web1", "db1"}
    assert hosts_of("webreader") == {"web1"}
    assert hosts_of("webwriter") <= {"web1"}
    assert web.get("/v1/jobs", **asking.bearer("canceller")).status == 403


def test_lists_of_queues_and_hosts_are_of_what_one_may_see(
    asking: Asking, web: WebClient
) -> None:
    """Names of hosts tell something, those of queues too."""

    def told(path: str, name: str) -> Told:
        return web.get(path, **asking.bearer(name))

    hosts = told("/v1/hosts", "webreader").value["hosts"]
    assert [host["hostname"] for host in hosts] == ["web1"]
    assert len(told("/v1/hosts", "reader").value["hosts"]) == 2
    assert told("/v1/queues", "reader").status == 200
    assert told("/v1/queues", "webreader").error == "forbidden"
    assert told("/v1/queues", "writer").error == "forbidden"


def test_figures_are_for_readers(asking: Asking, web: WebClient) -> None:
    """They tell how busy somebody else is."""
    statuses = {
        name: web.get("/metrics", **asking.bearer(name)).status
        for name in ("reader", "webreader", "admin", "writer", "canceller")
    }

    assert {name for name, status in statuses.items() if status == 200} == {
        "reader",
        "webreader",
        "admin",
    }
    assert web.get("/healthz").status == web.get("/readyz").status == 200


def test_no_token_is_told_to_anybody(asking: Asking, web: WebClient) -> None:
    """Not by the log, not by figures, not by any reply."""
    replies = [
        web.get("/v1/jobs", Authorization=f"Bearer {WRONG}"),
        web.get("/v1/jobs", **asking.bearer("reader")),
        web.get(f"/v1/jobs?token={WRONG}"),
        web.get("/metrics", **asking.bearer("admin")),
        web.submit(CALL, **asking.bearer("writer")),
    ]

    told = asking.guarded.daemon.log.read_text()
    told += "".join(reply.body.decode() for reply in replies)
    for token in (WRONG, *asking.tokens.values()):
        assert token not in told


def test_the_log_tells_who_asked_for_what(asking: Asking, web: WebClient) -> None:
    """The template of the path, not the path: ids and names are not for the log."""
    job = job_on("web1", asking, web)
    web.get(f"{job}/packets?since=987654", **asking.bearer("webreader"))

    line = asking.guarded.wait_for(
        "request.answered", route="/v1/jobs/{job_id}/packets", identity="webreader"
    )

    assert (line["method"], line["code"], line["level"]) == ("GET", 200, "info")
    assert line["took_s"] >= 0
    assert "987654" not in asking.guarded.daemon.log.read_text()
    refused = asking.guarded.log_lines("request.answered")
    assert all(line["level"] == "debug" for line in refused if line["code"] == 401)
