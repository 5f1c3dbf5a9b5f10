"""The process above a call: it sees to it that nothing of the call survives.

It adopts whatever the procedure leaves behind. A call is over when the procedure's
process ends, when it took too long, or when harpd closes the control socket, be it
by cancelling, be it by dying. When all is gone, one line tells harpd how it ended.
Then the supervisor is as new, and takes the next call.
"""

from __future__ import annotations

import gc
import os
import select
import socket
import time
from collections.abc import Mapping

import attrs

from harpcaller.worker import child, execute, linux
from harpcaller.worker.confine import close_from, confine
from harpcaller.worker.death import (
    Death,
    Exited,
    Killed,
    NotStarted,
    Started,
    TimedOut,
    tell,
)
from harpcaller.worker.errand import Errand, clean_up, read_errand, write_errand
from harpcaller.worker.orders import Orders
from harpcaller.worker.procedures import Info, Procedure
from protocol import harp_worker
from protocol.harp_worker import Refusal, Refused
from protocol.jsontext import JsonText, decode, encode

_CHUNK_BYTES = 1 << 16
_MAX_FDS = 3
_WIRE_FD = 3
_LONGEST_POLL_S = 86400.0  # poll(2) takes milliseconds in 31 bits


@attrs.frozen(kw_only=True)
class Asked:
    """What harpd wants to have run, and where its output goes.

    `argv` is that of an executable, whose output is `fds` 1 and 2 and, if there is
    one more, 3; a Python procedure, or an errand, has the first as its wire.
    """

    procedure: str
    arguments: JsonText
    info: Info
    argv: tuple[str, ...] | None = None
    errand: Errand | None = None
    timeout_s: float | None = None
    fds: tuple[int, ...] = ()


def write_asked(asked: Asked) -> bytes:
    """Return the two lines that ask for a call; its descriptors go beside them."""
    argv = None if asked.argv is None else [*asked.argv]
    head = encode(
        {
            "procedure": asked.procedure,
            "argv": argv,  # type: ignore[dict-item] # a list of strings is JSON
            "errand": None if asked.errand is None else write_errand(asked.errand),
            "timeout_s": asked.timeout_s,
            "info": attrs.asdict(asked.info),
        }
    )
    return head + b"\n" + asked.arguments + b"\n"


def supervise(
    procedures: Mapping[str, Procedure], control: socket.socket, orders: Orders
) -> None:
    """Run the calls that `control` asks for, one by one, until it is closed."""
    linux.adopt_orphans()
    while (asked := _receive(control)) is not None:
        death = _run(procedures, control, orders, asked)
        linux.end_descendants(orders.term_grace_s)
        if asked.errand is not None:
            clean_up(asked.errand)
        if death is None or not _say(control, death):
            return


def _say(control: socket.socket, news: Started | Death) -> bool:
    try:
        control.sendall(tell(news))
    except OSError:
        return False  # harpd is dead
    return True


def _receive(control: socket.socket) -> Asked | None:
    """Return what is asked next; None if the control socket was closed."""
    data, fds, _, _ = socket.recv_fds(control, _CHUNK_BYTES, _MAX_FDS)
    pieces = [data]
    line_ends = data.count(b"\n")
    while data and line_ends < 2:  # head and arguments
        data = control.recv(_CHUNK_BYTES)
        line_ends += data.count(b"\n")
        pieces.append(data)
    if not data:
        return None
    head, arguments, _ = b"".join(pieces).split(b"\n")
    fields = decode(head)
    assert isinstance(fields, dict)  # noqa: S101 (by `write_asked`)
    argv, info = fields.pop("argv"), fields.pop("info")
    assert isinstance(info, dict)  # noqa: S101 (as above)
    return Asked(
        argv=tuple(argv) if isinstance(argv, list) else None,  # type: ignore[arg-type] # by `write_asked`
        arguments=JsonText(arguments),
        errand=read_errand(fields.pop("errand")),
        info=Info(**info),  # type: ignore[arg-type] # by `write_asked`
        fds=tuple(fds),
        **fields,  # type: ignore[arg-type] # by `write_asked`
    )


def _run(
    procedures: Mapping[str, Procedure],
    control: socket.socket,
    orders: Orders,
    asked: Asked,
) -> Death | None:
    """Return how the call ended; None if harpd does not want to know any more."""
    us = os.getpid()
    told, telling = os.pipe()  # tells why an executable did not start
    try:
        pid = os.fork()
    except OSError as error:  # the machine, or the user, has too many processes
        _close(told, telling, *asked.fds)
        return NotStarted(f"no process can be made: {error.strerror}")
    if pid == 0:
        control.close()
        os.close(told)
        _be_the_call(procedures, asked, orders, telling, child_of=us)
    _close(telling, *asked.fds)
    reason = b"" if asked.argv is None else os.read(told, _CHUNK_BYTES)
    os.close(told)
    if reason:
        os.waitpid(pid, 0)
        return NotStarted(reason.decode(errors="replace"))
    if asked.argv is not None and not _say(control, Started()):
        return None
    return _wait(pid, control, asked.timeout_s)


def _close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)


def _be_the_call(
    procedures: Mapping[str, Procedure],
    asked: Asked,
    orders: Orders,
    telling: int,
    *,
    child_of: int,
) -> None:
    """Become the process of the procedure; never return."""
    status = 1
    try:
        os.setsid()  # so that a signal to its group reaches nobody else
        linux.die_with(child_of)
        if asked.argv is not None:
            stdin = asked.arguments + b"\n"
            os.environ.update(execute.info_variables(asked.info))
            execute.become(asked.argv, stdin, asked.fds, telling, orders.confines)
        gc.enable()
        linux.hide_memory(hidden=False)  # what is hidden is ours, not the procedure's
        os.dup2(asked.fds[0], _WIRE_FD)
        close_from(_WIRE_FD + 1)
        wire = child.Wire(_WIRE_FD, orders.max_line_bytes)
        try:
            confine(orders.confines)
        except OSError as error:
            complaint = Refused(Refusal.PROCEDURE_LOADING_ERROR, str(error.strerror))
            wire.write(harp_worker.refused(complaint))
        else:
            _carry_out(procedures, asked, wire, orders.max_line_bytes)
        status = 0
    finally:
        child.flush_output()
        os._exit(status)


def _carry_out(
    procedures: Mapping[str, Procedure],
    asked: Asked,
    wire: child.Wire,
    max_line_bytes: int,
) -> None:
    if asked.errand is None:
        child.carry_out(procedures, asked.procedure, asked.arguments, asked.info, wire)
        return
    # Here, so that the warm parents need not have it in memory.
    from harpcaller.worker.harmony.kinds import begin  # noqa: PLC0415 (as above)

    os.environ.update(execute.info_variables(asked.info))
    errand, arguments = asked.errand, asked.arguments
    child.carry_out_errand(
        lambda: begin(errand, decode(arguments), max_line_bytes), wire
    )


def _poll(poller: select.poll, limit_s: float | None) -> dict[int, int]:
    """Return what is ready, nothing after `limit_s`, be it months."""
    if limit_s is None:
        return dict(poller.poll())
    deadline = time.monotonic() + limit_s
    while (left_s := deadline - time.monotonic()) > 0:
        if ready := poller.poll(min(left_s, _LONGEST_POLL_S) * 1000):
            return dict(ready)
    return {}


def _wait(pid: int, control: socket.socket, limit_s: float | None) -> Death | None:
    """Return how the process ended, or had to; None if harpd wants it no more."""
    process = os.pidfd_open(pid)
    poller = select.poll()
    poller.register(process, select.POLLIN)
    poller.register(control, select.POLLIN | select.POLLHUP)
    ready = _poll(poller, limit_s)
    os.close(process)
    if process in ready:
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status):
            return Killed(os.WTERMSIG(status))
        return Exited(os.WEXITSTATUS(status))
    if ready:
        return None  # cancelled, or harpd is dead
    return TimedOut(limit_s or 0)
