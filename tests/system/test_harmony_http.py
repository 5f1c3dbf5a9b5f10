"""Harmony services that are asked by HTTP: what is sent, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from eventually import eventually
from harmony_answers import FakeService, running_service
from harmony_worker import TOKEN, USERS_TOKEN, HarmonyWorker, running_services
from harp_peer import a_call, connect

from protocol.outcome import Raised

CONFIG = """
[[procedure]]
name = "post"
kind = "harmony_http"
url_allow = ["http://127.0.0.1:*/service/"]
data_dir = "{root}"
roots = ["{root}"]
secret_key_file = "{key_file}"

[[procedure]]
name = "keyless"
kind = "harmony_http"
url_allow = ["http://127.0.0.1:*/service/"]
data_dir = "{root}"

[[procedure]]
name = "nowhere"
kind = "harmony_http"
url_allow = ["http://127.0.0.1:*/"]
data_dir = "{root}/none"
"""


@pytest.fixture(scope="module")
def service() -> Iterator[FakeService]:
    """Run a server that keeps what it is asked."""
    with running_service() as fake:
        yield fake


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HarmonyWorker]:
    """Run one worker for all tests here: each call is on its own anyway."""
    with running_services(tmp_path_factory.mktemp("harmony"), CONFIG) as running:
        yield running


def asked(url: str, **changes: Any) -> dict[str, Any]:
    """Return the arguments of a call."""
    message = {"version": "0.22.0", "accessToken": TOKEN, "isSynchronous": False}
    given = {"unit": "s1.b0", "attempt": 0, "message": message, "url": url}
    return {**given, **changes}


async def raised(worker: HarmonyWorker, url: str) -> tuple[str, str]:
    """Return what a call ended with."""
    _, outcome = await worker.call("post", **asked(url))
    assert isinstance(outcome, Raised), outcome
    return outcome.type, outcome.message


def stored(result: dict[str, str]) -> bytes:
    """Return what is in the file of a result."""
    return Path(result["href"].removeprefix("file://")).read_bytes()


async def test_a_body_is_stored_under_its_name(
    worker: HarmonyWorker, service: FakeService
) -> None:
    """Where nobody sees half of it, in a folder of the call's own."""
    result = await worker.result("post", **asked(service.url("named")))

    file = Path(result["href"].removeprefix("file://"))
    assert (result["title"], result["type"]) == ("x.png", "image/png")
    assert file.name == "x.png"
    assert file.parent.parent == worker.root
    assert stored(result) == b"bytes"
    assert not [path for path in worker.root.iterdir() if path.name.startswith(".")]


async def test_a_body_without_a_name_has_that_of_the_unit(
    worker: HarmonyWorker, service: FakeService
) -> None:
    """And of its type, if it has one."""
    plain = await worker.result("post", **asked(service.url("plain")))
    bare = await worker.result("post", **asked(service.url("bare")))

    assert (plain["title"], plain["type"]) == ("s1.b0.png", "image/png")
    assert bare.keys() == {"href", "title"}
    assert len(stored(bare)) == 3_000_000


async def test_a_service_is_asked_as_harmony_asks(
    worker: HarmonyWorker, service: FakeService
) -> None:
    """Synchronously, and with the user's own token; without a key there is none."""
    message = asked("")["message"] | {"callback": "http://h/"}
    service.requests.clear()

    await worker.result("post", **asked(service.url("plain"), message=message))
    await worker.result("keyless", **asked(service.url("plain")))

    [first, second] = service.requests
    assert first["headers"]["Authorization"] == f"Bearer {USERS_TOKEN}"
    assert first["headers"]["Content-Type"] == "application/json"
    assert first["message"] == {
        "version": "0.22.0",
        "accessToken": TOKEN,
        "isSynchronous": True,
    }
    assert "Authorization" not in second["headers"]


async def test_a_redirect_is_the_result(
    worker: HarmonyWorker, service: FakeService
) -> None:
    """It is not followed: the user does that."""
    result = await worker.result("post", **asked(service.url("redirect")))

    assert result == {"href": "s3://bucket/x.nc"}


async def test_a_failure_has_its_category_and_its_words(
    worker: HarmonyWorker, service: FakeService
) -> None:
    """Those of Harmony's library, by which the adapter tries again, or not."""
    assert await raised(worker, service.url("forbidden")) == ("Forbidden", "not you")
    assert await raised(worker, service.url("wrong")) == ("NoRetry", "no such variable")
    assert (await raised(worker, service.url("later")))[0] == "NoRetry"
    assert await raised(worker, service.url("broken")) == (
        "Server",
        "come back with ***",
    )


async def test_a_service_out_of_reach_is_a_failure_too(
    worker: HarmonyWorker, service: FakeService
) -> None:
    """Nobody listens, it goes in the middle, or it says nothing."""
    shut = "http://127.0.0.1:1/service/x"
    broken = ("Server", "the service broke off its answer, or had none")

    assert await raised(worker, shut) == (
        "Server",
        "the service cannot be reached: Connection refused",
    )
    assert await raised(worker, service.url("torn")) == broken
    assert await raised(worker, service.url("empty")) == broken


async def test_what_must_not_be_sent_is_refused(
    worker: HarmonyWorker, service: FakeService
) -> None:
    """Nothing goes out, and no header is made of what is no token."""
    service.requests.clear()
    port = service.port
    plain = {"accessToken": "plain"}
    wrong = [
        (asked(f"http://127.0.0.1:{port}/other"), "not allowed: 127.0.0.1"),
        (asked("http://169.254.169.254/service/"), "not allowed: 169.254.169.254"),
        (asked("file:///etc/passwd"), "not allowed: file:"),
        (asked(service.url("x"), message=plain), "was not closed with our key"),
        (asked(service.url("x"), message={"accessToken": 1}), "expected a string"),
    ]

    for call, said in wrong:
        kind, text = await worker.refusal("post", **call)

        assert kind == "invalid_argument_list"
        assert said in text
    assert service.requests == []


async def test_a_folder_that_is_not_there_is_told(
    worker: HarmonyWorker, service: FakeService
) -> None:
    """The operator has to make it, for the user of the calls."""
    kind, text = await worker.refusal("nowhere", **asked(service.url("plain")))

    assert kind == "procedure_loading_error"
    assert text.startswith("No such file or directory: ")


async def test_a_call_that_is_cancelled_leaves_nothing(worker: HarmonyWorker) -> None:
    """Half an answer is no answer."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as silent:
        url = f"http://127.0.0.1:{silent.server_address[1]}/service/x"
        async with connect(worker.harpd.tcp, worker.tls) as stream:
            await stream.send_all(a_call("post", **asked(url)))
            assert b"stream_result" in await stream.receive_some(1000)

            assert [*worker.root.glob(".harp-*")]

    await eventually(lambda: not [*worker.root.glob(".harp-*")], 30)
