"""The process above one call: it sees to it that nothing of the call survives.

It adopts whatever the procedure leaves behind. The call is over when the procedure's
process ends, when it took too long, or when harpd closes the control socket, be it
by cancelling, be it by dying. What harpd is to know of it is written there last: a
line for the dispatcher if the process could not write its own, else nothing.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress

import attrs

from harpcaller.worker import child, linux
from harpcaller.worker.procedures import Procedure
from protocol import harp_worker
from protocol.jsontext import JsonText, decode

_RESET = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE)


@attrs.frozen(kw_only=True)
class Bounds:
    """What every call of a worker keeps to; seconds, bytes."""

    term_grace_s: float
    max_line_bytes: int


def supervise(
    procedures: Mapping[str, Procedure],
    control: socket.socket,
    wire_fd: int,
    bounds: Bounds,
) -> None:
    """Run the call that `control` asks for; return when all of it is gone."""
    linux.adopt_orphans()
    asked = _read_request(control)
    if asked is None:
        return
    name, arguments = asked
    us = os.getpid()
    pid = os.fork()
    if pid == 0:
        control.close()
        _be_the_call(procedures, name, arguments, child_of=us, wire=(wire_fd, bounds))
    os.close(wire_fd)
    known = procedures.get(name)
    limit_s = None if known is None else known.timeout_s
    ending = _wait(pid, control, limit_s)
    linux.end_descendants(bounds.term_grace_s)
    _tell(control, ending)


def _read_request(control: socket.socket) -> tuple[str, JsonText] | None:
    """Return name and arguments, one line each; None if the call was cancelled."""
    with control.makefile("rb") as reader:
        name = reader.readline()
        arguments = reader.readline()
    if not arguments.endswith(b"\n"):
        return None
    return str(decode(name)), JsonText(arguments[:-1])


def _be_the_call(
    procedures: Mapping[str, Procedure],
    name: str,
    arguments: JsonText,
    *,
    child_of: int,
    wire: tuple[int, Bounds],
) -> None:
    """Become the process of the procedure; never return."""
    status = 1
    try:
        os.setsid()  # so that a signal to its group reaches nobody else
        linux.die_with(child_of)
        for number in _RESET:
            signal.signal(number, signal.SIG_DFL)
        gc.enable()

        def become(procedure: Procedure) -> None:
            child.become_user(procedure)
            linux.die_with(child_of)

        fd, bounds = wire
        line_end = child.Wire(fd, bounds.max_line_bytes)
        child.carry_out(procedures, name, arguments, line_end, become)
        status = 0
    finally:
        child.flush_output()
        os._exit(status)


def _wait(pid: int, control: socket.socket, limit_s: float | None) -> bytes:
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
        return b""  # cancelled, or harpd is dead
    return harp_worker.exception(
        "TimeoutError", f"the procedure ran longer than its limit of {limit_s} s"
    )


def _death(status: int) -> bytes:
    """Return the exception that stands for a process which did not end by itself."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return harp_worker.exception(
            "ProcessKilled", f"the procedure was killed by {_signal_name(number)}"
        )
    code = os.WEXITSTATUS(status)
    return harp_worker.exception(
        "ProcessExited", f"the procedure exited with status {code} and no result"
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def _tell(control: socket.socket, ending: bytes) -> None:
    with suppress(OSError):  # harpd is dead
        control.sendall(ending)
