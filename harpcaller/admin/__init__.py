"""What the dispatcher does for its administrator, command by command.

Lists come in pages, so that neither side ever holds all of a million jobs.
"""

from __future__ import annotations

import os
import time
from functools import partial

import attrs

from harpcaller.admin.look import look_commands
from harpcaller.admin.paging import PAGE, page_length
from harpcaller.admin.parts import Administered
from harpcaller.admin.upkeep import upkeep_commands
from harpcaller.listing import (
    find,
    info_text,
    job_text,
    list_text,
    page_of_hosts,
    queue_text,
    read_live_page,
    read_page,
    read_queues,
)
from harpcaller.store import JobFilter, QueueHead
from indira.commands import (
    Arguments,
    Command,
    CommandTable,
    Kind,
    Parameter,
    Reply,
    refusal,
)
from protocol.fields import refuse
from protocol.job import JobRecord, State
from protocol.jsontext import JsonText, JsonValue, canonical

__all__ = ["Administered", "commands"]

MIN_ID_PART = 4
MAX_CANDIDATES = 10
_NO_ERLANG = "not applicable: there is no Erlang here"

_JOB = Parameter(
    name="job",
    kind=Kind.TEXT,
    help="A job's ID, or any part of it that no other has.",
    is_required=True,
)
_QUEUE = Parameter(
    name="queue", kind=Kind.OBJECT, help="A queue's name.", is_required=True
)
_DETAILS = Parameter(
    name="details",
    kind=Kind.FLAG,
    help="Objects with all that is known of each, not its name alone.",
    default=False,
)
_WAIT = Parameter(
    name="wait", kind=Kind.FLAG, help="Answer once it runs.", default=False
)
_LIST_ALL = Parameter(
    name="list_all",
    kind=Kind.FLAG,
    help="Also those that have ended.",
    default=False,
)
_FILTERS = (
    Parameter(name="state", kind=Kind.TEXT, help="queued, running or ended."),
    Parameter(name="host", kind=Kind.TEXT, help="The host that was called."),
    Parameter(name="procedure", kind=Kind.TEXT, help="What was called there."),
    Parameter(name="label", kind=Kind.TEXT, help="What an adapter calls it."),
    Parameter(name="older_than", kind=Kind.AGE, help="Submitted before that."),
    Parameter(name="newer_than", kind=Kind.AGE, help="Submitted since."),
)


def commands(daemon: Administered) -> CommandTable:
    """Return all that an administrator may ask of `daemon`."""
    return CommandTable(
        [
            *_daemon_commands(daemon),
            *_job_commands(daemon),
            *_queue_commands(daemon),
            *upkeep_commands(daemon),
            *look_commands(daemon),
            *_erlang_commands(),
        ]
    )


def _daemon_commands(daemon: Administered) -> list[Command]:
    return [
        Command(
            name="status",
            help="Tell whether the dispatcher runs, and where it listens.",
            run=partial(_status, daemon),
            parameters=(_WAIT,),
        ),
        Command(
            name="stop",
            help="Stop: running jobs get their grace, waiting ones stay queued.",
            run=partial(_stop, daemon),
        ),
        Command(
            name="reload_config",
            help="Read the configuration again; what runs goes on.",
            run=partial(_reload_config, daemon),
        ),
        Command(
            name="reopen_logs",
            help="Begin a new log file where the old one was moved away.",
            run=partial(_reopen_logs, daemon),
        ),
        Command(
            name="list_hosts",
            help="List the hosts that calls may name.",
            run=partial(_list_hosts, daemon),
            parameters=PAGE,
        ),
        Command(
            name="refresh_hosts",
            help="Run the registry script now.",
            run=partial(_refresh_hosts, daemon),
        ),
    ]


def _job_commands(daemon: Administered) -> list[Command]:
    return [
        Command(
            name="list_jobs",
            help="List the jobs that wait or run, oldest first.",
            run=partial(_list_jobs, daemon),
            parameters=(
                _LIST_ALL,
                attrs.evolve(_QUEUE, is_required=False),
                *_FILTERS,
                *PAGE,
            ),
        ),
        Command(
            name="job_info",
            help="Tell what is known of a job.",
            run=partial(_job_info, daemon),
            parameters=(_JOB,),
        ),
        Command(
            name="cancel_job",
            help="End a job that waits or runs.",
            run=partial(_cancel_job, daemon),
            parameters=(_JOB,),
        ),
    ]


def _queue_commands(daemon: Administered) -> list[Command]:
    return [
        Command(
            name="list_queues",
            help="List the names of the queues.",
            run=partial(_list_queues, daemon),
            parameters=(_DETAILS, *PAGE),
        ),
        Command(
            name="list_queue",
            help="List the jobs of a queue.",
            run=partial(_list_queue, daemon),
            parameters=(_QUEUE, *PAGE),
        ),
        Command(
            name="cancel_queue",
            help="End all jobs of a queue.",
            run=partial(_cancel_queue, daemon),
            parameters=(_QUEUE,),
        ),
    ]


def _erlang_commands() -> list[Command]:
    """Return what the original's clients may ask for, and is not to be had."""
    return [
        Command(name=name, help="Not applicable.", run=_refuse_erlang)
        for name in ("dist_start", "dist_stop")
    ]


async def _refuse_erlang(_: Arguments) -> Reply:
    return refusal(_NO_ERLANG)


async def _status(daemon: Administered, arguments: Arguments) -> Reply:
    status = await daemon.status(arguments.flag("wait"))
    return {**status, "draining": daemon.dispatcher.is_draining}


async def _stop(daemon: Administered, _: Arguments) -> Reply:
    daemon.stop()
    return {"result": "ok", "pid": os.getpid()}


async def _reload_config(daemon: Administered, _: Arguments) -> Reply:
    return await daemon.reload()


async def _reopen_logs(daemon: Administered, _: Arguments) -> Reply:
    return await daemon.reopen_logs()


async def _list_hosts(daemon: Administered, arguments: Arguments) -> Reply:
    hosts, after = page_of_hosts(
        daemon.list_hosts(), arguments.text("after"), page_length(arguments)
    )
    return {"result": "ok", "hosts": list(hosts), "after": after}


async def _refresh_hosts(daemon: Administered, _: Arguments) -> Reply:
    refreshed = await daemon.refresh_hosts()
    if not refreshed.problems:
        return {"result": "ok", "count": refreshed.count}
    problems = "; ".join(refreshed.problems)
    return refusal(f"the old list of {refreshed.count} hosts is kept: {problems}")


async def _list_jobs(daemon: Administered, arguments: Arguments) -> Reply:
    where = _filter(arguments)
    is_live = where.state is None and not arguments.flag("list_all")
    read = read_live_page if is_live else read_page
    after, limit = arguments.text("after"), page_length(arguments)
    page = await read(daemon.store, where, after, limit)
    texts = list_text([job_text(job) for job in page.jobs])
    return {"result": "ok", "jobs": texts, "after": page.after}


def _filter(arguments: Arguments) -> JobFilter:
    name, state, now = arguments.object("queue"), arguments.text("state"), time.time()
    if state is not None and state not in set(State):
        refuse("state", '"queued", "running" or "ended"')
    older, newer = arguments.seconds("older_than"), arguments.seconds("newer_than")
    return JobFilter(
        state=None if state is None else State(state),
        host=arguments.text("host"),
        procedure=arguments.text("procedure"),
        label=arguments.text("label"),
        queue=None if name is None else canonical(name),
        submitted_before=None if older is None else now - older,
        submitted_after=None if newer is None else now - newer,
    )


async def _list_queue(daemon: Administered, arguments: Arguments) -> Reply:
    where = JobFilter(queue=_queue_name(arguments))
    after, limit = arguments.text("after"), page_length(arguments)
    page = await read_live_page(daemon.store, where, after, limit)
    entries = [
        b'{"running":%b,%b'
        % (b"true" if job.state is State.RUNNING else b"false", job_text(job)[1:])
        for job in page.jobs
    ]
    return {"result": "ok", "jobs": list_text(entries), "after": page.after}


async def _job_info(daemon: Administered, arguments: Arguments) -> Reply:
    found = await _find(daemon, arguments)
    if isinstance(found, JobRecord):
        return {"result": "ok", "info": info_text(found)}
    return found


async def _cancel_job(daemon: Administered, arguments: Arguments) -> Reply:
    found = await _find(daemon, arguments)
    if not isinstance(found, JobRecord):
        return found
    if await daemon.cancel(found.job_id):
        return {"result": "ok", "job": found.job_id}
    return {"result": "no_such_job", "message": f"job {found.job_id} has ended before"}


async def _list_queues(daemon: Administered, arguments: Arguments) -> Reply:
    after, limit = arguments.text("after"), page_length(arguments)
    page = await read_queues(daemon.store, after, limit)
    tell = queue_text if arguments.flag("details") else _queue_name_text
    texts = list_text([tell(queue) for queue in page.queues])
    return {"result": "ok", "queues": texts, "after": page.after}


def _queue_name_text(queue: QueueHead) -> JsonText:
    return queue.name


async def _cancel_queue(daemon: Administered, arguments: Arguments) -> Reply:
    cancelled = await daemon.cancel_queue(_queue_name(arguments))
    return {"result": "ok", "cancelled": cancelled}


async def _find(daemon: Administered, arguments: Arguments) -> JobRecord | Reply:
    """Return the one job that was meant, else what to answer."""
    text = arguments.text("job") or ""
    if len(text.replace("-", "")) < MIN_ID_PART:
        return refusal(f"a part of a job ID has at least {MIN_ID_PART} characters")
    found = await find(daemon.store, text, MAX_CANDIDATES + 1)
    if not found:
        message = f'no job with the ID "{text[:80]}"'
        return {"result": "no_such_job", "message": message}
    if len(found) == 1:
        return found[0]
    message = f'"{text}" is part of several job IDs'
    if len(found) > MAX_CANDIDATES:
        message += f", the first {MAX_CANDIDATES} of them"
    candidates: list[JsonValue] = [job.job_id for job in found[:MAX_CANDIDATES]]
    return {**refusal(message + ":"), "candidates": candidates}


def _queue_name(arguments: Arguments) -> JsonText:
    return canonical(arguments.object("queue"))
