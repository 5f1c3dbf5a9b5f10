"""What harpd may do to the identity of the processes that it starts."""

from __future__ import annotations

from pathlib import Path

import attrs

_CAP_SETGID, _CAP_SETUID, _CAP_SETPCAP = 6, 7, 8  # capabilities(7)


@attrs.frozen(kw_only=True)
class Powers:
    """Root has all of them, but for containers and user namespaces that took some."""

    changes_users: bool = False
    changes_groups: bool = False
    """It may also drop supplementary groups, which a namespace can forbid."""
    drops_capabilities: bool = False
    has_capabilities: bool = False
    """There is something to drop."""


def our_powers(proc: Path = Path("/proc/self")) -> Powers:
    """Return what this process may do: proc_pid_status(5), user_namespaces(7)."""
    status = (proc / "status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    effective = int(line.split()[1], 16)

    def has(capability: int) -> bool:
        return bool(effective >> capability & 1)

    may_set_groups = (proc / "setgroups").read_text().strip() != "deny"
    return Powers(
        changes_users=has(_CAP_SETUID) and has(_CAP_SETGID),
        changes_groups=has(_CAP_SETGID) and may_set_groups,
        drops_capabilities=has(_CAP_SETPCAP),
        has_capabilities=effective != 0,
    )
