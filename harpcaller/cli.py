"""harpcallerd: starts the dispatcher, and asks one that runs.

The admin verbs load no event loop: they have to answer at once.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harpcaller import __version__
from harpcaller.ages import age, days
from harpcaller.identities.tokens import digest_of, new_token
from harpcaller.upkeep_verbs import add_upkeep_verbs
from indira.cli import CommandFailed, Exit, Verbs, add_json, ask, pages, show, show_all
from indira.client import AdminClient, NotRunning
from indira.completing import add_complete
from indira.verbs import add_reload, add_status, add_stop, client_of, told

_PAGE_LENGTH = 100  # of a list, unless fewer are asked for
_MAX_DAYS = 36500  # of a certificate: longer does not fit into its dates


def main(argv: list[str] | None = None) -> int:
    """Carry out one command line; return the exit code."""
    return command_line().run(argv)


def command_line() -> Verbs:
    """Return all verbs with their options."""
    verbs = Verbs("harpcallerd", "harpcaller", "The HarpCaller call dispatcher.")
    _add_daemon_verbs(verbs)
    _add_job_verbs(verbs)
    _add_host_verbs(verbs)
    add_upkeep_verbs(verbs, _queue_name)
    add_complete(verbs, {"hosts": _host_names, "jobs": _job_ids, "queues": _queues})
    return verbs


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
    version = verbs.add("version", _version, "Print the version.")
    add_json(version, "an object, with the running dispatcher's too")
    for name in ("dist-erl-start", "dist-erl-stop"):
        verbs.add(name, _dist_erl, "Not applicable: there is no Erlang here.")

    token = verbs.add("new-token", _new_token, "Make a token for a client.")
    token.add_argument(
        "--file", type=Path, metavar="FILE", help="keep it there, do not print it"
    )
    _add_gen_certs(verbs)


def _add_gen_certs(verbs: Verbs) -> None:
    certs = verbs.add("gen-certs", _gen_certs, "Make certificates for a laboratory.")
    certs.add_argument("directory", type=Path, metavar="DIR", help="where they go")
    certs.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="HOST",
        help="a worker or dispatcher; may be repeated, default localhost",
    )
    certs.add_argument(
        "--client",
        action="append",
        default=[],
        metavar="NAME",
        help="a client; may be repeated",
    )
    certs.add_argument(
        "--days", type=_count, default=365, metavar="N", help="how long; default 365"
    )


def _add_job_verbs(verbs: Verbs) -> None:
    listing = verbs.add("list", _list, "List jobs, one JSON object a line.")
    listing.add_argument("--all", action="store_true", help="also those that ended")
    listing.add_argument(
        "--queue", type=_queue_name, metavar="JSON", help="only those of this queue"
    )
    listing.add_argument("--state", choices=("queued", "running", "ended"))
    listing.add_argument("--host", metavar="NAME", help="only calls of this host")
    listing.add_argument("--procedure", metavar="NAME", help="only of this one")
    listing.add_argument("--label", metavar="TEXT", help="only what adapters call so")
    listing.add_argument(
        "--older-than", type=age, metavar="AGE", help="such as 90s, 15m, 2h, 3d"
    )
    listing.add_argument(
        "--newer-than", type=age, metavar="AGE", help="submitted since then"
    )
    listing.add_argument("--limit", type=_count, metavar="N", help="so many at most")
    add_json(listing, "the same: they are JSON")

    job = "a job's ID, or a part of at least 4 characters that no other has"
    info = verbs.add("info", _info, "Tell what is known of a job.")
    info.add_argument("job", metavar="ID", help=job)
    add_json(info, "the same: it is JSON")
    cancel = verbs.add("cancel", _cancel, "End a job.")
    cancel.add_argument("job", metavar="ID", help=job)
    add_json(cancel, "an object with the job's ID")

    queues = verbs.add("queue-list", _queue_list, "List the queues, or one's jobs.")
    queues.add_argument(
        "queue", type=_queue_name, metavar="NAME", nargs="?", help="JSON"
    )
    add_json(queues, "all that is known of each queue, pauses too")
    emptied = verbs.add("queue-cancel", _queue_cancel, "End all jobs of a queue.")
    emptied.add_argument("queue", type=_queue_name, metavar="NAME", help="JSON")
    add_json(emptied, "an object with how many there were")

    prune = verbs.add("prune-jobs", _prune_jobs, "Forget jobs that ended long ago.")
    prune.add_argument("--age", type=days, metavar="DAYS", help="default as configured")
    add_json(prune, "an object with how many there were")


def _add_host_verbs(verbs: Verbs) -> None:
    hosts = verbs.add("hosts-list", _hosts_list, "List the hosts that calls may name.")
    add_json(hosts, "the same: they are JSON")
    refresh = verbs.add("hosts-refresh", _hosts_refresh, "Run the registry script now.")
    add_json(refresh, "an object with how many there are")


def _start(options: Namespace) -> int:
    # Here, not above: the event loop and the store take their time to load.
    from harpcaller.addresses import read_listen_address  # noqa: PLC0415 (see above)
    from harpcaller.options import StartOptions  # noqa: PLC0415
    from harpcaller.start import start  # noqa: PLC0415 (see above)

    for text in options.listen:
        try:
            read_listen_address(text)
        except ValueError as error:
            raise CommandFailed(f"--listen: {text}: {error}", Exit.USAGE) from None
    return start(
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
    length = None if options.limit is None else min(options.limit, _PAGE_LENGTH)
    with client_of(options) as client:
        listed = pages(
            client,
            "list_jobs",
            "jobs",
            list_all=options.all,
            queue=options.queue,
            state=options.state,
            host=options.host,
            procedure=options.procedure,
            label=options.label,
            older_than=options.older_than,
            newer_than=options.newer_than,
            limit=length,
        )
        return show_all(itertools.islice(listed, options.limit))


def _info(options: Namespace) -> int:
    with client_of(options) as client:
        show(ask(client, "job_info", job=options.job)["info"])
    return Exit.OK


def _cancel(options: Namespace) -> int:
    with client_of(options) as client:
        return told(options, ask(client, "cancel_job", job=options.job))


def _queue_list(options: Namespace) -> int:
    with client_of(options) as client:
        if options.queue is None:
            details = options.json or None
            return show_all(pages(client, "list_queues", "queues", details=details))
        return show_all(pages(client, "list_queue", "jobs", queue=options.queue))


def _queue_cancel(options: Namespace) -> int:
    with client_of(options) as client:
        return told(options, ask(client, "cancel_queue", queue=options.queue))


def _prune_jobs(options: Namespace) -> int:
    with client_of(options) as client:
        return told(options, ask(client, "prune_jobs", max_age=options.age))


def _hosts_list(options: Namespace) -> int:
    with client_of(options) as client:
        return show_all(pages(client, "list_hosts", "hosts"))


def _hosts_refresh(options: Namespace) -> int:
    with client_of(options) as client:
        return told(options, ask(client, "refresh_hosts"))


def _host_names(client: AdminClient) -> Iterator[str]:
    for host in pages(client, "list_hosts", "hosts"):
        yield host["hostname"]


def _job_ids(client: AdminClient) -> Iterator[str]:
    for job in pages(client, "list_jobs", "jobs"):
        yield job["job"]


def _queues(client: AdminClient) -> Iterator[str]:
    for name in pages(client, "list_queues", "queues"):
        # A word for every shell: JSON may spell a space so, too.
        yield json.dumps(name, separators=(",", ":")).replace(" ", "\\u0020")


def _version(options: Namespace) -> int:
    if not options.json:
        sys.stdout.write(f"harpcallerd {__version__}\n")
        return Exit.OK
    try:
        with client_of(options) as client:
            running = client.send("status")["version"]
    except NotRunning:
        running = None
    show({"version": __version__, "running": running})
    return Exit.OK


def _reopen_logs(options: Namespace) -> int:
    with client_of(options) as client:
        ask(client, "reopen_logs")
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


def _gen_certs(options: Namespace) -> int:
    if options.days > _MAX_DAYS:
        raise CommandFailed(f"--days: at most {_MAX_DAYS}", Exit.USAGE)
    try:
        from harpcaller import certs  # noqa: PLC0415 (an extra; most do without)
    except ImportError as error:
        raise CommandFailed(
            "gen-certs needs the Python package cryptography:"
            f" pip install 'harpcaller[certs]' ({error})"
        ) from None
    wanted = certs.Wanted(
        hosts=options.name or ["localhost"], clients=options.client, days=options.days
    )
    try:
        files = certs.generate(options.directory, wanted)
    except certs.WrongName as error:
        raise CommandFailed(str(error), Exit.USAGE) from None
    except OSError as error:
        where = error.filename or options.directory
        raise CommandFailed(f"{where}: {error.strerror}") from None
    sys.stdout.write("".join(f"{file}\n" for file in files))
    return Exit.OK


def _dist_erl(options: Namespace) -> int:
    raise CommandFailed(
        f"{options.verb}: not applicable, there is no Erlang here", Exit.USAGE
    )


def _count(text: str) -> int:
    """Return the number of at least 1 that an option spells."""
    if (
        not (text.isascii() and text.isdigit())
        or not 0 < len(text) < 10
        or not int(text)
    ):
        raise ArgumentTypeError(f"expected a number, 1 or more, not {text}")
    return int(text)


def _queue_name(text: str) -> dict[str, Any]:
    """Return the queue's name that an option spells as JSON."""
    try:
        name = json.loads(text)
    except ValueError:
        name = None
    if not isinstance(name, dict):
        raise ArgumentTypeError(f"a queue's name is a JSON object, not {text}")
    return name
