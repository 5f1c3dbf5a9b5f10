"""What is wrong with a configuration file: all of it at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import attrs

from harpcaller.config.positions import Position, Way


@attrs.frozen(kw_only=True)
class Problem:
    """One thing to mend: where it stands, what was expected there.

    `key` is the way to the key, dotted ("hosts.web01.port"), empty for the whole file.
    `at` is None where it does not stand in the file, or the place is not known.
    """

    key: str
    message: str
    did_you_mean: str | None = None
    at: Position | None = None

    def __str__(self) -> str:
        """Return the problem as one sentence."""
        sentence = f"{self.key}: {self.message}" if self.key else self.message
        if self.did_you_mean is not None:
            sentence += f', did you mean "{self.did_you_mean}"?'
        return sentence


class ConfigError(Exception):
    """The configuration cannot be used; the message has a line per problem."""

    def __init__(self, source: Path | None, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """Return each problem behind its place, as compilers do: FILE:LINE:COLUMN."""
        return [f"{_where(self.source, problem)}{problem}" for problem in self.problems]


def placed(
    problems: Iterable[Problem], positions: Mapping[Way, Position]
) -> list[Problem]:
    """Return the problems in the order of the file, each with the place of its key."""
    places: dict[str, Position] = {}
    for way, position in positions.items():
        places.setdefault(".".join(map(str, way)), position)
    found = [attrs.evolve(problem, at=places.get(problem.key)) for problem in problems]
    return sorted(found, key=lambda problem: problem.at or (0, 0))


def unknown_key(key: str, name: str, known: Iterable[str]) -> Problem:
    """Return the problem of a key that means nothing; name the nearest that does."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return Problem(
        key=key, message="unknown key", did_you_mean=near[0] if near else None
    )


def _where(source: Path | None, problem: Problem) -> str:
    if source is None:
        return ""
    if problem.at is None:
        return f"{source}: "
    return f"{source}:{problem.at.line}:{problem.at.column}: "
