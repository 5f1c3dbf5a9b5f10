"""What an adapter's machine asks of the world outside, by the driver and for real."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest
import trio
from adapted import Adapted, a_call, an_adapter, outcome_of, submit
from http_peer import answer, http_peer

from harpcaller.adapters.adapter import Admitted
from harpcaller.adapters.machine import (
    Action,
    End,
    Event,
    Fetch,
    Fetched,
    FetchFailed,
    Post,
    Posted,
    Save,
    Saved,
)
from harpcaller.adapters.places import Places, read_place
from protocol.call import Call
from protocol.job import JobId
from protocol.jsontext import JsonText, JsonValue, decode
from protocol.outcome import Returned

TOKEN = "to/ken" * 20  # a proxy's JSON spells the slash in its own way
DONE = Returned(JsonText(b"1"))


@attrs.define
class Asking:
    """A machine that asks for one thing after the other, and ends."""

    actions: list[Action]
    told: list[Event] = attrs.field(factory=list)

    def start(self, at: float) -> Sequence[Action]:
        """Ask for the first."""
        return [self.actions.pop(0)]

    def on(self, event: Event) -> Sequence[Action]:
        """Ask for the next."""
        self.told.append(event)
        return [self.actions.pop(0) if self.actions else End(DONE)]


async def told(
    ask: list[Action], places: Places, token: str = TOKEN
) -> tuple[list[Event], bytes]:
    """Return what a machine is told, and all that is kept of it."""
    machines: list[Asking] = []

    def make(_: JsonValue, __: JobId, call: Call) -> Asking:
        reference = decode(call.arguments)
        assert isinstance(reference, dict)
        machines.append(Asking([_filled(one, str(reference["t"])) for one in ask]))
        return machines[-1]

    adapter = an_adapter(make, lambda _, __: Admitted(max_exec_s=600, sealed=("/t",)))
    world = Adapted(adapter, more={"places": places})
    async with world.life() as dispatcher:
        job_id = await submit(dispatcher, a_call({"t": token}))
        with trio.fail_after(60):
            assert await outcome_of(dispatcher, job_id) == DONE
        log = b"\n".join(await world.log(job_id))
    return machines[-1].told, log


def _filled(action: Action, reference: str) -> Action:
    if not isinstance(action, Post):
        return action
    body = action.body.replace(b"TOKEN", reference.encode())
    url = action.url.replace("TOKEN", reference)
    return attrs.evolve(action, url=url, body=body)


async def test_documents_go_through_the_work_directory(tmp_path: Path) -> None:
    """A machine saves what a worker reads, and fetches what the worker wrote."""
    work, data = tmp_path / "work", tmp_path / "data"
    work.mkdir()
    data.mkdir()
    (data / "in").write_bytes(b"in")
    saved = f"{work}/job/a"
    places = Places(read=(read_place(data.as_uri()),), work_dir=str(work))
    events, _ = await told(
        [
            Save(key="s", uri=f"file://{saved}", body=b"out"),
            Fetch(key="a", uri=saved, max_bytes=9),
            Fetch(key="b", uri=f"{data}/in", max_bytes=9),
            Fetch(key="c", uri="file:///etc/hostname", max_bytes=9),
        ],
        places,
    )

    first, second, third, fourth = events
    assert isinstance(first, Saved)
    assert isinstance(second, Fetched)
    assert isinstance(third, Fetched)
    assert (second.body, third.body) == (b"out", b"in")
    assert isinstance(fourth, FetchFailed)
    assert fourth.code == "NotAllowed"


@pytest.mark.parametrize("before", [0, 4000, 4096 - len(TOKEN) // 2, 9000])
async def test_a_token_that_is_answered_is_kept_nowhere(before: int) -> None:
    """Not even a part of it, where an answer is cut."""
    said = b" " * before + TOKEN.encode() * 3
    spelled = b'["' + said.replace(b"/", b"\\/") + b'"]'
    async with http_peer(answer(409, said), answer(409, spelled)) as peer:
        post = Post(key="p", method="POST", url=f"{peer.url}/TOKEN?x", body=b"is TOKEN")
        events, log = await told([post, attrs.evolve(post, key="q")], Places())

    assert [heard.target for heard in peer.heard] == [f"/{TOKEN}?x"] * 2
    assert peer.heard[0].body == b"is " + TOKEN.encode()
    for event in events:
        assert isinstance(event, Posted)
        assert event.status == 409
        assert len(event.body) <= 4096
        assert b"ken" not in event.body
    assert b"ken" not in log
    assert b"http" not in log
