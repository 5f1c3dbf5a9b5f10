"""The rules of a Choice state: how they are written, and whether they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import attrs

from harpcaller.adapters.cumulus.comparing import (
    COMPARISONS,
    KINDS,
    Test,
    is_boolean,
    matches,
    read_pattern,
)
from harpcaller.adapters.cumulus.selecting import find, is_there, read_path
from harpcaller.adapters.parts import Part

_PATH: Final = "Path"
_MATCHES: Final = "StringMatches"
_PRESENT: Final = "IsPresent"
_NOT: Final = "Not"
_OPERATORS: Final = (
    *COMPARISONS,
    *(f"{name}{_PATH}" for name in COMPARISONS),
    _MATCHES,
    _PRESENT,
    *KINDS,
)
_COMBINING: Final = ("And", "Or", _NOT)

Combine: TypeAlias = Callable[[Iterable[bool]], bool]
"""`all` or `any`: both stop as soon as they know."""


@attrs.frozen
class Compared:
    """A variable compared with a value, or with what is at a path."""

    variable: str
    test: Test
    named: Any
    is_path: bool = False

    def holds(self, document: Any) -> bool:
        """Tell whether it is so."""
        found = find(document, self.variable)
        named = find(document, self.named) if self.is_path else self.named
        return self.test(found, named)


@attrs.frozen
class Present:
    """Whether a variable is there at all."""

    variable: str
    is_wanted: bool

    def holds(self, document: Any) -> bool:
        """Tell whether it is so."""
        return is_there(document, self.variable) == self.is_wanted


@attrs.frozen
class Combined:
    """All of some rules, or any of them."""

    combine: Combine
    rules: tuple[Rule, ...]

    def holds(self, document: Any) -> bool:
        """Tell whether it is so; it looks at no more rules than it has to."""
        return self.combine(rule.holds(document) for rule in self.rules)


@attrs.frozen
class Negated:
    """The contrary of a rule."""

    rule: Rule

    def holds(self, document: Any) -> bool:
        """Tell whether it is so."""
        return not self.rule.holds(document)


Rule: TypeAlias = Compared | Present | Combined | Negated


@attrs.frozen
class Branch:
    """Where a rule leads if it holds."""

    rule: Rule
    next: str


# ── as they are written ──
def read_branches(part: Part) -> tuple[Branch, ...]:
    """Return the rules under "Choices", each with where it leads."""
    branches = []
    for one in part.parts("Choices"):
        rule = _read_rule(one, ("Next", "Comment"))
        next_state = one.need_text("Next")
        if rule is not None:
            branches.append(Branch(rule, next_state))
    if part.get("Choices") in (None, []):
        part.wrong("Choices", "a list of rules, not empty")
    return tuple(branches)


def _read_rule(part: Part, also: tuple[str, ...] = ("Comment",)) -> Rule | None:
    kinds = [key for key in part.fields if key in _COMBINING or key in _OPERATORS]
    if len(kinds) != 1:
        part.refuse_unknown((*_COMBINING, *_OPERATORS, "Variable", *also))
        part.complain("expected one comparison, or one of And, Or, Not")
        return None
    [kind] = kinds
    if kind in _COMBINING:
        part.refuse_unknown((kind, *also))
        return _read_combined(part, kind)
    part.refuse_unknown(("Variable", kind, *also))
    variable = read_path(part, "Variable")
    return None if variable is None else _read_comparison(part, variable, kind)


def _read_combined(part: Part, kind: str) -> Rule | None:
    if kind == _NOT:
        inner = part.need_part(kind)
        rule = None if inner is None else _read_rule(inner)
        return None if rule is None else Negated(rule)
    inner_parts = part.parts(kind)
    rules = [_read_rule(one) for one in inner_parts]
    if not inner_parts:
        part.wrong(kind, "a list of rules, not empty")
    return Combined(
        all if kind == "And" else any,
        tuple(rule for rule in rules if rule is not None),
    )


def _read_comparison(part: Part, variable: str, kind: str) -> Rule | None:
    named = part.fields[kind]
    if kind in COMPARISONS:
        test, is_good, expected = COMPARISONS[kind]
        return _checked(part, kind, Compared(variable, test, named), is_good, expected)
    if kind.removesuffix(_PATH) in COMPARISONS:
        path = read_path(part, kind)
        test, _, _ = COMPARISONS[kind.removesuffix(_PATH)]
        return None if path is None else Compared(variable, test, path, is_path=True)
    if kind == _MATCHES:
        pieces = read_pattern(named) if isinstance(named, str) else ()
        rule = Compared(variable, matches, pieces)
        return _checked(part, kind, rule, lambda _: bool(pieces), "a pattern")
    if kind == _PRESENT:
        present = Present(variable, named is True)
        return _checked(part, kind, present, is_boolean, "true or false")
    of_kind = Compared(variable, _kind_test(kind), named)
    return _checked(part, kind, of_kind, is_boolean, "true or false")


def _checked(
    part: Part,
    kind: str,
    rule: Rule,
    is_good: Callable[[Any], bool],
    expected: str,
) -> Rule | None:
    if is_good(part.fields[kind]):
        return rule
    part.wrong(kind, expected)
    return None


def _kind_test(kind: str) -> Test:
    is_kind = KINDS[kind]

    def test(found: Any, named: Any) -> bool:
        return is_kind(found) is named

    return test
