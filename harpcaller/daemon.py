"""The daemon: opens everything, nests the nurseries, and closes in that order."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, nullcontext

import structlog
import trio

from harpcaller import __version__, descriptors, interpreter, logs
from harpcaller.admin import Administered, commands
from harpcaller.config import Config, ConfigError
from harpcaller.dispatch.dispatcher import Dispatcher, Limits
from harpcaller.embedded import WorkerFailed, embedded_worker, print_welcome
from harpcaller.front.conversation import Bounds
from harpcaller.front.listen import (
    Caps,
    Front,
    Listening,
    default_max_connections,
    open_listeners,
)
from harpcaller.front.session import Terms
from harpcaller.hosts.refresh import Refresher, RegistryScript
from harpcaller.hosts.registry import Registry
from harpcaller.options import StartOptions
from harpcaller.runners.harp import HarpRunner
from harpcaller.runners.tls import WorkerTls
from harpcaller.setup import Setup, read_setup
from harpcaller.store import Opened, StoreError
from harpcaller.store.sqlite import SqliteStore
from harpcaller.upkeep import prune_for_ever
from indira import server, service
from indira.commands import CommandTable, Reply
from indira.peers import admins
from indira.unixsocket import SocketTaken
from protocol.jsontext import MAX_DEPTH
from protocol.replies import HelloLimits

END_S = 10.0  # how long outcomes of stopped jobs may take to become durable
LEAVE_S = 0.8  # how long clients may take to read their last line
EX_OK, EX_FAILED, EX_IOERR = 0, 1, 74  # sysexits(3)

log = structlog.get_logger()


def run(options: StartOptions) -> int:
    """Run the dispatcher until it is stopped; return the exit code."""
    try:
        setup = read_setup(options)
    except ConfigError as error:
        sys.stderr.write(f"harpcallerd: {error}\n")
        return EX_FAILED
    logs.configure(debug=setup.debug)
    os.umask(0o077)
    descriptors.raise_limit()
    interpreter.settle()
    for warning in setup.config.warnings:
        log.warning("config.doubtful", warning=warning)
    daemon = Daemon(setup)
    has_failed = False
    try:
        trio.run(daemon.run)
    except* (OSError, SocketTaken, StoreError, WorkerFailed) as group:
        has_failed = True
        for leaf in _leaves(group):
            log.error("daemon.failed", reason=str(leaf))  # noqa: TRY400 (no bug)
    if daemon.has_lost_store:
        return EX_IOERR
    return EX_FAILED if has_failed else EX_OK


class Daemon:
    """One dispatcher process: its parts, and the order in which they end."""

    def __init__(self, setup: Setup) -> None:
        self.has_lost_store = False
        self._setup = setup
        config = setup.config
        self._registry = Registry(config.hosts)
        self._refresher = Refresher(self._registry, _script(config))
        self._store = SqliteStore(
            config.state_dir,
            reserve_bytes=config.reserve_bytes,
            on_failure=self._lose_store,
        )
        self._stopping = trio.Event()
        self._dispatcher: Dispatcher | None = None
        self._listenings: list[Listening] = []

    async def run(self) -> None:
        """Serve until stopped; everything is closed when this returns."""
        async with AsyncExitStack() as stack:
            config = self._setup.config
            opened = await self._store.open(
                "dispatcher", config.max_running, config.max_queued
            )
            stack.push_async_callback(self._store.close)
            await self._refresher.load()
            self._listenings = await open_listeners(config.listen)
            for listening in self._listenings:
                stack.callback(listening.close)
            if self._setup.dev:
                worker = embedded_worker(config.state_dir)
                host = await stack.enter_async_context(worker)
                self._registry.configure([*config.hosts, host])
            # Last: who finds the admin socket finds a dispatcher that runs.
            admin = await stack.enter_async_context(
                server.listening(self._setup.admin_socket, config.admin_gid)
            )
            pidfile = self._setup.pidfile
            stack.enter_context(service.pid_file(pidfile) if pidfile else nullcontext())
            await self._serve(admin, opened)
        log.info("daemon.stopped")

    async def _serve(self, admin_socket: trio.SocketListener, opened: Opened) -> None:
        """Nest the nurseries: the innermost is the first to end."""
        config = self._setup.config
        async with trio.open_nursery() as admin:
            async with trio.open_nursery() as upkeep:
                async with trio.open_nursery() as sessions:
                    async with trio.open_nursery() as jobs:
                        dispatcher = self._open_dispatcher(jobs)
                        front = Front(dispatcher, _terms(config), _caps(config))
                        admin.start_soon(
                            server.serve,
                            admin_socket,
                            self._commands(),
                            admins(config.admin_gid),
                        )
                        admin.start_soon(
                            service.receive_stops, self.stop, dispatcher.hurry
                        )
                        self._start_upkeep(upkeep)
                        upkeep.start_soon(front.keep_time)
                        async with trio.open_nursery() as accept:
                            dispatcher.begin(opened.claims)
                            await dispatcher.take()
                            accept.start_soon(front.serve, self._listenings, sessions)
                            self._tell_ready(opened)
                            await self._stopping.wait()
                            service.notify(service.STOPPING)
                            accept.cancel_scope.cancel()
                        await self._stop_jobs(dispatcher, jobs)
                    front.end_idle()
                    sessions.cancel_scope.deadline = trio.current_time() + LEAVE_S
                upkeep.cancel_scope.cancel()
            admin.cancel_scope.cancel()

    def stop(self) -> None:
        """Begin to stop: nothing more is accepted, running jobs get their grace."""
        log.info("daemon.stopping")
        self._stopping.set()

    def _open_dispatcher(self, jobs: trio.Nursery) -> Dispatcher:
        config = self._setup.config
        tls = WorkerTls.load(
            ca_file=config.ca_file,
            known_certs_file=config.known_certs_file,
            verify_hostname=config.verify_hostname,
        )
        self._runner = HarpRunner(self._registry, tls, config.max_worker_line_bytes)
        self._dispatcher = Dispatcher(
            self._store,
            self._runner,
            Limits(
                default_timeout_s=config.default_timeout_s,
                max_exec_s=config.max_exec_s,
            ),
            jobs,
            time.time,
        )
        return self._dispatcher

    def _start_upkeep(self, upkeep: trio.Nursery) -> None:
        upkeep.start_soon(self._runner.run)
        upkeep.start_soon(self._refresher.run)
        upkeep.start_soon(
            prune_for_ever, self._store, self._setup.config.max_age_s, time.time
        )

    async def _stop_jobs(self, dispatcher: Dispatcher, jobs: trio.Nursery) -> None:
        grace_s = 0.0 if self.has_lost_store else self._setup.config.stop_grace_s
        with trio.move_on_after(grace_s + END_S):
            await dispatcher.stop(grace_s)
        jobs.cancel_scope.cancel()

    def _lose_store(self, error: BaseException) -> None:
        """Stop: after a failed fsync nobody knows what is on the disk."""
        log.error("store.lost", reason=repr(error))
        self.has_lost_store = True
        self._stopping.set()

    def _tell_ready(self, opened: Opened) -> None:
        told = [str(listening.address) for listening in self._listenings]
        log.info(
            "daemon.started",
            version=__version__,
            listen=told,
            lost=opened.lost,
            requeued=opened.requeued,
        )
        service.notify(service.READY)
        if self._setup.dev:
            print_welcome(told)

    def _commands(self) -> CommandTable:
        dispatcher = self._dispatcher
        assert dispatcher is not None  # noqa: S101 (opened before)
        return commands(
            Administered(
                store=self._store,
                cancel=dispatcher.cancel,
                cancel_queue=dispatcher.cancel_queue,
                list_hosts=self._registry.listing,
                refresh_hosts=self._refresher.refresh_now,
                status=self._status,
                stop=self.stop,
                dispatcher=dispatcher,
                max_running=self._setup.config.max_running,
                max_age_s=self._setup.config.max_age_s,
            )
        )

    async def _status(self, wait: bool) -> Reply:
        return {
            "result": "running",
            "pid": os.getpid(),
            "version": __version__,
            "listen": [str(listening.address) for listening in self._listenings],
        }


def _script(config: Config) -> RegistryScript | None:
    if config.host_db_script is None:
        return None
    return RegistryScript(
        path=config.host_db_script,
        cache=config.host_cache,
        every_s=config.host_db_refresh_s,
        timeout_s=config.host_db_timeout_s,
    )


def _terms(config: Config) -> Terms:
    bounds = Bounds(
        max_line_bytes=config.max_line_bytes,
        max_pending=config.max_pending,
        first_line_s=config.first_line_s,
        linger_s=config.linger_s,
        idle_s=config.idle_s,
    )
    hello = HelloLimits(
        max_line_bytes=config.max_line_bytes,
        max_depth=MAX_DEPTH,
        max_pending=config.max_pending,
        timeout_s=config.default_timeout_s,
        max_exec_s=config.max_exec_s,
    )
    return Terms(bounds=bounds, hello=hello, send_timeout_s=config.send_timeout_s)


def _caps(config: Config) -> Caps:
    return Caps(
        max_connections=config.max_connections
        or default_max_connections(config.max_running),
        max_per_peer=config.max_connections_per_peer,
    )


def _leaves(group: BaseExceptionGroup[BaseException]) -> Sequence[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves
