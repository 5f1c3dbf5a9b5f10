"""A listening Unix socket and its file: who may own the path, and for how long."""

from __future__ import annotations

import errno
import shutil
import socket
import stat
from pathlib import Path

import attrs


class SocketTaken(Exception):
    """Somebody else listens on the path, or it is no socket."""


@attrs.frozen
class BoundSocket:
    """A listening socket, and the file that `remove` takes away."""

    sock: socket.socket
    path: Path
    _device: int
    _inode: int

    def remove(self) -> None:
        """Remove the file, unless another daemon's has taken its place."""
        try:
            found = self.path.lstat()
        except FileNotFoundError:
            return
        if (found.st_dev, found.st_ino) == (self._device, self._inode):
            self.path.unlink(missing_ok=True)


def bind(
    path: Path,
    *,
    mode: int = 0o660,
    group: int | str | None = None,
    backlog: int = 1024,
) -> BoundSocket:
    """Listen on `path`; its directory is made, a dead daemon's socket replaced.

    The file is our own group's unless `group` names another.

    Raises:
        SocketTaken: a daemon is alive there, or a file that is no socket.
        OSError: the file cannot be made, or not be given to the group.
        LookupError: there is no such group.
    """
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
        # Nobody can connect before listen(), so nobody meets the umask's mode.
        if group is not None:
            shutil.chown(path, group=group)
        path.chmod(mode)
        ours = path.lstat()
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return BoundSocket(sock, path, ours.st_dev, ours.st_ino)


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SocketTaken(f"{path} exists and is no socket")
    if _is_alive(path):
        raise SocketTaken(f"{path} is in use: somebody listens there already")
    path.unlink(missing_ok=True)


def _is_alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # a full backlog is somebody alive: do not wait
        code = probe.connect_ex(str(path))
    return code not in {errno.ECONNREFUSED, errno.ENOENT}
