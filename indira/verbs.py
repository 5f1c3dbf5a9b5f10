"""The verbs that every daemon has: is it there, and end it; standard library only."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from functools import partial
from typing import Any

from indira.cli import (
    CommandFailed,
    Exit,
    Verbs,
    add_json,
    ask,
    seconds,
    show,
    show_progress,
    tell_progress,
)
from indira.client import AdminClient, NotRunning, wait_exit

ANSWER_S = 120.0  # any command but `status --wait` and `stop`
_RETRY_S = 0.05


def add_status(verbs: Verbs, text: str) -> None:
    """Add the verb that tells whether the daemon runs."""
    status = verbs.add("status", _status, text)
    status.add_argument("--wait", action="store_true", help="until it does")
    status.add_argument("--timeout", type=seconds, metavar="SECONDS")
    add_json(status, "with all details")


def add_stop(verbs: Verbs, text: str) -> None:
    """Add the verb that stops the daemon and waits until it is gone."""
    stop = verbs.add("stop", _stop, text)
    stop.add_argument("--timeout", type=seconds, metavar="SECONDS")
    stop.add_argument("--print-pid", action="store_true", help="the pid it had")
    add_json(stop, "an object with the pid it had")


def add_reload(verbs: Verbs, text: str, command: str = "reload") -> None:
    """Add the verb that has the daemon read its settings again, by its command."""
    verbs.add("reload", partial(_reload, command), text)


def client_of(options: Namespace) -> AdminClient:
    """Return a client of the daemon that the options of a verb name.

    How far a long command is goes to the standard error, with `--json` to the output.
    """
    is_json = getattr(options, "json", False)
    hear = show_progress if is_json else tell_progress
    return AdminClient(options.socket, timeout_s=ANSWER_S, hear=hear)


def told(options: Namespace, reply: dict[str, Any]) -> int:
    """Write a reply where `--json` asks for it; return that all is well."""
    if options.json:
        show(reply)
    return Exit.OK


def _status(options: Namespace) -> int:
    try:
        reply = _ask_status(options)
    except NotRunning:
        reply = {"result": "stopped"}
    if options.json:
        show(reply)
    else:
        state = "draining" if reply.get("draining") else reply["result"]
        sys.stdout.write(f"{state}\n")
    return Exit.OK if reply["result"] == "running" else Exit.NOT_RUNNING


def _ask_status(options: Namespace) -> dict[str, Any]:
    """Return the reply to status, with `--wait` once there is somebody to ask."""
    timeout_s = options.timeout
    if timeout_s is None and not options.wait:
        timeout_s = ANSWER_S
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        left = None if deadline is None else max(deadline - time.monotonic(), 0.001)
        try:
            with AdminClient(options.socket, timeout_s=left) as client:
                return client.send("status", wait=options.wait)
        except NotRunning:
            is_late = deadline is not None and time.monotonic() >= deadline
            if is_late or not options.wait:
                raise
        time.sleep(_RETRY_S)


def _reload(command: str, options: Namespace) -> int:
    with client_of(options) as client:
        needs_restart = ask(client, command)["needs_restart"]
    for key in needs_restart:
        sys.stderr.write(f'"{key}" takes effect at the next start\n')
    return Exit.OK


def _stop(options: Namespace) -> int:
    begun = time.monotonic()
    with AdminClient(options.socket, timeout_s=options.timeout) as client:
        reply = ask(client, "stop")
        client.wait_closed()
    left = None
    if options.timeout is not None:
        left = max(options.timeout - (time.monotonic() - begun), 0)
    if not wait_exit(int(reply["pid"]), left):
        raise CommandFailed(f"process {reply['pid']} is still there")
    if options.json:
        show(reply)
    elif options.print_pid:
        sys.stdout.write(f"{reply['pid']}\n")
    return Exit.OK
