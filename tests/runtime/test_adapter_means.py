"""What routes of adapters may have done: each operation, in the loop and beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from dispatching import a_dispatcher
from refusing_store import RefusingStore
from scripted_runner import ScriptedRunner
from third_adapter import TOKENS, Posts, a_world, adapter, known, route

from harpcaller.adapters.route import Answer, Asked, Operations
from harpcaller.gateway.means import Means, Whole
from harpcaller.identities.known import Identities
from harpcaller.roles import Role
from harpcaller.store import Full
from protocol.call import Call
from protocol.errors import ErrorType, WireError
from protocol.job import JobId, read_job_id
from protocol.jsontext import JsonText

UNKNOWN = JobId("00000000-0000-7000-8000-000000000000")
SMALL, LARGE = b"x", b"x" * 100_000
SITE = "http://localhost"
THIRD = adapter()


def told(value: Any) -> Answer:
    """Return an answer that says `value`."""
    return Answer(status=200, body=json.dumps(value).encode())


async def keep(asked: Asked, means: Operations, _: Any) -> Answer:
    """Keep a document, look at it and take it away."""
    await means.keep("a", asked.body[:1])
    await means.keep("b", b"2")
    names = list(await means.documents())
    body = await means.document("a")
    await means.keep("a", None)
    gone = await means.document("a")
    return told([names, None if body is None else body.decode(), gone])


async def look(_: Asked, means: Operations, __: Any) -> Answer:
    """Tell what hinders, and what the store is called."""
    again = await means.installation()
    return told([list(await means.hindrances()), again, await means.installation()])


async def watch(asked: Asked, means: Operations, _: Any) -> Answer:
    """Tell of a job."""
    job_id = read_job_id(asked.query["job"])
    assert job_id is not None
    job = await means.job(job_id)
    outcome = await means.outcome_within(job_id, 1)
    return told([job.procedure, outcome is not None])


async def hang(_: Asked, means: Operations, __: Any) -> Answer:
    """Have a call made, and tell its id."""
    call = Call(host="h", procedure="hang", arguments=JsonText(b"[]"))
    return told((await means.submit(call)).job_id)


async def who(asked: Asked, _: Operations, __: Any) -> Answer:
    """Tell who asks, where."""
    return told([asked.identity, asked.token, asked.site])


ROUTES = (
    route("/keep", keep),
    route("/look", look),
    route("/watch", watch),
    route("/hang", hang),
    route("/who", who),
    route("/open", who, role=None),
    route("/rule", who, role=Role.ADMIN),
)


@pytest.mark.parametrize("body", [SMALL, LARGE])
async def test_an_adapter_has_documents_of_its_own(body: bytes) -> None:
    """What it is told to remember is remembered; another adapter sees none of it."""
    first, other = adapter(*ROUTES), adapter(name="fourth")
    async with a_world(first, other) as world:
        answer = await world.ask("POST", "/keep", body)

    assert json.loads(answer.body) == [["a", "b"], "x", None]


@pytest.mark.parametrize("body", [SMALL, LARGE])
async def test_a_store_has_one_name_for_ever(body: bytes) -> None:
    """It stands for the installation, to others."""
    async with a_world(adapter(*ROUTES)) as world:
        first = json.loads((await world.ask("POST", "/look", body)).body)
        second = json.loads((await world.ask("POST", "/look", body)).body)

    assert first[0] == second[0] == []
    assert {len(name) for name in first[1:]} == {64}
    assert {*first[1:]} == {*second[1:]}
    assert len({*first[1:]}) == 1


@pytest.mark.parametrize("body", [SMALL, LARGE])
async def test_a_job_is_told_of_to_who_may_read_it(body: bytes) -> None:
    """Whose it is not, finds none; nobody waits longer than he says."""
    async with a_world(adapter(*ROUTES), identities=known()) as world:
        writer = TOKENS["writer"]
        job = json.loads((await world.ask("POST", "/hang", body, writer)).body)
        mine = await world.ask("POST", f"/watch?job={job}", body, writer)
        lost = await world.ask("POST", f"/watch?job={UNKNOWN}", body, writer)

    assert json.loads(mine.body) == ["hang", False]
    assert lost.status == 404


async def test_a_handler_knows_who_asks_and_by_which_token() -> None:
    """None where nobody is asked; a token nobody looked at is none."""
    async with a_world(adapter(*ROUTES), identities=known()) as world:
        known_one = await world.ask("POST", "/who", token=TOKENS["writer"])
        nobody = await world.ask("POST", "/open", token="nonsense")  # noqa: S106

    assert json.loads(known_one.body) == ["writer", TOKENS["writer"], SITE]
    assert json.loads(nobody.body) == ["", None, SITE]


async def test_nobody_is_asked_where_no_identity_is_known() -> None:
    """`Authorization` counts for nothing then."""
    async with a_world(adapter(*ROUTES), identities=Identities()) as world:
        answer = await world.ask("POST", "/who", token="nonsense")  # noqa: S106

    assert json.loads(answer.body) == [None, None, SITE]


async def test_who_submits_does_not_rule() -> None:
    """To have jobs of one's own is no right to change what others use."""
    async with a_world(adapter(*ROUTES), identities=known()) as world:
        answer = await world.ask("POST", "/rule", token=TOKENS["writer"])
        nobody = await world.ask("POST", "/rule")

    assert [answer.status, nobody.status] == [403, 401]


Ask = Callable[[Means], Coroutine[Any, Any, Any]]


@pytest.mark.parametrize(
    "ask",
    [
        lambda means: means.keep("a", b"1"),
        lambda means: means.installation(),
    ],
)
async def test_a_store_that_refuses_is_told_of_as_in_a_line(ask: Ask) -> None:
    """Each of its complaints has a type of the wire."""
    store = RefusingStore(shared=[Full("full")])
    async with a_dispatcher(ScriptedRunner(), store=store) as dispatcher:
        with pytest.raises(WireError) as caught:
            await ask(Means(Whole(dispatcher, Posts()), THIRD, None))

    assert caught.value.type is ErrorType.STORAGE_FULL
