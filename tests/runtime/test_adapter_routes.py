"""An adapter made here: its routes are served and documented, and nothing else knew."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from dispatching import a_dispatcher
from scripted_runner import ScriptedRunner
from third_adapter import (
    ROUTES,
    TOKENS,
    WRITER,
    Posts,
    a_world,
    adapter,
    echo,
    fail,
    known,
    route,
)

from harpcaller.adapters.route import Answer, Asked, FilePath, Operations, Route
from harpcaller.gateway.adapter_routes import adapter_endpoints
from harpcaller.gateway.app import application
from harpcaller.gateway.collision import Collision
from harpcaller.gateway.files import file_response
from harpcaller.gateway.house import House
from harpcaller.gateway.means import Whole
from harpcaller.gateway.native_table import native_endpoints
from harpcaller.gateway.openapi import document
from harpcaller.identities.known import Identities
from harpcaller.identities.reception import Reception


async def test_a_handler_gets_values_and_gives_values() -> None:
    """It knows nothing of what serves it."""
    async with a_world(adapter(*ROUTES)) as world:
        told = await world.ask("POST", "/third/x?a=1", b"hello")

    assert told.status == 202
    assert told.headers["x-own"] == "yes"
    assert told.headers["content-type"] == "application/json"
    assert int(told.headers["content-length"]) == len(told.body)
    assert json.loads(told.body) == {
        "path": {"name": "x"},
        "query": {"a": "1"},
        "body": "hello",
        "agent": "us",
        "settings": {"colour": "red"},
    }


async def test_a_handler_has_calls_run_in_the_name_of_who_asks() -> None:
    """By the rights of a line, and with its keys."""
    async with a_world(adapter(*ROUTES), identities=known()) as world:
        first = await world.ask("POST", "/run", token=TOKENS["writer"])
        again = await world.ask("POST", "/run", token=TOKENS["writer"])
        reader = await world.ask("POST", "/run", token=TOKENS["reader"])
        nobody = await world.ask("POST", "/run")

    assert (first.status, first.body) == (200, b'"done"')
    assert (again.status, again.body) == (201, b'"done"')
    assert reader.body.startswith(b"403 FORBIDDEN")
    assert nobody.body.startswith(b"401 UNAUTHORIZED")
    assert nobody.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize(
    ("target", "status", "body"),
    [
        ("/run", 200, b'"done"'),
        ("/third/x", 202, None),
        ("/fail", 400, b"400 INVALID_REQUEST not so"),
        ("/run?host=@none", 403, None),
        ("/crash", 500, b"500 INTERNAL_ERROR a bug of ours; see our log"),
    ],
)
async def test_a_large_body_is_read_beside_the_loop(
    target: str, status: int, body: bytes | None
) -> None:
    """A handler cannot tell the difference; others can."""
    at: list[bool] = []

    async def watched(asked: Asked, means: Operations, settings: Any) -> Answer:
        at.append(threading.current_thread() is threading.main_thread())
        return await by_path[target.partition("?")[0]].handler(asked, means, settings)

    by_path = {one.path.replace("{name}", "x"): one for one in ROUTES if one.role}
    routes = [attrs.evolve(one, handler=watched) for one in ROUTES]
    hosts = Identities([attrs.evolve(WRITER, hosts=["h"])])
    async with a_world(adapter(*routes), identities=hosts) as world:
        small = await world.ask("POST", target, b"x", TOKENS["writer"])
        large = await world.ask("POST", target, b"x" * 10**6, TOKENS["writer"])

    assert at == [True, False]
    if target == "/run":  # the second is the first, by its key
        assert (small.status, large.status) == (200, 201)
    else:
        assert (small.status, large.status) == (status, status)
    assert body is None or large.body == body


async def test_roles_are_asked_for_as_a_route_says() -> None:
    """Some ask nobody."""
    async with a_world(adapter(*ROUTES), identities=known()) as world:
        open_to_all = await world.ask("GET", "/third/x")
        guarded = await world.ask("POST", "/third/x")

    assert [open_to_all.status, guarded.status] == [202, 401]


async def test_a_path_may_show_who_asks() -> None:
    """`Authorization` is for somebody else there, and nothing of it is believed."""
    writer, reader = TOKENS["writer"], TOKENS["reader"]
    async with a_world(adapter(*ROUTES), identities=known()) as world:
        by_secret = await world.ask("POST", f"/own/~{writer}/a/b?", token="x")  # noqa: S106
        other = await world.ask("POST", f"/own/~{reader}/a")
        unknown = await world.ask("POST", "/own/~nonsense/a")
        by_header = await world.ask("POST", "/own", token=writer)

    assert by_secret.status == 202
    assert json.loads(by_secret.body)["path"]["name"] == "a/b"
    assert other.body.startswith(b"403 FORBIDDEN")
    assert unknown.body.startswith(b"401 UNAUTHORIZED")
    assert by_header.body.startswith(b"401 UNAUTHORIZED")


async def test_where_nobody_is_asked_no_secret_is_looked_at() -> None:
    """As with every other way to show who one is."""
    async with a_world(adapter(*ROUTES)) as world:
        told = await world.ask("POST", "/own/~nonsense/a")

    assert told.status == 202


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("/fail", b"", b"400 INVALID_REQUEST not so"),
        ("/crash", b"", b"500 INTERNAL_ERROR a bug of ours; see our log"),
        ("/small", b"x" * 11, b"413 TOO_LARGE a body of more than 10 bytes"),
    ],
)
async def test_errors_have_the_shape_of_the_adapter(
    path: str, body: bytes, told: bytes
) -> None:
    """Its clients know no other."""
    async with a_world(adapter(*ROUTES)) as world:
        answer = await world.ask("POST", path, body)
        other = await world.ask("PUT", path)

    assert answer.body == told
    assert answer.headers["content-type"].startswith("text/shout")
    assert other.body.startswith(b"405 INVALID_REQUEST")
    assert other.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/run/on", b"404 INVALID_REQUEST not found; see harpcaller-http(7)"),
        ("/run/", b"404 INVALID_REQUEST not found; see harpcaller-http(7)"),
        ("/runs", None),
        ("/v1/run", None),
        ("/", None),
    ],
)
async def test_what_is_beside_a_path_of_an_adapter_has_its_shape_too(
    path: str, told: bytes | None
) -> None:
    """A client of its has asked for that; all others know the usual one."""
    async with a_world(adapter(*ROUTES)) as world:
        answer = await world.ask("POST", path)

    assert answer.status == 404
    if told is None:
        assert json.loads(answer.body)["error"]["type"] == "invalid_request"
    else:
        assert answer.body == told


async def test_a_file_is_sent_as_it_is(tmp_path: Path) -> None:
    """Its length is ours to tell, its kind the adapter's."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    async with a_world(adapter(*ROUTES)) as world:
        told = await world.ask("GET", f"/file?at={path}")

    assert told.body == b"x" * 100_000
    assert told.headers["content-length"] == "100000"
    assert told.headers["content-type"].startswith("text/x-own")


async def test_a_file_that_may_not_be_shown_is_not(tmp_path: Path) -> None:
    """What a worker names is not what the dispatcher may read."""
    within, outside = tmp_path / "within", tmp_path / "outside"
    within.mkdir()
    outside.write_text("secret")
    (within / "file").write_text("shown")
    (within / "link").symlink_to(outside)
    os.mkfifo(within / "pipe")
    async with a_world(adapter(*ROUTES)) as world:
        told = [
            await world.ask("GET", f"/file?at={within}/{name}&within={within}")
            for name in ("file", "link", "pipe", "../outside", "none", "x\0")
        ]

    assert [one.status for one in told] == [200, 500, 500, 500, 500, 500]
    assert told[0].body == b"shown"
    assert all(b"secret" not in one.body for one in told)


async def test_a_file_that_was_judged_is_the_one_that_is_sent(tmp_path: Path) -> None:
    """A worker may put a link in its place in between."""
    path = tmp_path / "file"
    path.write_text("shown")
    (tmp_path / "secret").write_text("secret")
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    response = await file_response(FilePath(path=path, within=(tmp_path,)), 200)
    path.unlink()
    path.symlink_to(tmp_path / "secret")
    await response(
        {"type": "http", "method": "GET", "headers": []}, trio.sleep_forever, send
    )

    assert b"".join(message.get("body", b"") for message in sent) == b"shown"
    assert not await trio.Path(response.path).exists()  # it was let go of


async def test_a_handler_has_others_told() -> None:
    """Beside the loop, too; who does not answer is not waited for."""
    async with a_world(adapter(*ROUTES)) as world:
        small = await world.ask("POST", "/tell", b"x")
        large = await world.ask("POST", "/tell", b"x" * 10**6)

    assert [post.url for post in world.posted.posts] == ["http://h/", "http://h/"]
    assert [small.status, large.status] == [204, 204]


async def test_who_leaves_is_not_waited_for() -> None:
    """The job goes on; the answer is for nobody."""
    async with a_world(adapter(*ROUTES)) as world:
        with trio.fail_after(10):
            told = await world.ask("POST", "/run", leaves=True)

    assert told.status == 503


async def test_a_reload_changes_settings_and_takes_an_adapter_away() -> None:
    """Its routes stay until a restart, and find nothing."""
    async with a_world(adapter(*ROUTES)) as world:
        changed = attrs.evolve(adapter(*ROUTES), settings={"colour": "blue"})
        world.adapters.configure([changed])
        blue = await world.ask("POST", "/third/x")
        world.adapters.configure([])
        gone = await world.ask("POST", "/third/x")

    assert json.loads(blue.body)["settings"] == {"colour": "blue"}
    assert gone.status == 404


async def test_its_routes_are_in_the_document() -> None:
    """One document, with a tag for each adapter."""
    async with a_dispatcher(ScriptedRunner()) as dispatcher:
        dispatcher.adapters.configure([adapter(*ROUTES)])
        paths = document(adapter_endpoints(Whole(dispatcher, Posts())))["paths"]

    third = paths["/third/{name}"]["post"]
    assert third["tags"] == ["third"]
    assert third["operationId"] == "third"
    assert {"default", "401", "403"} <= third["responses"].keys()
    assert "security" in third
    [name] = third["parameters"]
    assert (name["name"], name["in"], name["required"]) == ("name", "path", True)
    assert "security" not in paths["/third/{name}"]["get"]
    assert paths["/crash"]["post"]["responses"].keys() == {"401", "403"}
    assert paths["/own/~{secret}/{name}"]["post"]["responses"].keys() == {"default"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (route("/a", echo), route("/a", fail)),
        (route("/a/{x}", echo), route("/a/{y}", fail, method="PUT")),
    ],
)
async def test_routes_that_collide_are_named(
    one: Route[Any], other: Route[Any]
) -> None:
    """One of them would never be reached, and nobody would know."""
    third, fourth = adapter(one, name="third"), adapter(other, name="fourth")
    async with a_dispatcher(ScriptedRunner()) as dispatcher:
        dispatcher.adapters.configure([third, fourth])
        endpoints = adapter_endpoints(Whole(dispatcher, Posts()))

        with pytest.raises(Collision) as caught:
            application(endpoints, House(Reception()))

    assert f"{one.method} {one.path} of third" in str(caught.value)
    assert f"{other.method} {other.path} of fourth" in str(caught.value)


async def test_no_adapter_takes_a_path_of_ours() -> None:
    """Nor the other way round."""
    house = House(Reception())
    async with a_dispatcher(ScriptedRunner()) as dispatcher:
        dispatcher.adapters.configure([adapter(route("/v1/calls", echo))])
        native = native_endpoints(dispatcher, house, list)
        endpoints = [*native, *adapter_endpoints(Whole(dispatcher, Posts()))]

        with pytest.raises(Collision, match=r"of harpcaller and POST .* of third"):
            application(endpoints, house)
