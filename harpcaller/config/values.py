"""Every setting of the dispatcher, with its unit and its default."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import attrs

from harpcaller.adapters.monitors import ReportingSettings
from harpcaller.addresses import ListenAddress, TcpAddress
from harpcaller.hosts.registry import Host
from harpcaller.identities.identity import Identity
from harpcaller.runners.installed import Installed

_HOUR_S = 3600
_KIB = 1024
_MIB = 1024 * _KIB


@attrs.frozen(kw_only=True)
class Config:
    """What the dispatcher is set up to do; harpcaller.toml(5) explains each key.

    `source` is the file it came from, `warnings` are sentences for the operator.
    0 in `max_connections` leaves it to the limit of open files.
    """

    source: Path | None = None
    warnings: tuple[str, ...] = ()

    listen: tuple[ListenAddress, ...] = (TcpAddress("127.0.0.1", 3502),)
    insecure_no_auth: bool = False
    cert_file: Path | None = None
    key_file: Path | None = None
    client_ca_file: Path | None = None
    require_identity: bool = False
    identities: tuple[Identity, ...] = ()
    state_dir: Path = Path("/var/lib/harpcaller")
    admin_gid: int | None = None
    reserve_bytes: int = 16 * _MIB
    max_age_s: float = 720 * _HOUR_S
    log_file: Path | None = None

    default_timeout_s: float = 600
    max_exec_s: float = 86400
    max_running: int = 1000
    max_queued: int = 1_000_000
    stop_grace_s: float = 30

    linger_s: float = 1
    idle_s: float = 600
    first_line_s: float = 30
    send_timeout_s: float = 60
    max_line_bytes: int = _MIB
    max_pending: int = 64
    max_connections: int = 0
    max_connections_per_peer: int = 256

    ca_file: Path | None = None
    known_certs_file: Path | None = None
    verify_hostname: bool = True
    max_worker_line_bytes: int = 4 * _MIB

    host_db: Path | None = None
    host_db_script: Path | None = None
    host_db_refresh_s: float = 900
    host_db_timeout_s: float = 30
    hosts: tuple[Host, ...] = ()

    http_listen: tuple[ListenAddress, ...] = ()
    http_public_url: str | None = None
    http_allowed_hosts: tuple[str, ...] = ()
    http_trusted_proxies: tuple[IPv4Network | IPv6Network | str, ...] = ()
    http_max_body_bytes: int = _MIB
    http_max_followers: int = 100
    http_min_free_bytes: int = 64 * _MIB

    websocket_listen: tuple[ListenAddress, ...] = ()
    websocket_origins: frozenset[str] = frozenset()

    reporters: tuple[ReportingSettings, ...] = ()
    adapters: tuple[Installed, ...] = ()

    @property
    def host_cache(self) -> Path:
        """Where the registry script's last good list is kept."""
        return self.host_db or self.state_dir / "hosts.cache"
