"""The command `harpd`: words to settings, and a daemon that runs by them."""

from __future__ import annotations

import argparse
import json
import os
import resource
import stat
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import trio

from harpcaller import __version__, logs
from harpcaller.worker.daemon import run
from harpcaller.worker.settings import SettingsError, read_file, settings_of
from protocol.harp_worker import Refused

USAGE_EXIT = 2
ENOUGH_FDS = 65536


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(words)
    logs.configure(debug=options.debug)
    try:
        table = {} if options.config is None else read_file(options.config)
        settings = settings_of(table | _table_of(options))
        if options.stop_at_eof:
            _check_input()
        _raise_fd_limit()
        ready = partial(_tell_ready, options.ready_fd)
        trio.run(partial(run, settings, ready, stops_at_eof=options.stop_at_eof))
    except SettingsError as error:
        sys.stderr.write(f"harpd: {error}\n")
        return USAGE_EXIT
    except Refused as error:
        sys.stderr.write(f"harpd: procedures were not loaded: {error.message}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="harpd", description="Serve procedures to HarpCaller dispatchers."
    )
    parser.add_argument("--version", action="version", version=__version__)
    start = parser.add_subparsers(required=True, metavar="COMMAND").add_parser(
        "start", help="serve until SIGTERM", description="Serve until SIGTERM."
    )
    add = start.add_argument
    add("--config", type=Path, metavar="FILE", help="settings, harpd.toml")
    add("--procedures", metavar="FILE", help="Python file with the procedures")
    add(
        "--listen",
        action="append",
        metavar="ADDRESS",
        help="HOST:PORT (TLS) or unix:PATH; may be repeated",
    )
    add("--cert", dest="cert_file", metavar="FILE", help="certificate chain, PEM")
    add("--key", dest="key_file", metavar="FILE", help="its key, PEM")
    add("--users", dest="users_file", metavar="FILE", help="user:password, one a line")
    add(
        "--harp2",
        action="store_const",
        const=True,
        help="on Unix sockets: keep connections, send heartbeats",
    )
    add("--debug", action="store_true", help="log more")
    add(
        "--ready-fd",
        type=int,
        metavar="N",
        help='write {"listen":[...]} to this descriptor when serving, and close it',
    )
    add(
        "--stop-at-eof",
        action="store_true",
        help="stop when standard input ends: when the process that started us is gone",
    )
    return parser


def _table_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that the command line names; it wins over the file."""
    names = ("procedures", "listen", "cert_file", "key_file", "users_file", "harp2")
    words = vars(options)
    return {name: words[name] for name in names if words[name] is not None}


def _check_input() -> None:
    """Refuse an input whose end says nothing about who started us."""
    mode = os.fstat(0).st_mode
    if not stat.S_ISFIFO(mode) and not stat.S_ISSOCK(mode):
        raise SettingsError("--stop-at-eof: standard input must be a pipe or a socket")


def _raise_fd_limit() -> None:
    """Take as many descriptors as we may: a call needs three, often 1024 are given."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = ENOUGH_FDS if hard == resource.RLIM_INFINITY else min(hard, ENOUGH_FDS)
    if soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))


def _tell_ready(fd: int | None, addresses: Sequence[str]) -> None:
    if fd is None:
        return
    os.write(fd, json.dumps({"listen": addresses}).encode() + b"\n")
    os.close(fd)
