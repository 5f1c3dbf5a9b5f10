"""Sealed values of adapters' jobs in the files of the store."""

from __future__ import annotations

import time
from pathlib import Path

from adapted import Adapted, a_call, an_adapter, outcome_of, submit
from eventually import eventually

from harpcaller.adapters.adapter import Admitted
from harpcaller.adapters.machine import End, Event
from harpcaller.adapters.machine import Submit as SubmitChild
from harpcaller.store.sqlite import SqliteStore
from protocol.call import Call, seal
from protocol.job import JobId
from protocol.jsontext import JsonText, JsonValue, decode, encode
from protocol.outcome import Returned

CANARY = "canary-5a1f20c7"


class Passing:
    """Hands its token to a child; ends with nothing of it."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def start(self, _: float) -> list[SubmitChild]:
        """Submit the child."""
        arguments = decode(self._call.arguments)
        sealed = seal(arguments, ["/token"])
        text = encode(arguments)
        call = Call(host="h", procedure="fail", arguments=text, sealed=sealed)
        return [SubmitChild(key="a", call=call)]

    def on(self, _: Event) -> list[End]:
        """End."""
        return [End(Returned(JsonText(b"null")))]


def passing(_: JsonValue, __: JobId, call: Call) -> Passing:
    """Return a machine."""
    return Passing(call)


async def test_nothing_of_a_secret_is_in_the_files_soon_after_the_end(
    tmp_path: Path,
) -> None:
    """Neither of the call's own nor of what its child made of it (P7)."""
    adapter = an_adapter(
        passing,
        lambda _, __: Admitted(max_exec_s=60, sealed=("/token",)),
        opens_sealed=True,
    )
    folder = tmp_path / "state"
    store = SqliteStore(folder, clock=time.time, reserve_bytes=0)
    world = Adapted(adapter, store=store)

    async with world.life() as dispatcher:
        job_id = await submit(dispatcher, a_call({"token": CANARY}))
        assert await outcome_of(dispatcher, job_id) == Returned(JsonText(b"null"))
        assert world.workers.got == [encode({"token": CANARY})]
        # The log of changes is emptied some seconds later.
        await eventually(lambda: not holders(folder), within_s=30)
    await store.close()

    assert holders(folder) == []


def holders(folder: Path) -> list[str]:
    """Return the names of the files that hold the canary."""
    files = [file for file in folder.iterdir() if file.is_file()]
    return [file.name for file in files if CANARY.encode() in file.read_bytes()]
