"""What to run, from the command line and the configuration file together."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import attrs

from harpcaller.addresses import ListenAddress, read_listen_address
from harpcaller.config import Config, ConfigError, Problem, load_config
from harpcaller.config.clients import complain_of_listeners
from harpcaller.options import StartOptions
from indira.cli import default_socket


@attrs.frozen(kw_only=True)
class Setup:
    """All that a daemon needs to know; `dev` brings a worker of its own along."""

    config: Config
    admin_socket: Path
    pidfile: Path | None = None
    dev: bool = False
    debug: bool = False


def read_setup(options: StartOptions) -> Setup:
    """Return the configuration with what the command line says in its place.

    Raises:
        ConfigError: something in either is wrong.
    """
    config = load_config(options.config)
    if options.listen:
        listen = tuple(_read_listen(text) for text in options.listen)
        config = attrs.evolve(config, listen=listen)
    problems = complain_of_listeners(config)
    if problems:
        raise ConfigError(None, problems)
    if options.state_dir is not None:
        config = attrs.evolve(config, state_dir=options.state_dir.absolute())
    elif options.dev and options.config is None:
        config = attrs.evolve(config, state_dir=_dev_state_dir())
    return Setup(
        config=config,
        admin_socket=options.socket or default_socket("harpcaller"),
        pidfile=options.pidfile,
        dev=options.dev,
        debug=options.debug,
    )


def _read_listen(text: str) -> ListenAddress:
    try:
        return read_listen_address(text)
    except ValueError as error:
        raise ConfigError(
            None, [Problem(key="--listen", message=f"{text}: {error}")]
        ) from None


def _dev_state_dir() -> Path:
    """Return a directory of the user's own (XDG), or a new temporary one."""
    state_home = os.environ.get("XDG_STATE_HOME")
    if state_home:
        return Path(state_home, "harpcaller")
    if os.environ.get("HOME"):
        return Path.home() / ".local" / "state" / "harpcaller"
    return Path(tempfile.mkdtemp(prefix="harpcaller-"))
