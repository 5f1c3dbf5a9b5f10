"""Runs the registry script: bounded in time and output, and nothing of it survives."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import trio

from harpcaller.rights import complain_if_writable

MAX_OUTPUT_BYTES = 16 * 1024 * 1024
_READ_BYTES = 64 * 1024
_REAP_S = 5


class ScriptFailed(Exception):
    """The script gave no list; the message says why."""


async def run_script(path: Path, *, timeout_s: float) -> bytes:
    """Return what the script wrote; its whole process group is gone by then.

    What it writes to its standard error goes to ours, unread.

    Raises:
        ScriptFailed: it is not to be trusted, cannot be run, took longer than
            `timeout_s`, wrote too much or nothing, or exited other than with 0.
    """
    process = await _start(path)
    try:
        with trio.fail_after(timeout_s):
            output = await _read(process)
            status = await process.wait()
    except trio.TooSlowError:
        raise ScriptFailed(f"it was not done after {timeout_s:g} s") from None
    finally:
        await _end(process)
    if status != 0:
        word = f"exited with {status}" if status > 0 else f"died of signal {-status}"
        raise ScriptFailed(f"it {word}")
    if not output.strip():
        raise ScriptFailed("it wrote nothing")
    return output


async def _start(path: Path) -> trio.Process:
    try:
        untrusted = await trio.to_thread.run_sync(complain_if_writable, path)
        if untrusted is not None:
            raise ScriptFailed(untrusted)
        return await trio.lowlevel.open_process(
            [os.fspath(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise ScriptFailed(f"it cannot be run: {error.strerror}") from error


async def _read(process: trio.Process) -> bytes:
    assert process.stdout is not None  # noqa: S101 (a pipe was asked for)
    output = bytearray()
    while data := await process.stdout.receive_some(_READ_BYTES):
        output += data
        if len(output) > MAX_OUTPUT_BYTES:
            raise ScriptFailed(f"it wrote more than {MAX_OUTPUT_BYTES} bytes")
    return bytes(output)


async def _end(process: trio.Process) -> None:
    """Kill what is left of the script's process group, and reap the script."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with trio.move_on_after(_REAP_S, shield=True):
        await process.wait()
    assert process.stdout is not None  # noqa: S101 (a pipe was asked for)
    await process.stdout.aclose()
