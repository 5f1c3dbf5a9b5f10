"""The verbs for the days of maintenance, and for a look; they load no event loop."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from indira.cli import (
    CommandFailed,
    Exit,
    Verbs,
    add_json,
    ask,
    pages,
    show,
    show_all,
)
from indira.verbs import client_of, told


def add_upkeep_verbs(verbs: Verbs, queue_name: Callable[[str], Any]) -> None:
    """Add what keeps a dispatcher well, and what tells how it is."""
    drain = verbs.add("drain", _drain, "Accept and start nothing; what runs goes on.")
    drain.add_argument("--wait", action="store_true", help="until nothing runs")
    add_json(drain, "objects: progress, then how many run")
    resume = verbs.add("resume", _resume, "Accept and start again after a drain.")
    add_json(resume, "an object")
    for name, command, text in (
        ("queue-pause", "pause_queue", "Start no job of a queue until it is resumed."),
        ("queue-resume", "resume_queue", "Start the jobs of a paused queue again."),
    ):
        pause = verbs.add(name, _pause, text)
        pause.add_argument("queue", type=queue_name, metavar="NAME", help="JSON")
        pause.set_defaults(command=command)
        add_json(pause, "an object")
    backup = verbs.add("backup", _backup, "Copy all jobs to a new file.")
    backup.add_argument("path", type=Path, metavar="FILE", help="it must not exist")
    add_json(backup, "objects: progress, then the path")
    check = verbs.add("check-store", _check_store, "Look for damage, a fault a line.")
    check.add_argument(
        "--state-dir", type=Path, metavar="DIR", help="of a dispatcher that is stopped"
    )
    add_json(check, "each fault as an object")
    limits = verbs.add("limits", _limits, "Tell the limits in force, and their use.")
    add_json(limits, "an object")
    connections = verbs.add("connections", _connections, "List who is connected.")
    add_json(connections, "the same: they are JSON")


def _drain(options: Namespace) -> int:
    with client_of(options) as client:
        return told(options, ask(client, "drain", wait=options.wait))


def _resume(options: Namespace) -> int:
    with client_of(options) as client:
        return told(options, ask(client, "resume"))


def _pause(options: Namespace) -> int:
    with client_of(options) as client:
        return told(options, ask(client, options.command, queue=options.queue))


def _backup(options: Namespace) -> int:
    with client_of(options) as client:
        return told(options, ask(client, "backup", path=str(options.path.absolute())))


def _check_store(options: Namespace) -> int:
    if options.state_dir is not None:
        return _tell_faults(options, _check_stopped(options.state_dir))
    with client_of(options) as client:
        return _tell_faults(options, ask(client, "check_store")["faults"])


def _check_stopped(state_dir: Path) -> list[dict[str, Any]]:
    # Here, not above: the store takes its time to load.
    from harpcaller.store import StoreError  # noqa: PLC0415 (see above)
    from harpcaller.store.sqlite.upkeep import check_directory  # noqa: PLC0415

    try:
        faults = check_directory(state_dir)
    except (OSError, StoreError) as error:
        raise CommandFailed(str(error)) from error
    return [{"message": fault.message, "job": fault.job_id} for fault in faults]


def _tell_faults(options: Namespace, faults: Iterable[Mapping[str, Any]]) -> int:
    code = Exit.OK
    for fault in faults:
        code = Exit.FAILED
        if options.json:
            show(fault)
        else:
            job = "" if fault["job"] is None else f"job {fault['job']}: "
            sys.stdout.write(f"{job}{fault['message']}\n")
    return code


def _limits(options: Namespace) -> int:
    with client_of(options) as client:
        limits = ask(client, "limits")["limits"]
    if options.json:
        show(limits)
    else:
        sys.stdout.write("".join(f"{name} {limits[name]}\n" for name in limits))
    return Exit.OK


def _connections(options: Namespace) -> int:
    with client_of(options) as client:
        return show_all(pages(client, "connections", "connections"))
