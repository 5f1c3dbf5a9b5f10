"""The table `[adapters.cumulus]` and its files: settings, or all that is wrong."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from harpcaller.adapters.adapter import CoreLimits, Files, Problem, Table
from harpcaller.adapters.cumulus.folder import Folder, glob_of, read_folder
from harpcaller.adapters.cumulus.loading import (
    Source,
    kept_run,
    plain_terms,
    read_resources,
    read_workflow,
)
from harpcaller.adapters.cumulus.reach import Known
from harpcaller.adapters.cumulus.rules import RULE_KEYS, Rules, kept_rules, read_rules
from harpcaller.adapters.cumulus.workflow import Workflow
from harpcaller.adapters.parts import Part
from protocol.jsontext import JsonValue

KEYS: Final = ("workflows", "resources", "dedupe", *RULE_KEYS)
PACKAGES: Final = ("jsonpath_ng", "jsonschema")


@attrs.frozen(kw_only=True)
class Offered:
    """A workflow, and what is kept with each job that it carries out."""

    workflow: Workflow
    kept: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Settings:
    """What the table and the definitions settle; it never changes.

    `kept` is kept with jobs that have no workflow. With `dedupe` an execution that
    is started again over HTTP is the same job.
    """

    rules: Rules
    workflows: Mapping[str, Offered]
    kept: bytes = attrs.field(repr=False)
    dedupe: bool = False


def files(table: Table) -> Sequence[str]:
    """Return the glob of the definitions, and of the documents in folders below."""
    directory = table.get("workflows")
    if not isinstance(directory, str) or not directory:
        return ()
    return (glob_of(directory),)


def load(
    table: Table, contents: Files, limits: CoreLimits
) -> Settings | Sequence[Problem]:
    """Return the settings, or all that is wrong with them."""
    return lacking(PACKAGES) or _load(table, contents, limits)


def lacking(packages: Sequence[str]) -> list[Problem]:
    """Return a problem if one of the packages is not installed, else nothing."""
    names = [name for name in packages if importlib.util.find_spec(name) is None]
    if not names:
        return []
    message = f"needs {', '.join(names)}: pip install 'harpcaller[cumulus]'"
    return [Problem(place="", message=message)]


def _load(
    table: Table, contents: Files, limits: CoreLimits
) -> Settings | Sequence[Problem]:
    problems: list[Problem] = []
    part = Part(table, "", problems)
    part.refuse_unknown(KEYS)
    rules = read_rules(part, limits)
    said = kept_rules(table, limits)
    folder = read_folder(part, contents)
    resources = part.part("resources")
    words: Mapping[str, Any] = {} if resources is None else resources.fields
    known = Known(resources={}, documents=folder.documents, terms=plain_terms(rules))
    read_resources(words, known, problems)
    dedupe = part.flag("dedupe", default=False)
    workflows = _read_workflows(folder, words, rules, said, problems)
    if problems:
        return problems
    kept = kept_run(said, None)
    return Settings(rules=rules, workflows=workflows, kept=kept, dedupe=dedupe)


def _read_workflows(
    folder: Folder,
    resources: Mapping[str, Any],
    rules: Rules,
    said: Mapping[str, JsonValue],
    problems: list[Problem],
) -> Mapping[str, Offered]:
    offered: dict[str, Offered] = {}
    owners: dict[str, str] = {}
    for file, definition in folder.definitions.items():
        source = Source(
            file=file,
            definition=definition,
            resources=resources,
            documents=folder.documents,
        )
        workflow = read_workflow(source, rules, problems)
        if workflow is None:
            continue
        name = workflow.name
        if name in owners:
            message = f'the name "{name}" is that of {owners[name]} already'
            problems.append(Problem(place="name", message=message, file=file))
        owners[name] = file
        if not problems:
            kept = kept_run(said, source)
            offered[name] = Offered(workflow=workflow, kept=kept)
    return offered
