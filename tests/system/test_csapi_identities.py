"""Who may invoke, ask about and register services where clients are asked."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from csapi_daemon import service
from web_client import Told, WebClient
from web_tokens import Asking, asking_daemon

TABLES = """
[adapters.csapi]
consumers = {writer = "0xwriter"}
[adapters.csapi.services.web]
host = "web1"
procedure = "ping"
default = true
definition = "web.json"
[adapters.csapi.services.db]
host = "db1"
procedure = "ping"
definition = "web.json"
"""
UNKNOWN = "00000000-0000-7000-8000-000000000000"
WRONG = "hct_" + "canary" * 8
OPEN = {
    "GET /services/",
    "GET /services/{service}",
    "GET /services/{service}/heartbeat",
    "GET /heartbeat",
    "GET /api/ddo",
    "GET /api/v1/meta/data/{asset_id}",
}
SUBMITTING = {
    "POST /jobs",
    "POST /services/{service}",
    "POST /services/{service}/jobs",
    "POST /api/v1/invoke/async/{asset_id}",
    "POST /api/v1/invoke/sync/{asset_id}",
}
RULING = {"PUT /services/{service}", "DELETE /services/{service}"}


@pytest.fixture(name="asking", scope="module")
def fixture_asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """Run one for all of them."""
    folder = tmp_path_factory.mktemp("asking")
    definition = folder / "web.json"
    definition.write_text(json.dumps(service("ping")["definition"]))
    definition.chmod(0o600)
    with asking_daemon(folder, TABLES) as asking:
        yield asking


@pytest.fixture(name="web")
def fixture_web(asking: Asking) -> Iterator[WebClient]:
    """Return a connection that is nobody's."""
    with asking.in_clear() as web:
        yield web


def routes(web: WebClient) -> set[str]:
    """Return the routes of the adapter."""
    paths = web.get("/openapi.json").value["paths"]
    return {
        f"{method.upper()} {path}"
        for path, methods in paths.items()
        for method, operation in methods.items()
        if operation["tags"] == ["csapi"]
    }


def ask(web: WebClient, route: str, body: Any = None, **headers: str) -> Told:
    """Return the answer to a request of a route."""
    method, path = route.split()
    for name, value in {"service": "web", "job_id": UNKNOWN, "asset_id": "0"}.items():
        path = path.replace(f"{{{name}}}", value)
    return web.ask(method, path, json.dumps(body).encode(), **headers)


def test_without_a_token_what_is_open_is_open_and_nothing_else(web: WebClient) -> None:
    """G-17: as the table of routes says."""
    found = routes(web)

    told = {route: ask(web, route) for route in found}
    refused = {route for route, answer in told.items() if answer.status == 401}

    assert found - refused == OPEN
    assert refused > SUBMITTING | RULING
    for route in refused:
        assert told[route].value.keys() == {"errorcode", "description"}
        assert told[route].value["errorcode"] == 401
        assert told[route].headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_wrong_role_is_told_so(asking: Asking, web: WebClient) -> None:
    """CS-21: who is known and may not, is forbidden."""
    of_reader = {r: ask(web, r, **asking.bearer("reader")).status for r in SUBMITTING}
    of_writer = {r: ask(web, r, **asking.bearer("writer")).status for r in RULING}
    of_canceller = ask(web, "GET /jobs/status/{job_id}", **asking.bearer("canceller"))

    assert set(of_reader.values()) == {403}
    assert set(of_writer.values()) == {403}
    assert of_canceller.status == 403
    assert of_canceller.value["errorcode"] == 403


@pytest.mark.parametrize("form", ["Bearer {}", "token {}", "basic"])
def test_a_token_is_taken_in_each_form(
    asking: Asking, web: WebClient, form: str
) -> None:
    """starfish-py begins with Basic, and goes on with `token`."""
    token = asking.tokens["writer"]
    header = form.format(token)
    if form == "basic":
        header = f"Basic {base64.b64encode(f'u:{token}'.encode()).decode()}"

    made = ask(web, "POST /jobs", {}, Authorization=header)
    told = web.get("/api/v1/auth/token", Authorization=header)

    assert made.status == 201
    assert told.value == [token]


@pytest.mark.parametrize("header", [f"Bearer {WRONG}", "Bearer", "Digest x=y"])
def test_a_wrong_token_is_none(web: WebClient, header: str) -> None:
    """401, in the dialect's shape."""
    told = web.get("/api/v1/auth/token", Authorization=header)

    assert told.status == told.value["errorcode"] == 401


def test_who_may_invoke_is_who_may_call(asking: Asking, web: WebClient) -> None:
    """GW-10: submit, on the host and procedure of the service."""
    told = {
        (name, service): ask(
            web, f"POST /services/{service}", {}, **asking.bearer(name)
        ).status
        for name in ("writer", "webwriter", "admin")
        for service in ("web", "db")
    }

    assert {pair for pair, status in told.items() if status == 403} == {
        ("webwriter", "db")
    }
    assert set(told.values()) == {201, 403}


def test_a_job_is_told_of_to_its_own_and_to_readers(
    asking: Asking, web: WebClient
) -> None:
    """GW-10, CS-19: for others it is as one that is not."""
    writer, other = asking.bearer("writer"), asking.bearer("webwriter")
    claim = {"serviceinfo": {"consumerid": "somebody else"}}
    job_id = ask(web, "POST /services/db", claim, **writer).value["jobid"]
    path = f"/services/db/jobs/status/{job_id}"

    told = {
        name: web.get(path, **asking.bearer(name)).status
        for name in ("writer", "webwriter", "reader", "webreader", "admin")
    }
    consumer = web.get(f"{path}?consumerid=0xwriter", **writer)
    claimed = web.get(f"{path}?consumerid=somebody+else", **writer)
    missing = ask(web, "GET /services/db/jobs/status/{job_id}", **other)

    assert told == {
        "writer": 200,
        "webwriter": 400,
        "reader": 200,
        "webreader": 400,
        "admin": 200,
    }
    assert (consumer.status, claimed.status) == (200, 400)
    assert claimed.body == missing.body


def test_services_are_registered_by_administrators(
    asking: Asking, web: WebClient
) -> None:
    """CS-4: who may submit calls may not change what others invoke."""
    admin = asking.bearer("admin")

    put = ask(web, "PUT /services/own", service("ping", host="web1"), **admin)
    delete = ask(web, "DELETE /services/own", **admin)

    assert (put.status, delete.status) == (201, 204)


def test_no_page_of_another_site_invokes_a_service(
    asking: Asking, web: WebClient
) -> None:
    """G-20: whatever the browser would send along."""
    headers = {**asking.bearer("writer"), "Origin": "https://evil.example"}

    told = {
        route: ask(web, route, {}, **headers).status for route in SUBMITTING | RULING
    }

    assert set(told.values()) == {403}


def test_no_token_is_told_to_anybody(asking: Asking, web: WebClient) -> None:
    """G-17: by the log, by metrics, or by a reply but the one that is for it."""
    token = asking.tokens["writer"]

    answers = [
        ask(web, route, {}, **asking.bearer("writer"))
        for route in routes(web) - {"GET /api/v1/auth/token"}
    ]
    answers.append(web.get("/metrics", **asking.bearer("admin")))

    assert not [one for one in answers if token.encode() in one.body]
    assert token not in asking.guarded.daemon.log.read_text()
