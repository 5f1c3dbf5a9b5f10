"""A workflow as it is carried out: states that lead to one another.

A list of tasks is a chain of Task states; only its end differs, see `is_list`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import attrs

from harpcaller.adapters.cumulus.choice import Branch
from harpcaller.adapters.cumulus.retrying import Catcher, Retrier
from harpcaller.adapters.cumulus.terms import TaskTerms
from protocol.jsontext import JsonValue

WHOLE: Final = "$"


@attrs.frozen(kw_only=True)
class QueueTerms:
    """The queue of a task; strings in both are templates."""

    name: Mapping[str, JsonValue]
    concurrency: JsonValue = 1


@attrs.frozen(kw_only=True)
class Reach:
    """How a task's procedure is called, and what its message goes through.

    `host` is a name, or a template, or a list of names to choose from.
    """

    host: str | tuple[str, ...]
    procedure: str
    terms: TaskTerms
    queue: QueueTerms | None = None
    timeout_s: float | None = None
    max_exec_s: float | None = None


@attrs.frozen(kw_only=True)
class Paths:
    """What of a document a state works on, and what becomes of its result."""

    input: str | None = WHOLE
    result: str | None = WHOLE
    output: str | None = WHOLE


@attrs.frozen(kw_only=True)
class Parameters:
    """What a state makes of its input before it works; paths in it are not read yet.

    With `is_cma` it is a message with what one step adds to it.
    """

    template: JsonValue
    is_cma: bool = False


@attrs.frozen(kw_only=True)
class Task:
    """A call; without `next` it is the last."""

    name: str
    reach: Reach
    next: str | None = None
    index: int | None = None  # in a list
    paths: Paths = Paths()
    parameters: Parameters | None = None
    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Tell whether its parameters are the arguments, and there is no message."""
        return self.parameters is not None and not self.parameters.is_cma


@attrs.frozen(kw_only=True)
class Pass:
    """Changes the document; `result` is there only with `has_result`."""

    name: str
    next: str | None = None
    paths: Paths = Paths()
    parameters: Parameters | None = None
    has_result: bool = False
    result: JsonValue = None


@attrs.frozen(kw_only=True)
class Choice:
    """Goes where the first rule leads that holds."""

    name: str
    branches: tuple[Branch, ...]
    default: str | None = None
    paths: Paths = Paths()


@attrs.frozen(kw_only=True)
class Wait:
    """Lets time pass: some seconds, or as many as are at a path."""

    name: str
    next: str | None = None
    seconds: float = 0
    seconds_path: str | None = None
    paths: Paths = Paths()


@attrs.frozen(kw_only=True)
class Succeed:
    """Ends; the document is the result."""

    name: str
    paths: Paths = Paths()


@attrs.frozen(kw_only=True)
class Fail:
    """Ends with an exception."""

    name: str
    error: str = "Cumulus.WorkflowFailed"
    cause: str = ""


State: TypeAlias = Task | Pass | Choice | Wait | Succeed | Fail


@attrs.frozen(kw_only=True)
class Workflow:
    """What `name` stands for.

    With `is_list` a task that writes an exception ends it.
    """

    name: str
    start_at: str
    states: Mapping[str, State]
    is_list: bool = False
    max_exec_s: float | None = None

    @property
    def tasks(self) -> list[Task]:
        """The tasks, in the order of the definition."""
        return [state for state in self.states.values() if isinstance(state, Task)]
