"""Who may call what: users, their passwords, and the procedures of each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import attrs

from harpcaller.worker.passwords import NOBODYS, Entry, Plain, read_entry


@attrs.frozen(kw_only=True)
class Users:
    """Knows passwords; without any user, everybody who can connect may call.

    `allowed` are patterns of names of procedures, `*` and `?` as in a shell; who has
    none may call all.
    """

    entries: Mapping[str, Entry] = attrs.field(factory=dict, repr=False)
    allowed: Mapping[str, Sequence[str]] = attrs.field(factory=dict)

    @property
    def is_empty(self) -> bool:
        """Tell whether nobody is known."""
        return not self.entries

    @property
    def plain(self) -> Sequence[str]:
        """The users whose passwords anybody can read who can read the file."""
        return [user for user, entry in self.entries.items() if type(entry) is Plain]

    def is_right(self, user: str, password: str) -> bool:
        """Tell whether that is the user's password.

        This takes 50 ms, for an unknown user too: call it in a thread.
        """
        entry = self.entries.get(user)
        if entry is None:
            NOBODYS.fits(password)
            return False
        return entry.fits(password)

    def may_call(self, user: str, procedure: str) -> bool:
        """Tell whether the user may call the procedure, if it exists."""
        patterns = self.allowed.get(user)
        if self.is_empty or patterns is None:
            return True
        return any(fnmatchcase(procedure, pattern) for pattern in patterns)


def read_users(path: Path) -> dict[str, Entry]:
    """Return what the file at `path` says: `user:password`, one a line.

    Blank lines and lines that begin with `#` are skipped.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line is wrong; the message has its number, not its text.
    """
    entries: dict[str, Entry] = {}
    for number, line in enumerate(_lines(path), 1):
        if not line.strip() or line.startswith("#"):
            continue
        user, colon, text = line.partition(":")
        if not colon or not user:
            raise ValueError(f'{path}, line {number}: expected "user:password"')
        if user in entries:
            raise ValueError(f"{path}, line {number}: this user was there before")
        try:
            entries[user] = read_entry(text)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from None
    return entries


def write_user(path: Path, user: str, entry: Entry) -> None:
    """Put what is known of one user into the file at `path`, and nobody else's rights.

    The file is replaced whole: who reads it meanwhile reads the old one or the new.

    Raises:
        OSError: it cannot be written.
        ValueError: `user` is no name for such a file.
    """
    if not user or ":" in user or user.startswith("#") or not user.isprintable():
        raise ValueError(f"{user!r} is no name of a user")
    lines = _lines(path) if path.exists() else []
    line = f"{user}:{entry}"
    places = [at for at, old in enumerate(lines) if old.split(":")[0] == user]
    if places:
        lines[places[0]] = line
    else:
        lines.append(line)
    _replace(path.resolve(), "".join(f"{line}\n" for line in lines))


def _lines(path: Path) -> list[str]:
    # A password may have any character but this one, also U+2028.
    text = path.read_text()
    return text.removesuffix("\n").split("\n") if text else []


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as file:
            _keep_owner(path, fd)
            file.write(text)
            file.flush()
            os.fsync(fd)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _keep_owner(path: Path, fd: int) -> None:
    if path.exists():
        found = path.stat()
        os.fchown(fd, found.st_uid, found.st_gid)
