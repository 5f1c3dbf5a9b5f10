"""Requests that web pages of others send: none of them changes anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon_process import DaemonProcess, running_daemon
from eventually import wait_until
from guarded_daemon import with_token
from web_client import ON, WebClient, web_address, web_client, web_client_at

UNKNOWN = "00000000-0000-7000-8000-000000000000"
CALL = {"host": "nowhere", "procedure": "ping", "arguments": []}
FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:1"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
    {"Host": "evil.example"},
    {"Host": "127.0.0.1.evil.example:80"},
]


@pytest.fixture(name="daemon", scope="module")
def fixture_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """Run one for all of them."""
    settings = {**ON, "http.public_url": "https://calls.example"}
    with running_daemon(tmp_path_factory.mktemp("pages"), settings=settings) as daemon:
        yield daemon


@pytest.fixture(name="web")
def fixture_web(daemon: DaemonProcess) -> Iterator[WebClient]:
    """Return a connection to it."""
    with web_client(daemon) as web:
        yield web


def changing(web: WebClient) -> list[tuple[str, str]]:
    """Return method and path of all that may change something."""
    return [
        (method.upper(), path.replace("{job_id}", UNKNOWN))
        for path, methods in web.get("/openapi.json").value["paths"].items()
        for method in methods
        if method not in {"get", "head"}
    ]


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_page_of_another_site_changes_nothing(
    web: WebClient, headers: dict[str, str]
) -> None:
    """A browser sends it with whatever its reader may do."""
    before = web.get("/v1/jobs?limit=1000").value["jobs"]
    body = json.dumps(CALL).encode()

    for method, path in changing(web):
        told = web.ask(method, path, body, **headers)
        assert (told.status, told.error) == (403, "forbidden")

    assert len(changing(web)) >= 2
    assert web.get("/v1/jobs?limit=1000").value["jobs"] == before


def test_a_refused_page_is_told_nothing_that_it_could_read(web: WebClient) -> None:
    """There are no CORS headers, whatever it asks for."""
    for method in ("GET", "OPTIONS", "POST"):
        told = web.ask(method, "/v1/jobs", None, Origin="https://evil.example")
        assert not [name for name in told.headers if name.lower().startswith("access")]


@pytest.mark.parametrize("host", ["evil.example", "", "evil.example:80"])
def test_by_another_name_nothing_is_told_either(web: WebClient, host: str) -> None:
    """A page of that name could read it: for the browser it is its own site."""
    for path in ("/v1/jobs", "/healthz", "/openapi.json", "/nothing"):
        assert web.get(path, Host=host).status == 403


def test_our_own_pages_may_call(daemon: DaemonProcess, web: WebClient) -> None:
    """Those that came from us, by any of our names."""
    host, port = web_address(daemon)
    for headers in (
        {"Origin": f"http://{host}:{port}"},
        {"Origin": "https://calls.example"},
        {"Origin": "https://calls.example", "Host": "calls.example"},
        {"Sec_Fetch_Site": "same-origin"},
        {"Sec_Fetch_Site": "none"},
    ):
        assert web.submit(CALL, **headers).status == 201


def test_on_a_unix_socket_any_name_will_do(tmp_path: Path) -> None:
    """Web pages reach none; a proxy passes on what its clients wrote."""
    path = tmp_path / "web"
    settings = {"http.listen": f"unix:{path}"}
    with (
        running_daemon(tmp_path / "daemon", settings=settings),
        web_client_at(path) as web,
    ):
        assert web.get("/v1/jobs", Host="anything.example").status == 200


def test_names_are_read_again_at_a_reload(tmp_path: Path) -> None:
    """So are the other rules: nobody is sent away for it."""
    with running_daemon(tmp_path, settings=ON) as daemon, web_client(daemon) as web:
        assert web.get("/v1/jobs", Host="calls.internal").status == 403
        text = daemon.config.read_text()
        daemon.config.write_text(
            text + 'http.allowed_hosts = ["calls.internal"]\nhttp.max_body_bytes=1024\n'
        )
        daemon.process.send_signal(1)

        def is_known() -> bool:
            return web.get("/v1/jobs", Host="calls.internal").status == 200

        wait_until(is_known)
        large = web.submit({**CALL, "arguments": ["x" * 2000]})

    assert large.status == 413


def test_an_identity_is_no_excuse(tmp_path: Path) -> None:
    """A browser that knows a password sends it for any page."""
    table, token = with_token("writer", '["submit"]')
    with running_daemon(tmp_path, settings=ON) as daemon:
        daemon.config.write_text(f"{daemon.config.read_text()}\n{table}")
        daemon.restart()
        with web_client(daemon) as web:
            headers = {"Authorization": f"Bearer {token}"}
            told = web.submit(CALL, **headers, Origin="https://evil.example")
            own = web.submit(CALL, **headers)

    assert (told.status, own.status) == (403, 201)
