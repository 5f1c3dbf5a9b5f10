"""What is wrong with a configuration file: all of it at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs


@attrs.frozen(kw_only=True)
class Problem:
    """One thing to mend: where it stands, what was expected there.

    `key` is the way to the key, dotted ("hosts.web01.port"), empty for the whole file.
    `line` is None where it is not known.
    """

    key: str
    message: str
    did_you_mean: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        """Return the problem as one sentence."""
        sentence = f"{self.key}: {self.message}" if self.key else self.message
        if self.did_you_mean is not None:
            sentence += f', did you mean "{self.did_you_mean}"?'
        return sentence


class ConfigError(Exception):
    """The configuration cannot be used; the message has a line per problem."""

    def __init__(self, source: Path | None, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(f"{_where(source, one)}{one}" for one in problems))
        self.source = source
        self.problems = tuple(problems)


def unknown_key(key: str, name: str, known: Iterable[str]) -> Problem:
    """Return the problem of a key that means nothing; name the nearest that does."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return Problem(
        key=key, message="unknown key", did_you_mean=near[0] if near else None
    )


def _where(source: Path | None, problem: Problem) -> str:
    if source is None:
        return ""
    return f"{source}: " if problem.line is None else f"{source}:{problem.line}: "
