"""`harpd start`: words to settings, and a worker that runs by them."""

from __future__ import annotations

import argparse
import json
import os
import stat
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
import trio

from harpcaller import descriptors, interpreter, logs
from harpcaller.worker.daemon import run
from harpcaller.worker.settings import Settings, SettingsError, read_file, settings_of
from indira.cli import Exit
from protocol.harp_worker import Refused

log = structlog.get_logger()


def start(options: argparse.Namespace) -> int:
    """Serve until a signal says to stop; return the exit code."""
    logs.configure(debug=options.debug)
    try:
        reread = partial(read_settings, options)
        settings = reread()
        for user in settings.users.plain:
            log.warning("users.plain", user=user, hint="harpd passwd hashes passwords")
        if options.stop_at_eof:
            _check_input()
        descriptors.raise_limit()  # a call needs three
        interpreter.settle()
        ready = partial(_tell_ready, options.ready_fd)
        stops_at_eof = options.stop_at_eof
        trio.run(partial(run, settings, reread, ready, stops_at_eof=stops_at_eof))
    except SettingsError as error:
        for problem in error.problems:
            sys.stderr.write(f"harpd: {problem}\n")
        return Exit.USAGE
    except Refused as error:
        sys.stderr.write(f"harpd: procedures were not loaded: {error.message}\n")
        return Exit.FAILED
    return Exit.OK


def read_settings(options: argparse.Namespace) -> Settings:
    """Return the settings of the file and of the command line.

    Raises:
        SettingsError: something is wrong with them.
    """
    table = {} if options.config is None else read_file(options.config)
    return settings_of(table | _table_of(options))


def _table_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that the command line names; it wins over the file."""
    names = ("procedures", "listen", "cert_file", "key_file", "users_file", "harp2")
    words = vars(options)
    table = {name: words[name] for name in names if words[name] is not None}
    if options.is_socket_given:
        table["admin_socket"] = str(options.socket)
    return table


def _check_input() -> None:
    """Refuse an input whose end says nothing about who started us."""
    mode = os.fstat(0).st_mode
    if not stat.S_ISFIFO(mode) and not stat.S_ISSOCK(mode):
        raise SettingsError("--stop-at-eof: standard input must be a pipe or a socket")


def _tell_ready(fd: int | None, addresses: Sequence[str]) -> None:
    if fd is None:
        return
    os.write(fd, json.dumps({"listen": addresses}).encode() + b"\n")
    os.close(fd)
