"""The worker that `start --dev` brings along: a harpd child on a private socket."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from importlib.resources import files
from pathlib import Path

import structlog
import trio

from harpcaller import __version__
from harpcaller.addresses import TlsAddress, UnixAddress, read_listen_address
from harpcaller.hosts.registry import Host

HOST = "localhost"
START_S = 20.0
STOP_S = 15.0
MAX_SOCKET_BYTES = 107  # unix(7): 108 with the zero at the end

log = structlog.get_logger()


class WorkerFailed(Exception):
    """The embedded worker did not start; its own words are on standard error."""


@asynccontextmanager
async def embedded_worker(state_dir: Path) -> AsyncIterator[Host]:
    """Serve the procedures of `local.py` as a host while the block runs.

    Nobody else may use `state_dir`: what a killed one left there is replaced.

    Raises:
        WorkerFailed: it did not begin to serve.
    """
    with _folder(state_dir) as folder:
        socket = folder / "socket"  # the administrator's is beside it
        process = await _start(_copy_procedures(folder), socket)
        try:
            yield Host(name=HOST, address=UnixAddress(str(socket)), harp2=True)
        finally:
            with trio.CancelScope(shield=True):
                await _stop(process)


def print_welcome(listen: Sequence[str]) -> None:
    """Print what a newcomer can paste."""
    netcat = _netcat(listen[0])
    harp = "harp" if listen[0] == "127.0.0.1:3502" else f"harp --server {listen[0]}"
    call = '{"harpcaller":1,"host":"localhost","procedure":"ping","arguments":[]}'
    sys.stdout.write(
        f"HarpCaller {__version__} listens on {', '.join(listen)}. Its host "
        f'"{HOST}" has\nping, echo, sleep, count, fail, uptime and disk. '
        "In another terminal:\n\n"
        f"  echo '{call}' | {netcat}\n"
        f"  echo help | {netcat}\n"
        f"  {harp} call {HOST} count 5 -f\n\n"
        "Ctrl-C stops it.\n"
    )
    sys.stdout.flush()


def _netcat(listen: str) -> str:
    """Return the command that connects its input with a dispatcher."""
    server = read_listen_address(listen)
    if isinstance(server, UnixAddress):
        return f"nc -U {server.path}"
    if isinstance(server, TlsAddress):
        return f"openssl s_client -quiet -connect {server.tcp}"
    return f"nc {server.host} {server.port}"


@contextmanager
def _folder(state_dir: Path) -> Iterator[Path]:
    """Give an empty directory of ours, gone after the block; sockets fit into it."""
    folder = state_dir / "worker"
    if len(os.fsencode(folder / "socket")) > MAX_SOCKET_BYTES:
        with tempfile.TemporaryDirectory(prefix="harpd-") as other:
            yield Path(other)
        return
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _copy_procedures(folder: Path) -> Path:
    """Return a copy that is ours alone, whoever may write where we are installed."""
    procedures = folder / "local.py"
    procedures.touch(0o600)
    procedures.write_bytes((files("harpcaller.worker") / "local.py").read_bytes())
    return procedures


async def _start(procedures: Path, socket: Path) -> trio.Process:
    ready, told = os.pipe()
    try:
        command = [sys.executable, "-m", "harpcaller.worker", "start", "--harp2"]
        process = await trio.lowlevel.open_process(
            [
                *command,
                "--stop-at-eof",
                f"--procedures={procedures}",
                f"--listen=unix:{socket}",
                f"--socket={socket.with_name('admin')}",
                f"--ready-fd={told}",
            ],
            stdin=subprocess.PIPE,
            pass_fds=[told],
            start_new_session=True,  # Ctrl-C is ours: it ends when we close its input
        )
    except BaseException:
        os.close(ready)
        raise
    finally:
        os.close(told)
    async with trio.lowlevel.FdStream(ready) as stream:
        with trio.move_on_after(START_S):
            if await stream.receive_some():
                return process
    await _stop(process)
    raise WorkerFailed("the embedded worker did not start")


async def _stop(process: trio.Process) -> None:
    assert process.stdin is not None  # noqa: S101 (a pipe, by `_start`)
    await process.stdin.aclose()
    with trio.move_on_after(STOP_S):
        await process.wait()
        return
    log.warning("worker.killed", reason="it did not stop")
    process.kill()
    await process.wait()
