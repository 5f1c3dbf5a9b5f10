"""An executable that runs: its lines become packets, its exit the end of the call."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import attrs
import structlog
import trio

from harpcaller.worker.control import Supervisor
from harpcaller.worker.death import Death, Exited, NotStarted, as_exception
from harpcaller.worker.family import Family
from harpcaller.worker.kinds.arguments import Argument, bind
from harpcaller.worker.kinds.output import Output, ResultMode, Tail
from harpcaller.worker.kinds.python import too_much
from harpcaller.worker.kinds.template import fill
from harpcaller.worker.limits import Limits
from harpcaller.worker.procedures import Info
from harpcaller.worker.supervisor import Asked, write_asked
from indira.beside import beside
from protocol import harp_worker
from protocol.errors import WireError
from protocol.harp import HarpCall
from protocol.harp_worker import Refusal, Refused
from protocol.jsontext import MAX_DEPTH, JsonText, decode, encode

log = structlog.get_logger()

_CHUNK_BYTES = 1 << 16
_LARGE_BYTES = 1 << 18  # to parse more would block the loop: a thread does it
_MAX_LOGGED_LINES = 200  # of one call; the log is everybody's
_PIPES_S = 1.0  # when all have ended only what is in the pipes is to be read


@attrs.frozen(kw_only=True)
class Executable:
    """A program that may be called.

    Without `arguments` it takes any, as JSON on its standard input alone; else what
    is declared fills `argv`, and an object of all values is the standard input.
    """

    name: str
    argv: tuple[str, ...]
    description: str = ""
    arguments: tuple[Argument, ...] | None = None
    result: ResultMode = ResultMode.EXIT
    streams: bool = True


@attrs.define(kw_only=True, eq=False)
class ExecutableChild:
    """One call of an executable; what is received are lines of the wire."""

    supervisor: Supervisor
    executable: Executable
    limits: Limits
    max_line_bytes: int
    stdout: trio.lowlevel.FdStream
    output: Output
    grace_s: float
    tail: Tail = attrs.field(factory=Tail)
    document: bytearray = attrs.field(factory=bytearray)
    are_pipes_read: trio.Event = attrs.field(factory=trio.Event)
    _is_started: bool = False
    _is_read: bool = False
    _death: Death | None = None
    _sent_bytes: int = 0

    async def receive_some(self) -> bytes:
        """Return the next lines; b"" when it is over. It may be cancelled and repeated.

        Raises:
            Refused: `procedure_loading_error`, the program cannot be executed.
        """
        if not self._is_started:
            return await self._receive_start()
        while not self._is_read and self._excess() is None:
            data = bytes(await self.stdout.receive_some(_CHUNK_BYTES))
            lines = self.output.receive_eof() if not data else await self._make(data)
            self._is_read = not data
            self._sent_bytes += len(lines)
            if lines and self._excess() is None:
                return lines
        if self._excess() is None and self._death is None:
            self._death = await self.supervisor.receive_death()
            if self._death != Exited(0):
                return self.output.release()
        return b""

    async def receive_ending(self) -> bytes:
        """Wait until nothing is left; return the line the dispatcher is to hear."""
        excess = self._excess()
        if excess is not None:
            await self.supervisor.end(self.grace_s)
            return excess
        with trio.move_on_after(_PIPES_S):
            await self.are_pipes_read.wait()
        if self._death is None:
            return b""  # the supervisor died
        if self._death != Exited(0):
            return as_exception(self._death, self.tail.lines)
        if self.executable.result is ResultMode.EXIT:
            return harp_worker.result(JsonText(b'{"exit":0}'))
        line = await self._written_result()
        self._sent_bytes += len(line)
        return self._excess(len(line)) or line

    async def _receive_start(self) -> bytes:
        death = await self.supervisor.receive_started()
        if isinstance(death, NotStarted):
            raise Refused(Refusal.PROCEDURE_LOADING_ERROR, death.reason)
        self._is_started = True
        return harp_worker.acknowledgement(streams=self.executable.streams)

    async def _make(self, data: bytes) -> bytes:
        # Only who has sent much without a line end can complete a large line.
        if self.output.pending_bytes < _LARGE_BYTES:
            return self.output.receive(data)
        lines = b""
        with trio.CancelScope(shield=True):  # what was read must not be lost
            lines = await trio.to_thread.run_sync(self.output.receive, data)
        return lines  # noqa: RET504 (for mypy the block may swallow an exception)

    def _excess(self, line_bytes: int = 0) -> bytes | None:
        """Return the line of the bound that was exceeded, if one was."""
        most = self.limits.max_output_bytes
        if most is not None and self._sent_bytes > most:
            return too_much(self.limits)
        longest = max(len(self.document), line_bytes)
        if self.output.is_overflown or longest > self.max_line_bytes:
            most = self.max_line_bytes
            message = f"the procedure wrote a line of more than {most} bytes"
            return harp_worker.exception("ValueError", message)
        return None

    async def _written_result(self) -> bytes:
        if self.executable.result is ResultMode.LAST_LINE:
            return harp_worker.result(self.output.take_result())
        if len(self.document) < _LARGE_BYTES:
            return _result_of(self.document)
        return await trio.to_thread.run_sync(_result_of, self.document)

    async def read_pipes(
        self, stderr: trio.lowlevel.FdStream, third: trio.lowlevel.FdStream | None
    ) -> None:
        """Take in what is written beside the standard output."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read_stderr, stderr)
            if third is not None:
                nursery.start_soon(self._read_document, third)
        self.are_pipes_read.set()

    async def _read_stderr(self, stderr: trio.lowlevel.FdStream) -> None:
        logged = 0
        while data := bytes(await stderr.receive_some(_CHUNK_BYTES)):
            logged = self._log(self.tail.receive(data), logged)
        self._log(self.tail.receive_eof(), logged)

    def _log(self, lines: list[str], logged: int) -> int:
        """Log lines as long as the call may; return how many there were."""
        name = self.executable.name
        for line in lines[: max(0, _MAX_LOGGED_LINES - logged)]:
            log.info("procedure.said", procedure=name, stderr=line)
        count = logged + len(lines)
        if logged < _MAX_LOGGED_LINES <= count:
            log.warning("procedure.silenced", procedure=name, lines=_MAX_LOGGED_LINES)
        return count

    async def _read_document(self, third: trio.lowlevel.FdStream) -> None:
        while len(self.document) <= self.max_line_bytes:
            data = await third.receive_some(_CHUNK_BYTES)
            if not data:
                return
            self.document += data
        await third.aclose()  # who still writes must not wait for a reader


def _result_of(document: bytearray) -> bytes:
    """Return the line of the result that was written to descriptor 3."""
    try:
        # A result is one deeper on the wire than in its document.
        value = encode(decode(bytes(document), max_depth=MAX_DEPTH - 1))
    except WireError as error:
        message = f"the procedure wrote no JSON to descriptor 3: {error.message}"
        return harp_worker.exception("ValueError", message)
    return harp_worker.result(value)


async def prepare(executable: Executable, call: HarpCall, info: Info) -> Asked:
    """Return what a supervisor is asked for.

    Raises:
        Refused: `invalid_argument_list`.
    """
    if executable.arguments is None:
        argv, stdin = [*executable.argv], call.arguments
    elif len(call.arguments) >= _LARGE_BYTES or any(
        argument.reads_files for argument in executable.arguments
    ):
        argv, stdin = await trio.to_thread.run_sync(
            _fill, executable, call.arguments, abandon_on_cancel=True
        )
    else:
        argv, stdin = _fill(executable, call.arguments)
    return Asked(
        procedure=executable.name, arguments=stdin, info=info, argv=tuple(argv)
    )


def _fill(executable: Executable, arguments: JsonText) -> tuple[list[str], JsonText]:
    given = decode(arguments)
    assert isinstance(given, list | dict)  # noqa: S101 (by `read_call`)
    declared = executable.arguments or ()
    values = bind(declared, given)
    return fill(executable.argv, declared, values), encode(values)


@asynccontextmanager
async def run_executable(  # noqa: PLR0913 (all of them are one call)
    family: Family,
    executable: Executable,
    call: HarpCall,
    info: Info,
    limits: Limits,
    *,
    max_line_bytes: int,
    grace_s: float,
) -> AsyncIterator[ExecutableChild]:
    """Run `call` in a process of its own; the block leaves nothing of it behind.

    Raises:
        Refused: `procedure_loading_error`, `invalid_argument_list`.
    """
    asked = await prepare(executable, call, info)
    asked = attrs.evolve(asked, timeout_s=limits.timeout_s)
    async with (
        _Pipes(3 if executable.result is ResultMode.FD3 else 2) as pipes,
        family.run(write_asked(asked), pipes.writing, limits.timeout_s) as supervisor,
    ):
        pipes.close_writing()
        stdout, stderr, *third = pipes.reading
        child = ExecutableChild(
            supervisor=supervisor,
            executable=executable,
            limits=limits,
            max_line_bytes=max_line_bytes,
            stdout=stdout,
            output=Output(
                executable.result,
                streams=executable.streams,
                max_line_bytes=max_line_bytes,
            ),
            grace_s=grace_s,
        )
        async with beside() as nursery:
            nursery.start_soon(child.read_pipes, stderr, third[0] if third else None)
            yield child


class _Pipes:
    """Pipes from a call's process to us; what is left of them is closed at the end."""

    def __init__(self, count: int) -> None:
        pairs = [os.pipe() for _ in range(count)]
        self.reading = [trio.lowlevel.FdStream(reading) for reading, _ in pairs]
        self.writing = [writing for _, writing in pairs]

    def close_writing(self) -> None:
        """Leave the other ends to the call alone."""
        while self.writing:
            os.close(self.writing.pop())

    async def __aenter__(self) -> _Pipes:
        """Return the pipes themselves."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all that is open."""
        self.close_writing()
        for stream in self.reading:
            with suppress(OSError):
                await trio.aclose_forcefully(stream)
