"""`harpcallerd start`: what is settled before the loop runs, and how it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog
import trio

from harpcaller import descriptors, interpreter, logs
from harpcaller.config import ConfigError
from harpcaller.daemon import Daemon
from harpcaller.embedded import WorkerFailed
from harpcaller.front.sockets import NAMES
from harpcaller.gateway.collision import Collision
from harpcaller.options import StartOptions
from harpcaller.setup import read_setup
from harpcaller.store import StoreError
from indira import activation
from indira.activation import ActivationError
from indira.unixsocket import SocketTaken

EX_OK, EX_FAILED, EX_IOERR, EX_CONFIG = 0, 1, 74, 78  # sysexits(3)

log = structlog.get_logger()


def start(options: StartOptions) -> int:
    """Run the dispatcher until it is stopped; return the exit code."""
    os.umask(0o077)  # before anything is made, the log first
    try:
        setup = read_setup(options)
        log_file = _open_log(setup.config.log_file)
        passed = activation.receive(NAMES)
    except (ActivationError, ConfigError) as error:
        sys.stderr.write(f"harpcallerd: {error}\n")
        return EX_CONFIG
    except OSError as error:
        sys.stderr.write(f"harpcallerd: {error.filename}: {error.strerror}\n")
        return EX_FAILED
    logs.configure(debug=setup.debug, file=log_file)
    descriptors.raise_limit()
    interpreter.settle()
    for warning in setup.config.warnings:
        log.warning("config.doubtful", warning=warning)
    return _run(Daemon(setup, lambda: read_setup(options).config, log_file, passed))


def _run(daemon: Daemon) -> int:
    code = EX_OK
    try:
        trio.run(daemon.run)
    except* (ActivationError, Collision) as group:
        code = _complain(group, EX_CONFIG)
    except* (OSError, SocketTaken, StoreError, WorkerFailed) as group:
        code = _complain(group, EX_FAILED)
    return EX_IOERR if daemon.has_lost_store else code


def _complain(group: BaseExceptionGroup[BaseException], code: int) -> int:
    for leaf in _leaves(group):
        log.error("daemon.failed", reason=str(leaf))
    return code


def _open_log(path: Path | None) -> logs.LogFile | None:
    return None if path is None else logs.LogFile(path)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Sequence[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves
