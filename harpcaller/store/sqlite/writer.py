"""The thread that writes: many operations, one commit, one wake-up of the loop."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

import apsw
import attrs
import trio

from harpcaller.meters import CommitMeters
from harpcaller.store import Full, Lost, StoreError, Unavailable
from harpcaller.store.sqlite import docs, jobs, schema, upkeep
from harpcaller.store.sqlite.ledger import Ledger, News
from harpcaller.store.sqlite.reserve import Reserve
from harpcaller.store.sqlite.wiping import Wiper
from harpcaller.store.write import Write

P = ParamSpec("P")
T = TypeVar("T")

_MAX_LOT = 1000
_QUOTAS = (errno.EDQUOT, errno.EFBIG)

# These give way when the disk is full; all others may use the reserve.
_GROWING: frozenset[Callable[..., Any]] = frozenset(
    {
        *(jobs.submit, jobs.append, jobs.feed),
        *(docs.put_doc, docs.put_shared),
        upkeep.probe,  # or a look at the store would cost the reserve
    }
)
# Anything else that SQLite complains of is the disk's doing.
_BUGS = (
    apsw.BindingsError,
    apsw.ConstraintError,
    apsw.MismatchError,
    apsw.RangeError,
    apsw.SQLError,
    apsw.TooBigError,
)


@attrs.frozen
class Operation:
    """A step to do on the ledger, and the write that waits for it."""

    write: Write[Any]
    act: Callable[..., Any]
    arguments: tuple[Any, ...]


Ending: TypeAlias = tuple[Write[Any], Any, BaseException | None]


class Writer:
    """Runs operations in the order in which they were begun, in its own thread.

    All that wait share a transaction. If one of them breaks it, it is rolled back
    and each is done again alone, so that only the broken one fails. After an error
    of the disk nothing is acknowledged any more: what SQLite holds in memory may
    not be what the disk holds.
    """

    def __init__(
        self,
        reserve: Reserve,
        tell: Callable[[News], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self.meters = CommitMeters()
        self._reserve = reserve
        self._tell = tell
        self._on_failure = on_failure
        self._gathered: list[Operation] = []  # on the loop, until its next turn
        self._next_turn = trio.lowlevel.ParkingLot()
        self._waiting: SimpleQueue[list[Operation] | None] = SimpleQueue()
        self._wiper = Wiper()
        self._failure: BaseException | None = None
        self._is_stopped = False
        self._ledger: Ledger
        self._token: trio.lowlevel.TrioToken

    def start(self, ledger: Ledger) -> None:
        """Begin to write; called on the loop that is to hear of the results."""
        self._ledger = ledger
        self._token = trio.lowlevel.current_trio_token()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()
        trio.lowlevel.spawn_system_task(self._hand_over_each_turn)

    def begin(
        self,
        act: Callable[Concatenate[Ledger, P], T],
        *arguments: P.args,
        **_: P.kwargs,
    ) -> Write[T]:
        """Have `act` done with the ledger and the arguments, and made durable."""
        write: Write[T] = Write()
        if self._is_stopped:
            write.fail(Lost("the store is closed"))
            return write
        if not self._gathered:
            # What else begins in this turn of the loop goes along: one wake-up of
            # the thread, and one commit, for all of it.
            self._next_turn.unpark()
        self._gathered.append(Operation(write, act, arguments))
        return write

    def stop(self) -> threading.Thread:
        """End the thread once all that was begun is done; return it, to be joined."""
        self._is_stopped = True
        self._hand_over()
        self._waiting.put(None)
        self._next_turn.unpark()
        return self._thread

    async def _hand_over_each_turn(self) -> None:
        while not self._is_stopped:
            self._hand_over()
            await self._next_turn.park()

    def _hand_over(self) -> None:
        if self._gathered:
            self._waiting.put(self._gathered)
            self._gathered = []

    # ── in the thread ──
    def _run(self) -> None:
        while (lot := self._next_lot()) is not None:
            endings = self._do_surely(lot)
            try:
                self._token.run_sync_soon(
                    self._deliver, endings, self._ledger.take_news()
                )
            except trio.RunFinishedError:
                return
            if self._wiper.is_urgent():
                self._wipe()

    def _next_lot(self) -> list[Operation] | None:
        """Wait for an operation; return all that wait then, None at the end."""
        lot = self._wait()
        if lot is None:
            return None
        try:
            while len(lot) < _MAX_LOT:
                more = self._waiting.get_nowait()
                if more is None:
                    self._waiting.put(None)
                    break
                lot += more
        except Empty:
            pass
        return lot

    def _wait(self) -> list[Operation] | None:
        """Wait for what is handed over; what was erased is wiped meanwhile."""
        while self._failure is None:
            try:
                return self._waiting.get(timeout=self._wiper.left_s())
            except Empty:
                self._wipe()
        return self._waiting.get()

    def _wipe(self) -> None:
        try:
            self._wiper.wipe(self._ledger.db, schema.STRANGER_MS)
        except apsw.Error as error:  # else it is due again
            if _tells_broken(error):
                self._die(error)

    def _do_surely(self, lot: Sequence[Operation]) -> list[Ending]:
        """Do a lot; whatever happens, each of its writes gets an ending."""
        try:
            return self._do(lot)
        except Exception as bug:  # ours: better to stop than to leave them waiting
            self._die(bug)
            return [self._unavailable(operation) for operation in lot]

    def _do(self, lot: Sequence[Operation]) -> list[Ending]:
        if self._failure is not None:
            return [self._unavailable(operation) for operation in lot]
        refused: list[Ending] = []
        if not self._reserve.is_whole():
            refused = [_full(o) for o in lot if o.act in _GROWING]
            lot = [o for o in lot if o.act not in _GROWING]
        try:
            return refused + self._commit(lot)
        except Exception as error:
            self._roll_back(error)
            if isinstance(error, apsw.FullError):
                refused += [_full(o) for o in lot if o.act in _GROWING]
                lot = [o for o in lot if o.act not in _GROWING]
            # Whose fault it is shows when each is alone.
            return refused + [self._do_alone(operation) for operation in lot]

    def _commit(self, lot: Sequence[Operation]) -> list[Ending]:
        """Do all of a lot in one transaction."""
        endings: list[Ending] = []
        begun_at = time.perf_counter()
        db = self._ledger.db
        db.execute("BEGIN IMMEDIATE")
        for operation in lot:
            try:
                result = operation.act(self._ledger, *operation.arguments)
            except StoreError as refusal:
                endings.append((operation.write, None, refusal))
            else:
                endings.append((operation.write, result, None))
        _end_transaction(self._ledger.db)  # with the rows that waited to be written
        self._ledger.settle()
        if self._ledger.has_erased:
            self._ledger.has_erased = False
            self._wiper.note_erased()
        self.meters.commits_s.observe(time.perf_counter() - begun_at)
        self.meters.batches.observe(len(lot))
        return endings

    def _do_alone(self, operation: Operation) -> Ending:
        """Do one operation in a transaction of its own."""
        if self._failure is not None:
            return self._unavailable(operation)
        self._ledger.is_doubtful = True
        try:
            return self._commit([operation])[0]
        except Exception as error:
            self._roll_back(error)
            if isinstance(error, apsw.FullError):
                return self._do_with_reserve(operation)
            if isinstance(error, apsw.BusyError):  # a stranger writes to our file
                return operation.write, None, Unavailable(str(error))
            if self._failure is not None:
                return self._unavailable(operation)
            return operation.write, None, error
        finally:
            self._ledger.is_doubtful = False

    def _do_with_reserve(self, operation: Operation) -> Ending:
        """Do what must still work on a full disk."""
        if operation.act in _GROWING:
            return _full(operation)
        if self._reserve.is_held:
            self._reserve.release()
            return self._do_alone(operation)
        return _full(operation)

    def _roll_back(self, error: Exception) -> None:
        """Make tables and books what they were before the lot that broke."""
        if _tells_broken(error):
            # Not even once more: a repeated sync may succeed and have lost pages.
            self._die(error)
        try:
            self._ledger.roll_back()
        except apsw.Error as worse:
            self._die(worse)

    def _die(self, error: BaseException) -> None:
        """Acknowledge nothing any more."""
        if self._failure is None:
            self._failure = error
            self._token.run_sync_soon(self._on_failure, error)

    def _unavailable(self, operation: Operation) -> Ending:
        return operation.write, None, Lost(f"the store failed: {self._failure}")

    # ── on the loop ──
    def _deliver(self, endings: list[Ending], news: News) -> None:
        self._tell(news)
        for write, result, error in endings:
            if error is None:
                write.succeed(result)
            else:
                write.fail(error)


def _full(operation: Operation) -> Ending:
    return operation.write, None, Full("the disk is full")


def _end_transaction(db: apsw.Connection) -> None:
    try:
        db.execute("COMMIT")
    except apsw.IOError as error:
        # SQLite knows ENOSPC alone; a quota is as good. Only while it writes: a
        # sync that fails has lost pages, whatever it says.
        code = getattr(error, "extendedresult", 0)
        if code == apsw.SQLITE_IOERR_WRITE and db.system_errno in _QUOTAS:
            raise apsw.FullError(str(error)) from error
        raise


def _tells_broken(error: Exception) -> bool:
    return isinstance(error, apsw.Error) and not isinstance(
        error, (*_BUGS, apsw.FullError, apsw.BusyError)
    )
