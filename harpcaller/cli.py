"""harpcallerd: starts the dispatcher, and asks one that runs.

The admin verbs load no event loop: they have to answer at once.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harpcaller import __version__
from harpcaller.identities.tokens import digest_of, new_token
from indira.cli import CommandFailed, Exit, Verbs, ask, pages, seconds, show
from indira.verbs import add_reload, add_status, add_stop, client_of

_DAY_S = 86400.0


def main(argv: list[str] | None = None) -> int:
    """Carry out one command line; return the exit code."""
    verbs = Verbs("harpcallerd", "harpcaller", "The HarpCaller call dispatcher.")
    _add_daemon_verbs(verbs)
    _add_job_verbs(verbs)
    _add_host_verbs(verbs)
    return verbs.run(argv)


def _add_daemon_verbs(verbs: Verbs) -> None:
    start = verbs.add("start", _start, "Run the dispatcher in the foreground.")
    start.add_argument("--config", type=Path, metavar="FILE", help="the configuration")
    start.add_argument(
        "--dev", action="store_true", help="no configuration needed; a worker beside"
    )
    start.add_argument(
        "--listen",
        action="append",
        default=[],
        metavar="ADDR",
        help="host:port, tls:host:port or unix:PATH; may be repeated",
    )
    start.add_argument("--state-dir", type=Path, metavar="DIR", help="where jobs live")
    start.add_argument("--pidfile", type=Path, metavar="FILE", help="keeps the pid")
    start.add_argument("--debug", action="store_true", help="log more")

    check = verbs.add("check", _check, "Name all that would keep it from starting.")
    check.add_argument("--config", type=Path, metavar="FILE", help="the configuration")
    check.add_argument("--json", action="store_true", help="an object a line")

    add_status(verbs, "Tell whether the dispatcher runs.")
    add_stop(verbs, "Stop the dispatcher and wait until it is gone.")
    add_reload(
        verbs, "Read the configuration again; what runs goes on.", "reload_config"
    )
    verbs.add("reopen-logs", _reopen_logs, "Begin a new log file after a rotation.")
    verbs.add("version", _version, "Print the version.")

    token = verbs.add("new-token", _new_token, "Make a token for a client.")
    token.add_argument(
        "--file", type=Path, metavar="FILE", help="keep it there, do not print it"
    )


def _add_job_verbs(verbs: Verbs) -> None:
    listing = verbs.add("list", _list, "List jobs, one JSON object a line.")
    listing.add_argument("--all", action="store_true", help="also those that ended")
    listing.add_argument(
        "--queue", type=_queue_name, metavar="JSON", help="only those of this queue"
    )

    job = "a job's ID, or a part of at least 4 characters that no other has"
    verbs.add("info", _info, "Tell what is known of a job.").add_argument(
        "job", metavar="ID", help=job
    )
    verbs.add("cancel", _cancel, "End a job.").add_argument(
        "job", metavar="ID", help=job
    )

    verbs.add(
        "queue-list", _queue_list, "List the queues, or the jobs of one."
    ).add_argument("queue", type=_queue_name, metavar="NAME", nargs="?", help="JSON")
    verbs.add("queue-cancel", _queue_cancel, "End all jobs of a queue.").add_argument(
        "queue", type=_queue_name, metavar="NAME", help="JSON"
    )

    prune = verbs.add("prune-jobs", _prune_jobs, "Forget jobs that ended long ago.")
    prune.add_argument(
        "--age", type=seconds, metavar="DAYS", help="default as configured"
    )


def _add_host_verbs(verbs: Verbs) -> None:
    verbs.add("hosts-list", _hosts_list, "List the hosts that calls may name.")
    verbs.add("hosts-refresh", _hosts_refresh, "Run the registry script now.")


def _start(options: Namespace) -> int:
    # Here, not above: the event loop and the store take their time to load.
    from harpcaller.daemon import run  # noqa: PLC0415 (see above)
    from harpcaller.options import StartOptions  # noqa: PLC0415

    return run(
        StartOptions(
            config=options.config,
            dev=options.dev,
            listen=tuple(options.listen),
            state_dir=options.state_dir,
            socket=options.socket if options.is_socket_given else None,
            pidfile=options.pidfile,
            debug=options.debug,
        )
    )


def _check(options: Namespace) -> int:
    from harpcaller.check import check  # noqa: PLC0415 (as above)
    from harpcaller.options import StartOptions  # noqa: PLC0415

    return check(StartOptions(config=options.config), as_json=options.json)


def _list(options: Namespace) -> int:
    with client_of(options) as client:
        return _show_all(
            pages(
                client, "list_jobs", "jobs", list_all=options.all, queue=options.queue
            )
        )


def _info(options: Namespace) -> int:
    with client_of(options) as client:
        show(ask(client, "job_info", job=options.job)["info"])
    return Exit.OK


def _cancel(options: Namespace) -> int:
    with client_of(options) as client:
        ask(client, "cancel_job", job=options.job)
    return Exit.OK


def _queue_list(options: Namespace) -> int:
    with client_of(options) as client:
        if options.queue is None:
            return _show_all(pages(client, "list_queues", "queues"))
        return _show_all(pages(client, "list_queue", "jobs", queue=options.queue))


def _queue_cancel(options: Namespace) -> int:
    with client_of(options) as client:
        ask(client, "cancel_queue", queue=options.queue)
    return Exit.OK


def _prune_jobs(options: Namespace) -> int:
    max_age_s = None if options.age is None else options.age * _DAY_S
    with client_of(options) as client:
        ask(client, "prune_jobs", max_age=max_age_s)
    return Exit.OK


def _hosts_list(options: Namespace) -> int:
    with client_of(options) as client:
        return _show_all(pages(client, "list_hosts", "hosts"))


def _hosts_refresh(options: Namespace) -> int:
    with client_of(options) as client:
        ask(client, "refresh_hosts")
    return Exit.OK


def _reopen_logs(options: Namespace) -> int:
    with client_of(options) as client:
        ask(client, "reopen_logs")
    return Exit.OK


def _version(_: Namespace) -> int:
    sys.stdout.write(f"harpcallerd {__version__}\n")
    return Exit.OK


def _new_token(options: Namespace) -> int:
    token = new_token()
    if options.file is None:
        sys.stdout.write(f"{token}\n")
    else:
        _write_new(options.file, token)
    sys.stdout.write(f'token_sha256 = "{digest_of(token).hex()}"\n')
    return Exit.OK


def _write_new(path: Path, token: str) -> None:
    """Keep `token` in a new file that only we may read."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{token}\n")
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}") from None


def _show_all(values: Iterable[Any]) -> int:
    for value in values:
        show(value)
    return Exit.OK


def _queue_name(text: str) -> dict[str, Any]:
    """Return the queue's name that an option spells as JSON."""
    try:
        name = json.loads(text)
    except ValueError:
        name = None
    if not isinstance(name, dict):
        raise ArgumentTypeError(f"a queue's name is a JSON object, not {text}")
    return name
