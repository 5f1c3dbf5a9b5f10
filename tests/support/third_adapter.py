"""An adapter made by the tests, its routes mounted beside ours, and a client."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
import trio
from dispatching import a_dispatcher
from scripted_runner import ScriptedRunner
from starlette.types import Message

from harpcaller.adapters.adapter import Adapter, Admitted
from harpcaller.adapters.machine import Action, End, Event, Post
from harpcaller.adapters.route import (
    Answer,
    Asked,
    FilePath,
    Handler,
    IdentityFrom,
    Operations,
    Route,
)
from harpcaller.gateway.adapter_routes import adapter_endpoints
from harpcaller.gateway.app import GUEST, application
from harpcaller.gateway.guest import Guest
from harpcaller.gateway.house import House
from harpcaller.gateway.means import Whole
from harpcaller.gateway.native_table import native_endpoints
from harpcaller.gateway.openapi import with_document
from harpcaller.identities.identity import Identity, Proofs
from harpcaller.identities.known import Identities
from harpcaller.identities.reception import Reception
from harpcaller.identities.tokens import digest_of
from harpcaller.roles import Role
from harpcaller.runners.installed import Adapters, Installed
from harpcaller.runners.transfers import Reply
from protocol.call import Call
from protocol.errors import ErrorType, WireError
from protocol.jsontext import JsonText
from protocol.outcome import Cancelled, Returned

TOKENS = {"writer": "w" * 40, "reader": "r" * 40}


class Idle:
    """A machine that ends at once."""

    def start(self, at: float) -> Sequence[Action]:
        """End."""
        return [End(Cancelled())]

    def on(self, event: Event) -> Sequence[Action]:
        """Do nothing."""
        return []


async def echo(asked: Asked, _: Operations, settings: Any) -> Answer:
    """Tell what was asked, and by which settings."""
    told = {
        "path": dict(asked.path),
        "query": dict(asked.query),
        "body": asked.body.decode(),
        "agent": asked.headers.get("user-agent"),
        "settings": settings,
    }
    headers = {"Content-Type": "application/json", "X-Own": "yes"}
    return Answer(status=202, headers=headers, body=json.dumps(told).encode())


async def run(asked: Asked, means: Operations, _: Any) -> Answer:
    """Have a call run, and tell how it ended."""
    host = asked.query.get("host", "h")
    call = Call(host=host, procedure="nap", arguments=JsonText(b"[]"), key="k")
    accepted = await means.submit(call)
    outcome = await means.outcome(accepted.job_id)
    assert isinstance(outcome, Returned)
    return Answer(status=201 if accepted.is_duplicate else 200, body=outcome.value)


async def fail(_: Asked, __: Operations, ___: Any) -> Answer:
    """Refuse."""
    raise WireError(ErrorType.INVALID_REQUEST, "not so")


async def crash(_: Asked, __: Operations, ___: Any) -> Answer:
    """Meet a bug."""
    raise ZeroDivisionError


async def send_file(asked: Asked, _: Operations, __: Any) -> Answer:
    """Answer with a file."""
    return Answer(
        status=200,
        headers={"Content-Type": "text/x-own"},
        body=FilePath(
            path=Path(asked.query["at"]),
            within=tuple(Path(at) for at in asked.query.get("within", "").split()),
        ),
    )


async def tell(_: Asked, means: Operations, __: Any) -> Answer:
    """Have somebody told."""
    await means.post(Post(key="k", method="POST", url="http://h/"))
    return Answer(status=204)


def shouted(status: int, type_: str, message: str) -> tuple[bytes, str]:
    """Make an error as this adapter's clients know it."""
    return f"{status} {type_.upper()} {message}".encode(), "text/shout"


def route(path: str, handler: Handler[Any], **more: Any) -> Route[Any]:
    """Return a route of the adapter."""
    given = {"method": "POST", "role": Role.SUBMIT, **more}
    return Route(path=path, handler=handler, **given)


ROUTES = (
    route("/third/{name}", echo, openapi={"operationId": "third", "responses": {}}),
    route("/third/{name}", echo, method="GET", role=None),
    route("/run", run, may_wait=True, error_shape=shouted),
    route("/fail", fail, error_shape=shouted),
    route("/crash", crash, error_shape=shouted),
    route("/file", send_file, method="GET", role=Role.READ),
    route("/tell", tell),
    route("/small", echo, max_body_bytes=10, error_shape=shouted),
    route("/own", echo, identity=IdentityFrom.ROUTE, error_shape=shouted),
    route(
        "/own/~{secret}/{name:path}",
        echo,
        identity=IdentityFrom.ROUTE,
        error_shape=shouted,
    ),
)


def adapter(*routes: Route[Any], name: str = "third") -> Installed:
    """Return the adapter with its settings."""
    made: Adapter[Any] = Adapter(
        name=name,
        files=lambda _: (),
        load=lambda table, _, __: dict(table),
        admit=lambda _, __: Admitted(max_exec_s=10),
        keep=lambda _, __: b"",
        machine=lambda _, __, ___: Idle(),
        routes=routes,
    )
    return Installed(adapter=made, settings={"colour": "red"})


@attrs.frozen
class Told:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@attrs.define
class Posts:
    """Keeps what was to be posted; nobody answers."""

    posts: list[Post] = attrs.field(factory=list)

    async def __call__(self, _: Installed, post: Post) -> Reply:
        """Keep it."""
        self.posts.append(post)
        return Reply(status=None)


@attrs.frozen
class World:
    """An application with the adapter, and what it was made of."""

    app: Any
    adapters: Adapters
    reception: Reception
    posted: Posts

    async def ask(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        token: str | None = None,
        leaves: bool = False,
    ) -> Told:
        """Return the answer to a request."""
        guest = Guest(visitor=self.reception.by_network("192.0.2.1"))
        scope = {**_scope(method, target, token), "state": {GUEST: guest}}
        inbox: list[Message] = [{"type": "http.request", "body": body}]
        if leaves:
            inbox.append({"type": "http.disconnect"})
        sent: list[Message] = []

        async def receive() -> Message:
            if not inbox:
                await trio.sleep_forever()
            return inbox.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        with suppress(ZeroDivisionError):  # what is told of it was sent before
            await self.app(scope, receive, send)
        told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        text = b"".join(message.get("body", b"") for message in sent[1:])
        return Told(sent[0]["status"], told, text)


def _scope(method: str, target: str, token: str | None) -> dict[str, Any]:
    path, _, query = target.partition("?")
    headers = [(b"host", b"localhost"), (b"user-agent", b"us")]
    if token is not None:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
    }


@asynccontextmanager
async def a_world(
    *installed: Installed, identities: Identities | None = None
) -> AsyncIterator[World]:
    """Mount adapters beside what is there."""
    async with a_dispatcher(ScriptedRunner()) as dispatcher:
        dispatcher.adapters.configure(installed)
        reception, posted = Reception(identities), Posts()
        house = House(reception)
        endpoints = [
            *native_endpoints(dispatcher, house, list),
            *adapter_endpoints(Whole(dispatcher, posted)),
        ]
        app = application(with_document(endpoints), house)
        yield World(app, dispatcher.adapters, reception, posted)


def known() -> Identities:
    """Return two that are known by tokens."""
    return Identities([WRITER, _one("reader", Role.READ)])


def _one(name: str, role: Role) -> Identity:
    proofs = Proofs(token_digests=(digest_of(TOKENS[name]),))
    return Identity(name=name, roles=frozenset({role}), proofs=proofs)


WRITER = _one("writer", Role.SUBMIT)
