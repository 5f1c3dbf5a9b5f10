"""Isolation profiles: as whom, where and within which bounds a call's process runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from grp import getgrnam
from pathlib import Path
from pwd import getpwnam, getpwuid, struct_passwd

import attrs

from harpcaller.worker.powers import Powers

PASSED = ("PATH", "HOME", "LANG", "TZ")
RLIMITS = {  # keys of [limits] to resource.RLIMIT_*
    "cpu_s": "CPU",
    "memory_bytes": "AS",
    "processes": "NPROC",
    "open_files": "NOFILE",
    "file_bytes": "FSIZE",
    "core_bytes": "CORE",
}
IO_CLASSES = {"best-effort": "2", "idle": "3"}
_ALL_CAPABILITIES = ("--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all")
_FALLBACKS = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
# Where the interpreter finds its modules, and how it is measured.
_INTERPRETER = ("PYTHON", "COVERAGE_")


class NoSuchUser(ValueError):
    """A profile names somebody whom this machine does not know."""


@attrs.frozen(kw_only=True)
class Confines:
    """What the process of a call does to itself before the procedure runs."""

    cwd: str = "/"
    umask: int = 0o022
    nice: int = 0
    rlimits: tuple[tuple[str, int], ...] = (("core_bytes", 0),)


@attrs.frozen(kw_only=True)
class Profile:
    """All that is done to isolate a call; calls of one profile share a warm parent.

    Without `user` a call runs as harpd's own. Supplementary groups are those named,
    if harpd may change them; else they stay as harpd has them. With `term_grace_s`
    calls have that, not the worker's; `farewell_s` is how long their supervisors may
    take when the processes are gone.
    """

    user: str | int | None = None
    group: str | int | None = None
    groups: tuple[str | int, ...] = ()
    pass_environment: tuple[str, ...] = PASSED
    environment: tuple[tuple[str, str], ...] = ()
    io_class: str | None = None
    confines: Confines = Confines()
    term_grace_s: float | None = None
    farewell_s: float = 0.0

    @property
    def is_another_user(self) -> bool:
        """Tell whether calls run as somebody else than harpd itself."""
        wants_user = self.user is not None and uid_of(self.user) != os.getuid()
        wants_group = self.group is not None and gid_of(self.group) != os.getgid()
        return wants_user or wants_group


def environment_of(profile: Profile, ours: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a call, of which `ours` are those of harpd.

    Raises:
        NoSuchUser: whose home it is to be is unknown.
    """
    passed = {
        name: value
        for name in profile.pass_environment
        if (value := ours.get(name, _FALLBACKS.get(name))) is not None
    }
    if profile.user is not None and "HOME" in passed:
        entry = _entry(profile.user)
        passed["HOME"] = "/" if entry is None else entry.pw_dir
    return passed | dict(profile.environment)


def interpreter_variables(ours: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a warm parent needs itself; its calls see none."""
    return {name: ours[name] for name in ours if name.startswith(_INTERPRETER)}


def command(profile: Profile, words: Sequence[str], powers: Powers) -> list[str]:
    """Return the command that runs `words` so that no privilege comes back.

    Raises:
        NoSuchUser: user or group is unknown.
    """
    chain: list[str] = []
    if profile.io_class is not None:
        chain += [_tool("ionice"), "-c", IO_CLASSES[profile.io_class]]
    chain += [_tool("setpriv"), "--no-new-privs"]
    if powers.drops_capabilities:
        chain += _ALL_CAPABILITIES
    if powers.changes_users:
        chain += _identity(profile)
    if powers.changes_groups:
        chain += _supplementary(profile)
    return [*chain, "--", *words]


def complaints(profile: Profile, powers: Powers) -> Iterator[str]:
    """Yield what keeps calls of `profile` from running as it says, in sentences."""
    if shutil.which("setpriv") is None:
        yield "setpriv (of util-linux) is not installed"
    if profile.io_class is not None and shutil.which("ionice") is None:
        yield "ionice (of util-linux) is not installed"
    try:
        _supplementary(profile)
        _identity(profile)
        yield from missing_powers(profile, powers)
    except NoSuchUser as error:
        yield str(error)
    if powers.has_capabilities and not powers.drops_capabilities:
        yield "calls keep the capabilities of harpd, which has no CAP_SETPCAP"
    if not Path(profile.confines.cwd).is_dir():
        yield f'cwd "{profile.confines.cwd}" is no directory'


def missing_powers(profile: Profile, powers: Powers) -> Iterator[str]:
    """Yield what harpd would have to be root for, and is not.

    Raises:
        NoSuchUser: user or group is unknown.
    """
    if profile.is_another_user and not powers.changes_users:
        yield "only root can run calls as another user or group"
    if profile.groups and not powers.changes_groups:
        yield "only root can give calls supplementary groups"


def uid_of(user: str | int) -> int:
    """Return the number of a user.

    Raises:
        NoSuchUser: there is none of that name.
    """
    if isinstance(user, int):
        return user
    entry = _entry(user)
    assert entry is not None  # noqa: S101 (names without an entry raise)
    return entry.pw_uid


def gid_of(group: str | int) -> int:
    """Return the number of a group.

    Raises:
        NoSuchUser: there is none of that name.
    """
    if isinstance(group, int):
        return group
    try:
        return getgrnam(group).gr_gid
    except KeyError:
        raise NoSuchUser(f'no group "{group}"') from None


def _identity(profile: Profile) -> list[str]:
    """Return the options of setpriv that change user and group, for good."""
    words: list[str] = []
    group = profile.group
    if profile.user is not None:
        entry = _entry(profile.user)
        if group is None and entry is None:
            raise NoSuchUser(f"user {profile.user} is unknown: name its group, too")
        words += ["--reuid", str(uid_of(profile.user))]
        if group is None and entry is not None:
            group = entry.pw_gid
    if group is not None:
        words += ["--regid", str(gid_of(group))]
    return words


def _supplementary(profile: Profile) -> list[str]:
    """Return the options of setpriv that leave the groups that are named, only."""
    if not profile.groups:
        return ["--clear-groups"]
    return ["--groups", ",".join(str(gid_of(one)) for one in profile.groups)]


def _entry(user: str | int) -> struct_passwd | None:
    """Return what the machine knows of a user; a mere number may be unknown."""
    try:
        return getpwnam(user) if isinstance(user, str) else getpwuid(user)
    except KeyError:
        if isinstance(user, int):
            return None
        raise NoSuchUser(f'no user "{user}"') from None


def _tool(name: str) -> str:
    """Return the path of a tool; the PATH of a profile is for its calls."""
    return shutil.which(name) or name
