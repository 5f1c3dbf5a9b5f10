"""Definitions as they are written, read together with what they refer to.

What a run goes by is kept with its job as text, and read again by the same reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, Final

import attrs

from harpcaller.adapters.adapter import Problem
from harpcaller.adapters.cumulus.asl import read_asl
from harpcaller.adapters.cumulus.list_form import read_list
from harpcaller.adapters.cumulus.reach import REACH_KEYS, Known, read_reach
from harpcaller.adapters.cumulus.rules import Rules, read_kept_rules
from harpcaller.adapters.cumulus.terms import TaskTerms
from harpcaller.adapters.cumulus.workflow import Workflow
from harpcaller.adapters.parts import Part
from protocol.jsontext import JsonValue, decode, encode

_ASL_KEYS: Final = ("StartAt", "States")
_REMEMBERED: Final = 64  # definitions in force, and those of runs that began earlier


@attrs.frozen(kw_only=True)
class Source:
    """One definition, and what it may refer to; all as written."""

    file: str
    definition: JsonValue
    resources: Mapping[str, Any]
    documents: Mapping[str, JsonValue]


@attrs.frozen(kw_only=True)
class Run:
    """What a run goes by; reserved procedures may do without a workflow."""

    rules: Rules
    workflow: Workflow | None


def read_workflow(
    source: Source, rules: Rules, problems: list[Problem]
) -> Workflow | None:
    """Return the workflow of a source; what is wrong with it is added to `problems`."""
    if not isinstance(source.definition, dict):
        problems.append(
            Problem(place="", message="expected an object", file=source.file)
        )
        return None
    known = Known(resources={}, documents=source.documents, terms=plain_terms(rules))
    # The mistakes of resources are their table's, and told once.
    known = attrs.evolve(known, resources=read_resources(source.resources, known, []))
    part = Part(source.definition, "", problems, source.file)
    if any(key in source.definition for key in _ASL_KEYS):
        return read_asl(part, PurePosixPath(source.file).stem, known)
    return read_list(part, known)


def read_resources(
    resources: Mapping[str, Any], known: Known, problems: list[Problem]
) -> Mapping[str, Mapping[str, Any]]:
    """Return what the table `resources` says, by name."""
    found: dict[str, Mapping[str, Any]] = {}
    parts = Part(resources, "resources", problems)
    for name in resources:
        part = parts.part(name)
        if part is not None:
            part.refuse_unknown(REACH_KEYS)
            if part.get("host") is None:
                part.wrong("host", "a host, or a list of them")
            found[name] = read_reach(part, known)
    return found


def plain_terms(rules: Rules) -> TaskTerms:
    """Return the terms of a task of which nothing is said."""
    return TaskTerms(
        name="",
        max_parsed_bytes=rules.max_parsed_bytes,
        max_resolved_bytes=rules.max_resolved_bytes,
        bucket_allow=rules.bucket_allow,
        secret_keys=rules.secret_keys,
    )


# ── kept with a job ──
def kept_run(rules: Mapping[str, JsonValue], source: Source | None) -> bytes:
    """Return what `read_run` makes the run of; `rules` as `kept_rules` gives them."""
    if source is None:
        return encode({"rules": dict(rules)})
    named = set(_strings(source.definition))
    resources = _only(source.resources, named)
    named.update(_strings(resources))
    return encode(
        {
            "rules": dict(rules),
            "file": source.file,
            "definition": source.definition,
            "resources": resources,
            "documents": _only(source.documents, named),
        }
    )


@lru_cache(maxsize=_REMEMBERED)
def read_run(kept: bytes) -> Run:
    """Return what `kept_run` wrote.

    Raises:
        ValueError: another version wrote it, and this one cannot carry it out.
    """
    fields: Any = decode(kept)
    rules = read_kept_rules(fields["rules"])
    if "definition" not in fields:
        return Run(rules=rules, workflow=None)
    problems: list[Problem] = []
    source = Source(
        file=fields["file"],
        definition=fields["definition"],
        resources=fields["resources"],
        documents=fields["documents"],
    )
    workflow = read_workflow(source, rules, problems)
    if problems:
        raise ValueError(problems[0].message)
    return Run(rules=rules, workflow=workflow)


def _only(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    wanted = set(names)
    return {name: value for name, value in values.items() if name in wanted}


def _strings(value: Any) -> Iterator[str]:
    """Yield every string in a value, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from _strings(member)
    elif isinstance(value, list):
        for member in value:
            yield from _strings(member)
