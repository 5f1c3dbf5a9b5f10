"""Procedures: Python functions that may be called from afar, and the file they are in.

What a procedures file imports must be light and must start no thread: it is loaded
into the process that every call is forked from, and what it opens there is closed
in calls.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, overload

import attrs

_F = TypeVar("_F", bound=Callable[..., Any])
_MARK = "__harp_procedure__"
_MODULE = "harpd_procedures"


@attrs.frozen
class Result:
    """The result of a streaming procedure: the last thing that it yields."""

    value: Any


@attrs.frozen(kw_only=True)
class Info:
    """Who has a call run: what a procedure marked with `info=True` is given.

    `user` is the name by which the dispatcher called, `job_id` that of its job, None
    where it does not say; `peer` is the dispatcher's address, "unix" for a local one.
    """

    user: str
    job_id: str | None = None
    peer: str


@attrs.frozen(kw_only=True)
class Procedure:
    """A function, and what its process needs to be before it is called.

    `signature` is what callers see, without `info`. `uid` and `gid` are numbers or
    names; the group of a user is its own, unless named.
    """

    function: Callable[..., Any]
    signature: inspect.Signature
    streams: bool
    wants_info: bool = False
    timeout_s: float | None = None
    uid: int | str | None = None
    gid: int | str | None = None


@overload
def procedure(function: _F) -> _F: ...
@overload
def procedure(
    *,
    timeout: float | None = None,
    uid: int | str | None = None,
    gid: int | str | None = None,
    info: bool = False,
) -> Callable[[_F], _F]: ...
def procedure(function: _F | None = None, **limits: Any) -> _F | Callable[[_F], _F]:
    """Mark a function whose value is the result of a call.

    `timeout` is in seconds; `uid` and `gid` say as whom it runs. With `info` the
    function's argument of that name is an `Info`, which no caller can give.
    """
    if function is not None:
        return _marked(function, streams=False)
    return lambda function: _marked(function, streams=False, **limits)


@overload
def streaming_procedure(function: _F) -> _F: ...
@overload
def streaming_procedure(
    *,
    timeout: float | None = None,
    uid: int | str | None = None,
    gid: int | str | None = None,
    info: bool = False,
) -> Callable[[_F], _F]: ...
def streaming_procedure(
    function: _F | None = None, **limits: Any
) -> _F | Callable[[_F], _F]:
    """Mark a generator function: it yields packets and, last, a `Result`.

    Without a `Result`, what it returns is the result. The options are those of
    `procedure`.
    """
    if function is not None:
        return _marked(function, streams=True)
    return lambda function: _marked(function, streams=True, **limits)


def _marked(  # noqa: PLR0913 (the options of a decorator)
    function: _F,
    *,
    streams: bool,
    timeout: float | None = None,
    uid: int | str | None = None,
    gid: int | str | None = None,
    info: bool = False,
) -> _F:
    """Return the function itself, so that it can still be called and tested.

    Raises:
        TypeError: it has no argument for the `info` that it is to be given.
    """
    signature = inspect.signature(function)
    if info:
        signature = _without_info(signature)
    marked = Procedure(
        function=function,
        signature=signature,
        streams=streams,
        wants_info=info,
        timeout_s=timeout,
        uid=uid,
        gid=gid,
    )
    setattr(function, _MARK, marked)
    return function


def _without_info(signature: inspect.Signature) -> inspect.Signature:
    parameters = dict(signature.parameters)
    found = parameters.pop("info", None)
    if found is None or found.kind not in _BY_NAME:
        raise TypeError('a procedure marked with info=True needs an argument "info"')
    return signature.replace(parameters=[*parameters.values()])


_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def load_source(source: bytes, path: Path) -> Mapping[str, Procedure]:
    """Return the procedures in `source`, which was read from `path`, by their names.

    Raises:
        Exception: whatever the code raises.
    """
    module = ModuleType(_MODULE)
    module.__file__ = str(path)
    sys.modules[_MODULE] = module
    # Its own code, that is what procedures are.
    exec(compile(source, path, "exec", dont_inherit=True), vars(module))  # noqa: S102
    return {
        name: getattr(thing, _MARK)
        for name, thing in vars(module).items()
        if inspect.isfunction(thing) and hasattr(thing, _MARK)
    }
