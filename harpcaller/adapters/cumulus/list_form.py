"""Reads a workflow that is a list of tasks, one after the other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from harpcaller.adapters.cumulus.reach import (
    REACH_KEYS,
    Known,
    made_reach,
    read_reach,
)
from harpcaller.adapters.cumulus.retrying import read_retry
from harpcaller.adapters.cumulus.workflow import State, Task, Workflow
from harpcaller.adapters.parts import Part

RESERVED: Final = "cumulus."  # how the names of our own procedures begin
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_NAME_EXPECTED: Final = "1 to 80 letters, digits, _, . and -"


def read_list(part: Part, known: Known) -> Workflow:
    """Return a workflow in the list form."""
    part.refuse_unknown(("name", "max_exec_time", "tasks"))
    name = part.need_text("name")
    complain_of_name(part, "name", name)
    tasks = _read_tasks(part, known)
    chain: dict[str, State] = {task.name: task for task in tasks}
    return Workflow(
        name=name,
        start_at=tasks[0].name if tasks else "",
        states=chain,
        is_list=True,
        max_exec_s=part.seconds("max_exec_time"),
    )


def complain_of_name(part: Part, key: str, name: str) -> None:
    """Complain of the name of a workflow that is none, or one of ours."""
    if name and not _NAME.fullmatch(name):
        part.wrong(key, _NAME_EXPECTED)
    elif name.startswith(RESERVED):
        part.wrong(key, f'a name that does not begin with "{RESERVED}"')


def _read_tasks(part: Part, known: Known) -> list[Task]:
    parts = _task_parts(part)
    names = [one.need_text("name") for one in parts]
    tasks = []
    for index, (one, name) in enumerate(zip(parts, names, strict=True)):
        if name and not _NAME.fullmatch(name):
            one.wrong("name", _NAME_EXPECTED)
        elif name in names[:index]:
            one.complain(f'the name "{name}" is another task\'s already')
        after = names[index + 1] if index + 1 < len(names) else None
        tasks.append(_read_task(one, name, index, after, known))
    return tasks


def _task_parts(part: Part) -> list[Part]:
    value = part.get("tasks")
    if not isinstance(value, list) or not value:
        part.wrong("tasks", "a list of tasks, not empty")
        return []
    named: list[Any] = [{"name": one} if isinstance(one, str) else one for one in value]
    fields: Mapping[str, Sequence[Any]] = {"tasks": named}
    return Part(fields, part.place, part.problems, part.file).parts("tasks")


def _read_task(
    part: Part, name: str, index: int, after: str | None, known: Known
) -> Task:
    part.refuse_unknown(("name", "retry", *REACH_KEYS))
    said = read_reach(part, known)
    resource: Mapping[str, Any] = {}
    if part.get("host") is None:
        if name not in known.resources:
            part.complain(f'expected a host, or "{name}" in resources', part.at("host"))
        resource = known.resources.get(name, {})
    return Task(
        name=name,
        index=index,
        next=after,
        reach=made_reach(name, resource, said, known=known),
        retry=read_retry(part, "retry"),
    )
