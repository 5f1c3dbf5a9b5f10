"""What `harpcallerd start` was told on the command line."""

from __future__ import annotations

from pathlib import Path

import attrs


@attrs.frozen(kw_only=True)
class StartOptions:
    """How to start; None and the empty tuple leave it to the configuration.

    `listen` are addresses as typed (`host:port`, `unix:PATH`); `socket` is the
    admin socket.
    """

    config: Path | None = None
    dev: bool = False
    listen: tuple[str, ...] = ()
    state_dir: Path | None = None
    socket: Path | None = None
    pidfile: Path | None = None
    debug: bool = False
