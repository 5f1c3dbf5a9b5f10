"""Who may report, read, cancel and forget workflows where clients are asked: G-17."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from web_client import Told, WebClient
from web_tokens import Asking, asking_daemon

TABLES = "[adapters.panoptes]\n"
UNKNOWN = "00000000-0000-7000-8000-000000000000"
WRONG = "hct_" + "canary" * 8
OPEN = {
    "GET /m1",
    "GET /m1/",
    "GET /api/service-info",
    "GET /m1/api/service-info",
    "GET /static/panoptes/{name}",
}


@pytest.fixture(name="asking", scope="module")
def fixture_asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """Run one for all of them."""
    with asking_daemon(tmp_path_factory.mktemp("asking"), TABLES) as asking:
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
        if operation["tags"] == ["panoptes"]
    }


def ask(web: WebClient, route: str, body: Any = None, **headers: str) -> Told:
    """Return the answer to a request of a route."""
    method, path = route.split()
    for name, value in {"id": UNKNOWN, "job": "1", "name": "workflow.js"}.items():
        path = path.replace(f"{{{name}}}", value)
    return web.ask(method, path, json.dumps(body or {}).encode(), **headers)


def is_older(route: str) -> bool:
    """Tell whether a route is one of the older paths."""
    return "/m1/workflow/" not in route and not route.startswith("GET /workflows/")


def test_without_a_token_what_is_open_is_open_and_nothing_else(web: WebClient) -> None:
    """G-17: in the shape of the dialect, and with an id where Snakemake looks."""
    found = routes(web)

    told = {route: ask(web, route) for route in found}
    refused = {route for route, answer in told.items() if answer.status == 401}

    assert found - refused == OPEN
    for route in refused:
        assert told[route].value["errors"][0]["code"] == "401"
        assert told[route].headers["WWW-Authenticate"].startswith("Bearer ")
        assert ("id" in told[route].value) == route.endswith("/create_workflow")


def test_a_wrong_role_is_told_so(asking: Asking, web: WebClient) -> None:
    """GW-11: 403, and 401 by the older paths, where it is the same and says why."""
    needs = {
        route: "reader" if not route.startswith("GET") else "canceller"
        for route in routes(web) - OPEN
        if not route.endswith(("create_workflow", "workflow/create/"))
    }
    del needs["GET /m1/workflow/create"]
    needs |= {"GET /create_workflow": "reader", "POST /m1/create_workflow": "reader"}

    for route, name in needs.items():
        told = ask(web, route, **asking.bearer(name))
        expected = 401 if is_older(route) else 403
        assert told.status == expected, (route, name, told)


@pytest.mark.parametrize("form", ["Bearer {}", "token {}", "basic"])
def test_a_token_is_taken_in_each_form(
    asking: Asking, web: WebClient, form: str
) -> None:
    """GW-9: the plugin of Snakemake 9 knows Basic alone."""
    token = asking.tokens["writer"]
    header = form.format(token)
    if form == "basic":
        header = f"Basic {base64.b64encode(f'u:{token}'.encode()).decode()}"

    made = web.get("/create_workflow", Authorization=header)
    job_id = made.value["id"]
    body = {"msg": "{}", "timestamp": "t", "id": job_id}
    told = ask(web, "POST /update_workflow_status", body, Authorization=header)
    own = web.get(f"/api/workflow/{job_id}", Authorization=header)

    assert (made.status, told.status, told.body) == (200, 200, b"ok")
    assert own.value["workflow"]["info"]["reporter"] == "writer"


@pytest.mark.parametrize("path", ["/m1/", "/api/service-info", "/create_workflow"])
@pytest.mark.parametrize("header", [f"Bearer {WRONG}", "Bearer", "Digest x=y"])
def test_a_wrong_token_is_none(web: WebClient, path: str, header: str) -> None:
    """PM-7: so a client can find out whether its token is one."""
    told = web.get(path, Authorization=header)

    assert told.status == 401
    assert WRONG.encode() not in told.body


def test_a_good_token_is_taken_where_none_is_needed(
    asking: Asking, web: WebClient
) -> None:
    """PM-7."""
    assert web.get("/m1/", **asking.bearer("reader")).status == 200


def test_workflows_of_others_are_not_seen(asking: Asking, web: WebClient) -> None:
    """GW-10: but by readers; and fed by who may submit to @panoptes alone."""
    writer, reader = asking.bearer("writer"), asking.bearer("reader")
    job_id = web.get("/create_workflow", **writer).value["id"]
    path = f"/api/workflow/{job_id}"
    body = {"msg": "{}", "timestamp": "t", "id": job_id}

    seen = web.get(path, **reader).status
    hidden = web.get(path, **asking.bearer("webreader")).status
    listed = web.get("/api/workflows", **asking.bearer("webreader")).value
    strange = ask(
        web, "POST /update_workflow_status", body, **asking.bearer("webwriter")
    )
    made = web.get("/m1/workflow/create/", **asking.bearer("webwriter"))
    cancelled = web.ask("POST", f"{path}/cancel", None, **asking.bearer("canceller"))
    forgotten = web.ask("DELETE", path, None, **asking.bearer("admin"))

    assert (seen, hidden, listed["count"]) == (200, 404, 0)
    assert (strange.status, made.status) == (401, 403)
    assert cancelled.status == 200
    assert forgotten.status in {204, 403}


def test_no_token_is_in_the_log(asking: Asking, web: WebClient) -> None:
    """G-17, P7."""
    web.get("/create_workflow", **asking.bearer("writer"))

    log = asking.guarded.daemon.log.read_text()

    assert all(token not in log for token in asking.tokens.values())
    assert WRONG not in log
