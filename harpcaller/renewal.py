"""Reading the configuration again while calls run: what is new holds from then on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import structlog
import trio

from harpcaller.config import Config, ConfigError, Problem
from harpcaller.config.clients import client_tls, complain_of_listeners
from harpcaller.dispatch.limits import Limits
from harpcaller.front.conversation import Bounds
from harpcaller.front.listen import Caps, default_max_connections
from harpcaller.front.session import Terms
from harpcaller.hosts.refresh import RegistryScript
from harpcaller.identities.tls import CertificateError, ClientTls
from harpcaller.runners.tls import TrustError, WorkerTls
from protocol.jsontext import MAX_DEPTH, JsonValue
from protocol.replies import HelloLimits

AT_START = {  # fields of Config that a reload leaves as they are: their keys
    "listen": "listen",
    "state_dir": "state_dir",
    "reserve_bytes": "reserve_bytes",
    "max_queued": "max_queued",
    "log_file": "log_file",
    "admin_gid": "admin_group",
    "http_listen": "http.listen",
    "websocket_listen": "websocket.listen",
    "http_min_free_bytes": "http.min_free_bytes",
}

log = structlog.get_logger()


@attrs.frozen
class Renewed:
    """A configuration, and what was loaded of the files that it names."""

    config: Config
    tls: WorkerTls
    client_tls: ClientTls | None


class Renewal:
    """Owns the configuration in force; `apply` makes a new one hold, without waiting.

    `reread` returns the configuration anew, as a start would.
    """

    def __init__(
        self,
        config: Config,
        reread: Callable[[], Config],
        apply: Callable[[Renewed], None],
    ) -> None:
        self.config = config
        self._reread = reread
        self._apply = apply
        self._lock = trio.Lock()

    async def renew(self) -> Sequence[str]:
        """Go by the configuration as it is now; return the keys that need a restart.

        Raises:
            ConfigError: something is wrong with it, and nothing has changed.
        """
        async with self._lock:
            renewed, left = await trio.to_thread.run_sync(self._load)
            config = renewed.config
            self._apply(renewed)
            self.config = config
        for warning in config.warnings:
            log.warning("config.doubtful", warning=warning)
        log.info("config.reloaded", needs_restart=left)
        return left

    def _load(self) -> tuple[Renewed, list[str]]:
        fresh = self._reread()
        kept = {name: getattr(self.config, name) for name in AT_START}
        left = [key for name, key in AT_START.items() if _differ(fresh, kept, name)]
        config = attrs.evolve(fresh, **kept)
        # The listeners stay, and what protected them must not go.
        problems = complain_of_listeners(config)
        if problems:
            raise ConfigError(config.source, problems)
        try:
            return Renewed(config, worker_tls(config), client_tls(config)), left
        except (TrustError, CertificateError) as error:
            # A file was changed after it was looked at.
            problem = Problem(key=error.key, message=str(error))
            raise ConfigError(config.source, [problem]) from None


def _differ(config: Config, kept: Mapping[str, Any], name: str) -> bool:
    return bool(getattr(config, name) != kept[name])


def worker_tls(config: Config) -> WorkerTls:
    """Return how workers are believed.

    Raises:
        TrustError: a file of certificates cannot be used.
    """
    return WorkerTls.load(
        ca_file=config.ca_file,
        known_certs_file=config.known_certs_file,
        verify_hostname=config.verify_hostname,
    )


def registry_script(config: Config) -> RegistryScript | None:
    """Return the script that lists hosts, if there is one."""
    if config.host_db_script is None:
        return None
    return RegistryScript(
        path=config.host_db_script,
        cache=config.host_cache,
        every_s=config.host_db_refresh_s,
        timeout_s=config.host_db_timeout_s,
    )


def limits(config: Config) -> Limits:
    """Return the limits in time of calls."""
    return Limits(
        default_timeout_s=config.default_timeout_s, max_exec_s=config.max_exec_s
    )


def terms(config: Config) -> Terms:
    """Return what holds for every session that begins."""
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


def caps(config: Config) -> Caps:
    """Return how many clients may be connected, and from which pages."""
    return Caps(
        max_connections=config.max_connections
        or default_max_connections(config.max_running),
        max_per_peer=config.max_connections_per_peer,
        origins=config.websocket_origins,
    )


def told_limits(config: Config) -> dict[str, JsonValue]:
    """Return the limits in force, by their keys."""
    clients = caps(config)
    return {
        "max_running": config.max_running,
        "max_queued": config.max_queued,
        "default_timeout": config.default_timeout_s,
        "max_exec_time": config.max_exec_s,
        "max_line_bytes": config.max_line_bytes,
        "max_pending": config.max_pending,
        "max_connections": clients.max_connections,
        "max_connections_per_peer": clients.max_per_peer,
    }
