"""The command `harpd`: serves procedures, or asks a worker that runs.

The admin verbs load no event loop: they have to answer at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from harpcaller import __version__
from indira.cli import Exit, Verbs, ask, show
from indira.client import AdminClient
from indira.completing import add_complete
from indira.verbs import add_reload, add_status, add_stop, client_of


def main(words: Sequence[str] | None = None) -> int:
    """Carry out one command line; return the exit code."""
    return command_line().run(None if words is None else list(words))


def command_line() -> Verbs:
    """Return all verbs with their options."""
    verbs = Verbs("harpd", "harpd", "Serve procedures to HarpCaller dispatchers.")
    _add_start(verbs)
    _add_check(verbs)
    add_status(verbs, "Tell whether the worker runs.")
    add_stop(verbs, "Stop the worker and wait until it is gone.")
    add_reload(verbs, "Read settings, procedures and users again; calls go on.")
    verbs.add(
        "procedures",
        _list_procedures,
        "List what may be called, one JSON object a line.",
    )
    verbs.add("calls", _list_calls, "List the calls that run, one JSON object a line.")
    verbs.add("kill", _kill, "End a call; its dispatcher is told so.").add_argument(
        "call", metavar="CALL", help="its number in `harpd calls`, or its job's ID"
    )
    _add_passwd(verbs)
    verbs.add("version", _version, "Print the version.")
    add_complete(verbs, {"calls": _call_numbers})
    return verbs


def _start(options: argparse.Namespace) -> int:
    # Here, not above: the event loop takes its time to load.
    from harpcaller.worker.start import start  # noqa: PLC0415 (see above)

    return start(options)


def _check(options: argparse.Namespace) -> int:
    from harpcaller.worker.check import check  # noqa: PLC0415 (as above)

    return check(options)


def _list_calls(options: argparse.Namespace) -> int:
    with client_of(options) as client:
        for call in ask(client, "calls")["calls"]:
            show(call)
    return Exit.OK


def _call_numbers(client: AdminClient) -> Iterator[str]:
    for call in ask(client, "calls")["calls"]:
        yield str(call["call"])


def _list_procedures(options: argparse.Namespace) -> int:
    with client_of(options) as client:
        for procedure in ask(client, "procedures")["procedures"]:
            show(procedure)
    return Exit.OK


def _kill(options: argparse.Namespace) -> int:
    with client_of(options) as client:
        ask(client, "kill", call=options.call)
    return Exit.OK


def _passwd(options: argparse.Namespace) -> int:
    from harpcaller.worker.passwd import passwd  # noqa: PLC0415 (not for other verbs)

    return passwd(options)


def _version(_: argparse.Namespace) -> int:
    sys.stdout.write(f"harpd {__version__}\n")
    return Exit.OK


def _add_passwd(verbs: Verbs) -> None:
    passwd = verbs.add("passwd", _passwd, "Hash the password of a user.")
    passwd.add_argument(
        "--users", type=Path, metavar="FILE", help="write it there, else print it"
    )
    passwd.add_argument("user", metavar="USER")


def _add_check(verbs: Verbs) -> None:
    check = verbs.add("check", _check, "Name what would keep it from serving.")
    _add_settings(check)
    check.add_argument("--json", action="store_true", help="an object a line")


def _add_start(verbs: Verbs) -> None:
    start = verbs.add("start", _start, "Serve until SIGTERM.")
    _add_settings(start)
    add = start.add_argument
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


def _add_settings(verb: argparse.ArgumentParser) -> None:
    add = verb.add_argument
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
