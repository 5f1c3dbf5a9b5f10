"""A change that is under way."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

import trio

T = TypeVar("T")
U = TypeVar("U")


class Write(Generic[T]):
    """Begun already; awaiting it gives its result once it is durable.

    It may be awaited by nobody, one or several, before or after it is done, and
    it is done in any case: a cancelled waiter only stops waiting.
    """

    __slots__ = ("_callbacks", "_error", "_event", "_is_done", "_result")

    def __init__(self) -> None:
        self._is_done = False
        self._result: Any = None
        self._error: BaseException | None = None
        self._event: trio.Event | None = None
        self._callbacks: list[Callable[[Write[T]], None]] = []

    @property
    def is_done(self) -> bool:
        """Tell whether the result is known."""
        return self._is_done

    @property
    def error(self) -> BaseException | None:
        """Why it failed, if it did."""
        return self._error

    def result(self) -> T:
        """Return the result of a write that is done, or raise its error."""
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[no-any-return]

    def when_done(self, callback: Callable[[Write[T]], None]) -> None:
        """Have `callback` called on the loop when the write is done, before waiters."""
        if self._is_done:
            callback(self)
        else:
            self._callbacks.append(callback)

    def pass_on(self, other: Write[U], result: U) -> None:
        """Have `other` give `result` when this is done, or fail as this did."""

        def end(_: Write[T]) -> None:
            if self._error is None:
                other.succeed(result)
            else:
                other.fail(self._error)

        self.when_done(end)

    def succeed(self, result: T) -> None:
        """Make the result known; the engine calls it on the loop, once."""
        self._result = result
        self._end()

    def fail(self, error: BaseException) -> None:
        """Make the failure known; the engine calls it on the loop, once."""
        self._error = error
        self._end()

    def __await__(self) -> Generator[Any, Any, T]:
        """Wait for the result."""
        if not self._is_done:
            if self._event is None:
                self._event = trio.Event()
            yield from self._event.wait().__await__()
        return self.result()

    def _end(self) -> None:
        self._is_done = True
        for callback in self._callbacks:
            callback(self)
        self._callbacks.clear()
        if self._event is not None:
            self._event.set()
