"""Calls to an adapter: admitted, kept with their settings, and secrets kept apart."""

from __future__ import annotations

import attrs
import pytest
import structlog
import trio
from adapted import Adapted, a_call, an_adapter, outcome_of, submit
from eventually import eventually
from families import Table
from trio.testing import MockClock

from harpcaller.adapters.adapter import Admitted, Refused
from harpcaller.adapters.machine import Action, End, Ended, Event, Note, Sleep
from harpcaller.adapters.machine import Submit as SubmitChild
from protocol.call import Call, seal
from protocol.errors import ErrorType, WireError
from protocol.job import JobId
from protocol.jsontext import JsonText, JsonValue, decode, encode
from protocol.outcome import Failed, Returned

SECRET = "hunter22"  # noqa: S105 (of the tests)
DONE = Returned(JsonText(b'"done"'))


def a_child(arguments: JsonValue, *pointers: str, procedure: str = "echo") -> Call:
    """Return a child's call with what it seals."""
    sealed = seal(arguments, list(pointers))
    text = encode(arguments)
    return Call(host="h", procedure=procedure, arguments=text, sealed=sealed)


@attrs.define
class Passing:
    """A machine that hands its first argument to one child, and tells what it saw."""

    call: Call
    procedure: str = "echo"
    seals: bool = True
    saw: list[Event] = attrs.field(factory=list)

    def start(self, at: float) -> list[Action]:
        """Submit the child."""
        value = decode(self.call.arguments)
        assert isinstance(value, dict)
        pointers = ["/token"] if self.seals else []
        child = a_child({"token": value["token"]}, *pointers, procedure=self.procedure)
        note = Note(encode({"note": f"uses {value['token']}"}))
        return [note, SubmitChild(key="a", call=child)]

    def on(self, event: Event) -> list[Action]:
        """End with what the child said."""
        self.saw.append(event)
        assert isinstance(event, Ended)
        return [End(event.outcome)]


def passing(
    *, opens_sealed: bool, procedure: str = "echo", seals: bool = True
) -> tuple[Adapted, list[Passing]]:
    """Return a dispatcher whose adapter passes a token on, and its machines."""
    machines: list[Passing] = []

    def make(_: JsonValue, __: JobId, call: Call) -> Passing:
        machines.append(Passing(call, procedure, seals))
        return machines[-1]

    adapter = an_adapter(
        make,
        lambda _, __: Admitted(max_exec_s=3600, sealed=("/token",)),
        opens_sealed=opens_sealed,
    )
    return Adapted(adapter), machines


async def test_an_admitted_call_is_a_job_that_the_adapter_limits(
    autojump_clock: MockClock,
) -> None:
    """The core's limits are none of its, and its label is for lists and the log."""
    world = Adapted(
        an_adapter(
            lambda *_: Table([End(DONE)]),
            lambda _, __: Admitted(max_exec_s=10**6, label="one"),
        )
    )

    with structlog.testing.capture_logs() as logs:
        async with world.life() as dispatcher:
            job_id = await submit(dispatcher, a_call())
            outcome = await outcome_of(dispatcher, job_id)
    record = await world.store.get(job_id)

    assert outcome == DONE
    assert record is not None
    assert record.label == "one"
    assert [line.get("label") for line in logs if line["event"] == "job.started"] == [
        "one"
    ]
    assert (record.timeout_s, record.max_exec_s) == (10**6, 10**6)


async def test_a_refused_call_is_no_job(autojump_clock: MockClock) -> None:
    """The adapter says why, in words of its own."""
    refused = Refused(code="Test.Bad", message="it is bad", data={"path": "a.b"})
    world = Adapted(an_adapter(lambda *_: Table([]), lambda _, __: refused))

    async with world.life() as dispatcher:
        with pytest.raises(WireError) as caught:
            await submit(dispatcher, a_call())
        counts = await world.store.counts()

    assert caught.value.type is ErrorType.INVALID_REQUEST
    assert caught.value.data == {"code": "Test.Bad", "path": "a.b"}
    assert sum(counts.values()) == 0


@pytest.mark.parametrize(
    ("field", "call"),
    [("timeout", a_call(timeout_s=1)), ("retries", a_call(retries=1))],
)
async def test_what_an_adapter_sees_to_itself_is_refused(
    autojump_clock: MockClock, field: str, call: Call
) -> None:
    """Silence is no sign of anything, and it goes on after a restart anyway."""
    world = Adapted(an_adapter(lambda *_: Table([])))

    async with world.life() as dispatcher:
        with pytest.raises(WireError, match=f'field "{field}"'):
            await submit(dispatcher, call)


async def test_a_large_call_is_judged_beside_the_loop() -> None:
    """An adapter may have to look at each value of it."""
    judged: list[str] = []

    def admit(_: JsonValue, call: Call) -> Admitted:
        try:
            trio.lowlevel.current_task()
        except RuntimeError:
            judged.append("in a thread")
        return Admitted(max_exec_s=60)

    world = Adapted(an_adapter(lambda *_: Table([End(DONE)]), admit))

    async with world.life() as dispatcher:
        job_id = await submit(dispatcher, a_call(["x" * 100_000]))

        assert await outcome_of(dispatcher, job_id) == DONE
    assert judged == ["in a thread"]


async def test_what_is_named_twice_is_sealed_once(autojump_clock: MockClock) -> None:
    """The client and the adapter may mean the same, or one what is within another."""
    world = Adapted(
        an_adapter(
            lambda *_: Table([End(DONE)]),
            lambda _, __: Admitted(max_exec_s=60, sealed=("/a/b", "/a", "/ab", "/a")),
        )
    )

    async with world.life() as dispatcher:
        job_id = await submit(dispatcher, a_call({"a": {"b": 1}, "ab": 2, "c": 3}))
    record = await world.store.get(job_id)

    assert record is not None
    assert record.arguments == b'{"a":"***","ab":"***","c":3}'


async def test_a_machine_that_opens_sealed_values_sees_them(
    autojump_clock: MockClock,
) -> None:
    """In its call and in what its children say; nobody else does."""
    world, machines = passing(opens_sealed=True)

    async with world.life() as dispatcher:
        job_id = await submit(dispatcher, a_call({"token": SECRET}))
        outcome = await outcome_of(dispatcher, job_id)
        [child] = await world.children(job_id)
        written = [child.status_text, *await world.log(job_id)]
        written += await world.log(child.job_id)

    assert decode(machines[0].call.arguments) == {"token": SECRET}
    assert world.workers.got == [encode({"token": SECRET})]
    assert outcome == Returned(encode({"token": SECRET}))  # the machine's own choice
    assert isinstance(child.outcome, Returned)
    assert child.outcome.value.startswith(b'{"token":"sealed:')
    assert not any(SECRET.encode() in text for text in written)


async def test_a_machine_that_does_not_open_them_passes_references_on(
    autojump_clock: MockClock,
) -> None:
    """The value is put in when it is sent, and what it stood in is sealed."""
    world, machines = passing(opens_sealed=False, seals=False)

    async with world.life() as dispatcher:
        job_id = await submit(dispatcher, a_call({"token": SECRET}))
        outcome = await outcome_of(dispatcher, job_id)
        [child] = await world.children(job_id)

    assert SECRET not in repr(machines[0])
    assert world.workers.got == [encode({"token": SECRET})]
    assert child.arguments == b'{"token":"***"}'
    assert isinstance(outcome, Returned)
    assert outcome.value.startswith(b'{"token":"sealed:')


@pytest.mark.parametrize("opens_sealed", [True, False])
async def test_after_a_restart_a_machine_sees_the_same(
    autojump_clock: MockClock, opens_sealed: bool
) -> None:
    """A reference stands for the same value in every life."""
    world, machines = passing(opens_sealed=opens_sealed, procedure="hang")
    async with world.life() as dispatcher:
        job_id = await submit(dispatcher, a_call({"token": SECRET}))
        await eventually(lambda: bool(world.workers.got))

    async with world.life() as dispatcher:
        outcome = await outcome_of(dispatcher, job_id)

    first, second = machines
    assert isinstance(outcome, Failed)
    assert outcome.type == ErrorType.MISSING_RESULT
    assert first.call == second.call


async def test_an_exception_that_quotes_a_secret_is_kept_without(
    autojump_clock: MockClock,
) -> None:
    """It is what programs do with passwords that do not work."""
    world, machines = passing(opens_sealed=True, procedure="fail")

    async with world.life() as dispatcher:
        job_id = await submit(dispatcher, a_call({"token": SECRET}))
        await outcome_of(dispatcher, job_id)
        [child] = await world.children(job_id)

    assert SECRET not in repr(child.outcome)
    assert SECRET in repr(machines[0].saw)


async def test_a_running_parent_keeps_its_settings(autojump_clock: MockClock) -> None:
    """Neither a reload nor a restart changes by what it goes."""
    seen: list[JsonValue] = []

    def make(settings: JsonValue, _: JobId, __: Call) -> Table:
        seen.append(settings)
        return Table([Sleep(key="s", seconds=100)], {"s": [End(DONE)]})

    world = Adapted(an_adapter(make), settings="old")
    async with world.life() as dispatcher:
        job_id = await submit(dispatcher, a_call())
        await eventually(lambda: bool(seen))
        world.settings = "new"
        dispatcher.adapters.configure([world.installed()])

    async with world.life() as dispatcher:
        assert await outcome_of(dispatcher, job_id) == DONE
        await outcome_of(dispatcher, await submit(dispatcher, a_call()))

    assert seen == ["old", "old", "new"]


async def test_without_its_adapter_a_parent_ends(autojump_clock: MockClock) -> None:
    """It was configured away while the parent waited for the next start."""
    world = Adapted(an_adapter(lambda *_: Table([Sleep(key="s", seconds=100)])))
    async with world.life() as dispatcher:
        job_id = await submit(dispatcher, a_call())
    world.adapter = attrs.evolve(world.adapter, name="other")

    async with world.life() as dispatcher:
        outcome = await outcome_of(dispatcher, job_id)

    assert isinstance(outcome, Failed)
    assert outcome.type == ErrorType.UNKNOWN_HOST


async def test_a_host_that_is_no_adapter_is_unknown(autojump_clock: MockClock) -> None:
    """The call gets its id, as for any host that nobody knows."""
    world = Adapted(an_adapter(lambda *_: Table([])))

    async with world.life() as dispatcher:
        call = attrs.evolve(a_call(), host="@nobody")
        outcome = await outcome_of(dispatcher, await submit(dispatcher, call))

    assert isinstance(outcome, Failed)
    assert outcome.type == ErrorType.UNKNOWN_HOST
