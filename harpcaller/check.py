"""`harpcallerd check`: would it start, and would it find its workers?"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import trio

from harpcaller.adapters import folders
from harpcaller.config import Config, ConfigError, Problem
from harpcaller.expiry import authorities_expiring, own_expiring
from harpcaller.hosts.lines import read_hosts
from harpcaller.hosts.script import ScriptFailed, run_script
from harpcaller.options import StartOptions
from harpcaller.setup import read_setup
from indira.cli import Exit, show


def check(options: StartOptions, *, as_json: bool) -> int:
    """Print all that is wrong, a line each, and warnings; return the exit code."""
    try:
        config = read_setup(options).config
    except ConfigError as error:
        return _complain(error, as_json=as_json)
    problems = trio.run(partial(_script_problems, config))
    if problems:
        return _complain(ConfigError(config.source, problems), as_json=as_json)
    for warning in (*config.warnings, *_expiring(config)):
        if as_json:
            show({"file": _name(config.source), "warning": warning})
        else:
            sys.stdout.write(f"warning: {warning}\n")
    return Exit.OK


def _expiring(config: Config) -> Iterator[str]:
    """Give a warning for each certificate that has expired, or soon will."""
    if config.cert_file is not None and config.key_file is not None:
        own = own_expiring(config.cert_file, config.key_file)
        if own is not None:
            yield f"cert_file: {own}"
    for key, file in (
        ("ca_file", config.ca_file),
        ("client_ca_file", config.client_ca_file),
    ):
        if file is not None:
            yield from (f"{key}: {told}" for told in authorities_expiring(file))


async def _script_problems(config: Config) -> list[Problem]:
    """Run the registry script as a start would, and read what it lists."""
    if config.host_db_script is None:
        return []
    try:
        output = await run_script(
            config.host_db_script, timeout_s=config.host_db_timeout_s
        )
    except ScriptFailed as error:
        complaints: tuple[str, ...] = (str(error),)
    else:
        complaints = read_hosts(output).problems
    return [Problem(key="host_db_script", message=text) for text in complaints]


def _complain(error: ConfigError, *, as_json: bool) -> int:
    if not as_json:
        sys.stdout.write("".join(f"{line}\n" for line in error.lines()))
        return _status(error.problems)
    for problem in error.problems:
        told: dict[str, Any] = {"file": _name(error.source)}
        if problem.at is not None:
            told |= {"line": problem.at.line, "column": problem.at.column}
        told |= {"key": problem.key, "message": problem.message}
        if problem.did_you_mean is not None:
            told["did_you_mean"] = problem.did_you_mean
        show(told)
    return _status(error.problems)


def _status(problems: Iterable[Problem]) -> int:
    """Return the exit code: an adapter's own if nothing but its table is wrong."""
    match [*{tuple(problem.key.split(".")[:2]) for problem in problems}]:
        case [("adapters", name)] if name in folders.names():
            return folders.find(name).check_status
    return Exit.FAILED


def _name(source: Path | None) -> str | None:
    return None if source is None else str(source)
