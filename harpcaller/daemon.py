"""The daemon: opens everything, nests the nurseries, and closes in that order."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, nullcontext, suppress

import structlog
import trio

from harpcaller import __version__, renewal
from harpcaller.adapting import open_dispatcher
from harpcaller.admin import Administered, commands
from harpcaller.config import Config, ConfigError
from harpcaller.config.clients import client_tls, identities_of
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.embedded import embedded_worker, print_welcome
from harpcaller.front.listen import Front
from harpcaller.front.sockets import (
    ADMIN,
    CLIENT,
    WEBSOCKET,
    Listening,
    Passed,
    open_listeners,
)
from harpcaller.hosts.refresh import Refresher
from harpcaller.hosts.registry import Host, Registry
from harpcaller.identities.reception import Reception
from harpcaller.logs import LogFile
from harpcaller.renewal import Renewal, Renewed
from harpcaller.reports import Reports
from harpcaller.runners.harp import HarpRunner
from harpcaller.setup import Setup
from harpcaller.store import Full, Opened
from harpcaller.store.sqlite import SqliteStore
from harpcaller.upkeep import prune_for_ever
from harpcaller.web import Served, Web
from indira import server, service
from indira.activation import Activation, ActivationError
from indira.commands import CommandTable, Reply, refusal
from indira.peers import admins
from protocol.job import State

END_S = 10.0  # how long outcomes of stopped jobs may take to become durable
LEAVE_S = 0.8  # how long clients may take to read their last line
log = structlog.get_logger()


class Daemon:
    """One dispatcher process: its parts, and the order in which they end."""

    def __init__(
        self,
        setup: Setup,
        reread: Callable[[], Config],
        log_file: LogFile | None,
        activation: Activation,
    ) -> None:
        self.has_lost_store = False
        self._log_file = log_file
        self._activation = activation
        self._setup = setup
        config = setup.config
        self._renewal = Renewal(config, reread, self._apply)
        self._beside: tuple[Host, ...] = ()  # hosts that no configuration names
        self._registry = Registry(config.hosts)
        self._refresher = Refresher(self._registry, renewal.registry_script(config))
        self._store = SqliteStore(
            config.state_dir,
            reserve_bytes=config.reserve_bytes,
            on_failure=self._lose_store,
        )
        self._reception = Reception(identities_of(config), client_tls(config))
        self._stopping = trio.Event()
        self._listenings: list[Listening] = []
        self._websockets: list[Listening] = []
        self._reports = Reports(config.reporters)
        self._web = Web(config, activation, self._reception)

    async def run(self) -> None:
        """Serve until stopped; everything is closed when this returns."""
        async with AsyncExitStack() as stack:
            config = self._setup.config
            async with service.taking_long("recovering"):
                opened = await self._store.open(
                    "dispatcher", config.max_running, config.max_queued
                )
            stack.push_async_callback(self._store.close)
            await self._refresher.load()
            await self._listen(stack)
            await self._web.open(stack)
            if self._setup.dev:
                worker = embedded_worker(config.state_dir)
                self._beside = (await stack.enter_async_context(worker),)
                self._registry.configure([*config.hosts, *self._beside])
            # Last: who finds the admin socket finds a dispatcher that runs.
            path = self._setup.admin_socket
            taken = self._activation.take_file(ADMIN, str(path))
            self._refuse_left_over()
            admin = await stack.enter_async_context(
                server.listening(path, config.admin_gid, taken)
            )
            pidfile = self._setup.pidfile
            stack.enter_context(service.pid_file(pidfile) if pidfile else nullcontext())
            await self._serve(admin, opened)
        log.info("daemon.stopped")

    async def _listen(self, stack: AsyncExitStack) -> None:
        """Open the sockets of the line protocol, until `stack` ends."""
        config = self._setup.config
        passed = Passed(CLIENT, self._activation)
        self._listenings = await open_listeners(config.listen, passed)
        for listening in self._listenings:
            stack.callback(listening.close)
        passed = Passed(WEBSOCKET, self._activation)
        self._websockets = await open_listeners(config.websocket_listen, passed)
        for listening in self._websockets:
            stack.callback(listening.close)

    def _refuse_left_over(self) -> None:
        """See to it that all sockets that systemd passed are used.

        Raises:
            ActivationError: one is at an address that no setting names.
        """
        left = [str(one) for one in self._activation.left]
        self._activation.close()
        if left:
            lines = (one.address for one in (*self._listenings, *self._websockets))
            ours = [*lines, *self._web.addresses]
            raise ActivationError(
                f"systemd passes {', '.join(left)}, and no setting names that"
                f" address; they name {', '.join(map(str, ours))}"
                f" and the admin socket {self._setup.admin_socket}"
            )

    async def _serve(self, admin_socket: trio.SocketListener, opened: Opened) -> None:
        """Nest the nurseries: the innermost is the first to end."""
        config = self._setup.config
        async with trio.open_nursery() as admin:
            async with trio.open_nursery() as upkeep:
                async with trio.open_nursery() as sessions:
                    async with trio.open_nursery() as jobs:
                        dispatcher = self._open_dispatcher(jobs)
                        front = Front(
                            dispatcher,
                            renewal.terms(config),
                            renewal.caps(config),
                            self._reception,
                        )
                        self._front = front
                        # First: no signal may end who has said that he runs.
                        await self._receive_signals(admin, dispatcher)
                        admin.start_soon(
                            server.serve,
                            admin_socket,
                            self._commands(),
                            admins(config.admin_gid),
                        )
                        admin.start_soon(
                            service.report, self._answer, service.watchdog_s()
                        )
                        self._start_upkeep(upkeep)
                        upkeep.start_soon(front.keep_time)
                        await self._accept(opened, sessions)
                        async with service.taking_long("stopping"):
                            await self._stop_jobs(dispatcher, jobs)
                    front.end_idle()
                    self._web.end()
                    sessions.cancel_scope.deadline = trio.current_time() + LEAVE_S
                await self._reports.finish()
                upkeep.cancel_scope.cancel()
            admin.cancel_scope.cancel()

    async def _accept(self, opened: Opened, sessions: trio.Nursery) -> None:
        """Go on with what there is and let clients in, until it is time to stop."""
        async with trio.open_nursery() as accept:
            self._dispatcher.begin(opened.claims)
            accept.start_soon(self._dispatcher.take_surely)
            accept.start_soon(
                self._front.serve, self._listenings, sessions, self._websockets
            )
            accept.start_soon(self._serve_web, sessions)
            self._tell_ready(opened)
            await self._stopping.wait()
            service.notify(service.STOPPING)
            accept.cancel_scope.cancel()

    async def _serve_web(self, sessions: trio.Nursery) -> None:
        served = Served(
            store=self._store,
            dispatcher=self._dispatcher,
            runner=self._runner,
            front=self._front,
            hosts=self._registry.listing,
            count_reports=self._reports.counts,
        )
        await self._web.serve(served, sessions)

    async def _receive_signals(
        self, admin: trio.Nursery, dispatcher: Dispatcher
    ) -> None:
        await admin.start(service.receive_stops, self.stop, dispatcher.hurry)
        await admin.start(service.receive_each, signal.SIGHUP, self._reload)
        await admin.start(service.receive_each, signal.SIGUSR1, self._reopen_logs)

    async def _answer(self) -> str:
        """Return how we are, if the store answers too."""
        with suppress(Full):  # that is an answer
            await self._store.probe()
        counts = await self._store.counts()
        return f"{counts[State.RUNNING]} running, {counts[State.QUEUED]} waiting"

    async def _reopen_logs(self) -> Reply:
        """Begin a new log file where the old one was moved away."""
        try:
            if self._log_file is not None:
                self._log_file.reopen()
        except OSError as error:
            log.error("log.kept", reason=error.strerror)  # noqa: TRY400 (no bug)
            return refusal(f"{self._config.log_file}: {error.strerror}")
        return {"result": "ok"}

    def stop(self) -> None:
        """Begin to stop: nothing more is accepted, running jobs get their grace."""
        log.info("daemon.stopping")
        self._stopping.set()

    @property
    def _config(self) -> Config:
        """The configuration in force."""
        return self._renewal.config

    async def _reload(self) -> Reply:
        """Go by the configuration as it is now; a mistake in it changes nothing."""
        try:
            with service.reloading():
                needs_restart = await self._renewal.renew()
        except ConfigError as error:
            problems = error.lines()
            log.error("config.refused", problems=problems)  # noqa: TRY400 (no bug)
            return {**refusal("the old configuration is kept"), "errors": [*problems]}
        return {"result": "ok", "needs_restart": [*needs_restart]}

    def _apply(self, renewed: Renewed) -> None:
        config = renewed.config
        self._registry.configure([*config.hosts, *self._beside])
        self._refresher.configure(renewal.registry_script(config))
        self._runner.configure(renewed.tls, config.max_worker_line_bytes)
        self._dispatcher.adapters.configure(config.adapters)
        self._dispatcher.configure(renewal.limits(config), config.max_running)
        self._reception.renew(
            config.identities,
            renewed.client_tls,
            is_required=config.require_identity,
        )
        self._front.configure(renewal.terms(config), renewal.caps(config))
        self._web.configure(config)
        self._reports.configure(config.reporters)

    def _open_dispatcher(self, jobs: trio.Nursery) -> Dispatcher:
        config = self._setup.config
        self._runner = HarpRunner(
            self._registry, renewal.worker_tls(config), config.max_worker_line_bytes
        )
        self._dispatcher = open_dispatcher(
            self._store, self._runner, renewal.limits(config), jobs, time.time
        )
        self._dispatcher.adapters.configure(config.adapters)
        return self._dispatcher

    def _start_upkeep(self, upkeep: trio.Nursery) -> None:
        self._reports.begin(self._dispatcher.feed, upkeep)
        upkeep.start_soon(self._runner.run)
        upkeep.start_soon(self._refresher.run)
        upkeep.start_soon(
            prune_for_ever,
            self._store,
            self._dispatcher.adapters,
            lambda: self._config.max_age_s,
            time.time,
        )

    async def _stop_jobs(self, dispatcher: Dispatcher, jobs: trio.Nursery) -> None:
        grace_s = 0.0 if self.has_lost_store else self._config.stop_grace_s
        with trio.move_on_after(grace_s + END_S):
            await dispatcher.stop(grace_s)
        jobs.cancel_scope.cancel()

    def _lose_store(self, error: BaseException) -> None:
        """Stop: after a failed fsync nobody knows what is on the disk."""
        log.error("store.lost", reason=repr(error))
        self.has_lost_store = True
        self._stopping.set()

    def _tell_ready(self, opened: Opened) -> None:
        told = _told(self._listenings)
        log.info(
            "daemon.started",
            version=__version__,
            listen=told,
            http=[str(address) for address in self._web.addresses],
            websocket=_told(self._websockets),
            lost=opened.lost,
            requeued=opened.requeued,
        )
        service.notify(service.READY)
        if self._setup.dev:
            print_welcome(told)

    def _commands(self) -> CommandTable:
        dispatcher = self._dispatcher
        return commands(
            Administered(
                store=self._store,
                cancel=dispatcher.cancel,
                cancel_queue=dispatcher.cancel_queue,
                list_hosts=self._registry.listing,
                refresh_hosts=self._refresher.refresh_now,
                status=self._status,
                stop=self.stop,
                reload=self._reload,
                reopen_logs=self._reopen_logs,
                dispatcher=dispatcher,
                max_running=lambda: self._config.max_running,
                max_age_s=lambda: self._config.max_age_s,
                limits=lambda: renewal.told_limits(self._config),
                connections=self._front.clients.told,
                count_connections=lambda: len(self._front.clients),
            )
        )

    async def _status(self, wait: bool) -> Reply:
        return {
            "result": "running",
            "pid": os.getpid(),
            "version": __version__,
            "listen": [*_told(self._listenings)],
            "http": [str(address) for address in self._web.addresses],
            "websocket": [*_told(self._websockets)],
            "reporters": self._reports.told(),
        }


def _told(listenings: Sequence[Listening]) -> list[str]:
    return [str(listening.address) for listening in listenings]
