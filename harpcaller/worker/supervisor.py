"""The process above a call: it sees to it that nothing of the call survives.

It adopts whatever the procedure leaves behind. A call is over when the procedure's
process ends, when it took too long, or when harpd closes the control socket, be it
by cancelling, be it by dying. When all is gone, one line tells harpd so: what the
dispatcher is to hear if the procedure's process could not say it, else an empty one.
Then the supervisor is as new, and takes the next call.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
from collections.abc import Mapping

import attrs

from harpcaller.worker import child, linux
from harpcaller.worker.procedures import Procedure
from protocol import harp_worker
from protocol.jsontext import JsonText, decode

NOTHING = b"\n"
_CHUNK_BYTES = 1 << 16


@attrs.frozen(kw_only=True)
class Bounds:
    """What every call of a worker keeps to; seconds, bytes."""

    term_grace_s: float
    max_line_bytes: int


@attrs.frozen(kw_only=True)
class Asked:
    """What harpd wants to have run, and where its lines go."""

    procedure: str
    arguments: JsonText
    wire_fd: int


def supervise(
    procedures: Mapping[str, Procedure], control: socket.socket, bounds: Bounds
) -> None:
    """Run the calls that `control` asks for, one by one, until it is closed."""
    linux.adopt_orphans()
    while (asked := _receive(control)) is not None:
        ending = _run(procedures, control, bounds, asked)
        linux.end_descendants(bounds.term_grace_s)
        if ending is None:
            return
        try:
            control.sendall(ending)
        except OSError:
            return  # harpd is dead


def _receive(control: socket.socket) -> Asked | None:
    """Return what is asked next; None if the control socket was closed."""
    data, fds, _, _ = socket.recv_fds(control, _CHUNK_BYTES, 1)
    pieces = [data]
    line_ends = data.count(b"\n")
    while data and line_ends < 2:  # name and arguments
        data = control.recv(_CHUNK_BYTES)
        line_ends += data.count(b"\n")
        pieces.append(data)
    if not data:
        return None
    name, arguments, _ = b"".join(pieces).split(b"\n")
    return Asked(
        procedure=str(decode(name)), arguments=JsonText(arguments), wire_fd=fds[0]
    )


def _run(
    procedures: Mapping[str, Procedure],
    control: socket.socket,
    bounds: Bounds,
    asked: Asked,
) -> bytes | None:
    """Return the line that tells the end; None if harpd wants none any more."""
    us = os.getpid()
    pid = os.fork()
    if pid == 0:
        control.close()
        _be_the_call(procedures, asked, bounds, child_of=us)
    os.close(asked.wire_fd)
    known = procedures.get(asked.procedure)
    return _wait(pid, control, None if known is None else known.timeout_s)


def _be_the_call(
    procedures: Mapping[str, Procedure], asked: Asked, bounds: Bounds, *, child_of: int
) -> None:
    """Become the process of the procedure; never return."""
    status = 1
    try:
        os.setsid()  # so that a signal to its group reaches nobody else
        linux.die_with(child_of)
        gc.enable()

        def become(procedure: Procedure) -> None:
            child.become_user(procedure)
            linux.die_with(child_of)

        wire = child.Wire(asked.wire_fd, bounds.max_line_bytes)
        child.carry_out(procedures, asked.procedure, asked.arguments, wire, become)
        status = 0
    finally:
        child.flush_output()
        os._exit(status)


def _wait(pid: int, control: socket.socket, limit_s: float | None) -> bytes | None:
    """Return what is to be told once the process has ended, or has to."""
    process = os.pidfd_open(pid)
    poller = select.poll()
    poller.register(process, select.POLLIN)
    poller.register(control, select.POLLIN | select.POLLHUP)
    ready = dict(poller.poll(None if limit_s is None else limit_s * 1000))
    os.close(process)
    if process in ready:
        _, status = os.waitpid(pid, 0)
        return _death(status)
    if ready:
        return None  # cancelled, or harpd is dead
    return harp_worker.exception(
        "TimeoutError", f"the procedure ran longer than its limit of {limit_s} s"
    )


def _death(status: int) -> bytes:
    """Return the line of a process that ended so: an exception, or an empty one."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return harp_worker.exception(
            "ProcessKilled", f"the procedure was killed by {_signal_name(number)}"
        )
    code = os.WEXITSTATUS(status)
    if code == 0:
        return NOTHING
    return harp_worker.exception(
        "ProcessExited", f"the procedure exited with status {code} and no result"
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
