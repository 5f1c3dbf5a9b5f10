"""What an adapter's folder exports: how its settings are judged and its calls begun."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

import attrs

from harpcaller.adapters.fed import Fed
from harpcaller.adapters.machine import Machine
from harpcaller.adapters.places import Places
from harpcaller.adapters.route import Route
from protocol.call import Call
from protocol.job import JobId
from protocol.jsontext import JsonValue

Settings = TypeVar("Settings")
"""What an adapter makes of its table and files: a value of its own, no sequence."""

Table: TypeAlias = Mapping[str, Any]
"""`[adapters.NAME]` as TOML gives it, less the keys that are the core's."""

Files: TypeAlias = Mapping[str, bytes]
"""The files that the globs matched, by path; relative ones as they were written."""


@attrs.frozen(kw_only=True)
class Problem:
    """A mistake in an adapter's settings: where it is, and what was expected there.

    `place` is a key of the table (`resources.sync.host`), or, with `file`, a place in
    that file.
    """

    place: str
    message: str
    file: str | None = None


@attrs.frozen(kw_only=True)
class CoreLimits:
    """What the core allows to any call, in seconds and bytes."""

    max_exec_s: float
    max_worker_line_bytes: int


@attrs.frozen(kw_only=True)
class Admitted:
    """How a call to the adapter is kept.

    `sealed` are JSON pointers into its arguments, the client's own among them.
    `max_exec_s` is the wall time from its first start until it is told to end; where
    nobody runs it, how long it may be silent. `label` is shown in lists and in the log:
    nothing in it is secret.
    """

    max_exec_s: float
    sealed: tuple[str, ...] = ()
    label: str | None = None


@attrs.frozen(kw_only=True)
class Refused:
    """Why a call is an `invalid_request`: `code` is one of the adapter's own."""

    code: str
    message: str
    data: Mapping[str, JsonValue] = attrs.field(factory=dict)


def _keep_nothing(_: Any, __: Call) -> bytes:
    return b""


def _no_machine(_: bytes, __: JobId, ___: Call) -> Machine:
    raise LookupError("nobody runs the jobs of this adapter")


def _no_places(_: Any) -> Places:
    return Places()


def _no_doubts(_: Any) -> Sequence[str]:
    return ()


@attrs.frozen(kw_only=True)
class Adapter(Generic[Settings]):
    """One kind of foreign message; every function is pure.

    `files` names what `load` wants to see, as globs; it is given the table unjudged.
    `admit` judges a call by itself, its sealed values in place. `keep` returns what of
    the settings a call goes by: it is kept with the job, so that no reload changes one
    that has begun, and `machine` is made of it, once for each life of the dispatcher.
    With `opens_sealed` the machine is given sealed values themselves, else references.
    `places` bounds what its Fetch and Save may touch. `doubts` are sentences about
    settings that are good but may not be meant so, each with its key. `check_status` is
    what `harpcallerd check` exits with where nothing but its settings is wrong.

    An adapter with `fed` has no machine: nobody runs its jobs, its routes feed them.
    `fed` makes what such a job has come to, of its call and before its first packet.
    """

    name: str
    files: Callable[[Table], Sequence[str]]
    load: Callable[[Table, Files, CoreLimits], Settings | Sequence[Problem]]
    admit: Callable[[Settings, Call], Admitted | Refused]
    keep: Callable[[Settings, Call], bytes] = _keep_nothing
    machine: Callable[[bytes, JobId, Call], Machine] = _no_machine
    fed: Callable[[Call], Fed] | None = None
    routes: tuple[Route[Settings], ...] = ()
    opens_sealed: bool = False
    places: Callable[[Settings], Places] = _no_places
    doubts: Callable[[Settings], Sequence[str]] = _no_doubts
    check_status: int = 1
