"""How many calls of a procedure run and wait, also when the settings change."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from harpcaller.worker.limits import Gates, Limits
from protocol.harp_worker import Refused


class Visitors:
    """Calls of one procedure that are in, by their numbers."""

    def __init__(self, gates: Gates, nursery: trio.Nursery) -> None:
        self._gates = gates
        self._nursery = nursery
        self.inside: list[int] = []

    async def come(self, *numbers: int) -> None:
        """Have calls begin that never end, in this order."""
        for number in numbers:
            self._nursery.start_soon(self._stay, number)
            await wait_all_tasks_blocked()

    async def _stay(self, number: int) -> None:
        async with self._gates.place("procedure"):
            self.inside.append(number)
            await trio.sleep_forever()


def gates(limits: Limits) -> Gates:
    """Return the gates of one procedure."""
    made = Gates()
    made.adjust({"procedure": limits})
    return made


async def test_as_many_run_as_may_and_the_others_wait_in_order(
    autojump_clock: MockClock,
) -> None:
    """And one more than may wait is told so at once."""
    limited = gates(Limits(max_calls=2, max_waiting=2))
    async with trio.open_nursery() as nursery:
        visitors = Visitors(limited, nursery)
        await visitors.come(1, 2, 3, 4)

        with pytest.raises(Refused, match="2 calls of this procedure run and 2 wait"):
            async with limited.place("procedure"):
                pass

        assert visitors.inside == [1, 2]
        nursery.cancel_scope.cancel()


async def test_without_a_limit_nobody_waits(autojump_clock: MockClock) -> None:
    """Most procedures have none."""
    async with trio.open_nursery() as nursery:
        visitors = Visitors(gates(Limits()), nursery)
        await visitors.come(*range(50))

        assert visitors.inside == [*range(50)]
        nursery.cancel_scope.cancel()


async def test_a_reload_counts_the_calls_that_run(autojump_clock: MockClock) -> None:
    """Else a reload would be the way around every limit."""
    limited = gates(Limits(max_calls=2))
    async with trio.open_nursery() as nursery:
        visitors = Visitors(limited, nursery)
        await visitors.come(1, 2, 3)
        limited.adjust({"procedure": Limits(max_calls=2)})
        await wait_all_tasks_blocked()
        assert visitors.inside == [1, 2]

        limited.adjust({"procedure": Limits(max_calls=3)})
        await wait_all_tasks_blocked()

        assert visitors.inside == [1, 2, 3]
        nursery.cancel_scope.cancel()


async def test_a_procedure_that_is_gone_is_forgotten_with_its_last_call(
    autojump_clock: MockClock,
) -> None:
    """It may come back while calls of it still run: they count."""
    limited = gates(Limits(max_calls=1))
    async with trio.open_nursery() as nursery:
        visitors = Visitors(limited, nursery)
        await visitors.come(1)
        limited.adjust({})

        limited.adjust({"procedure": Limits(max_calls=1)})
        await visitors.come(2)

        assert visitors.inside == [1]
        nursery.cancel_scope.cancel()

    limited.adjust({})
    with pytest.raises(KeyError):
        async with limited.place("procedure"):
            pass
