"""bindings.yml: how the images of services are reached, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import attrs

from harpcaller.adapters.adapter import Problem
from harpcaller.adapters.harmony.chains import Chain, Step, last_segment, untagged
from harpcaller.adapters.harmony.section import Section
from protocol.jsontext import JsonValue

DEFAULT_TIMEOUT_S: Final = 120.0
DEFAULT_MAX_EXEC_S: Final = 14400.0
_WORDS: Final = ("@granules", "@items")


class Reach(StrEnum):
    """How a service is invoked."""

    CLI = "cli"
    HTTP = "http"
    METHOD = "method"


@attrs.frozen
class Constant:
    """An argument that does not depend on the request."""

    value: JsonValue


Argument = str | Constant
"""A JSON pointer into the message, `@granules`, `@items`, or a constant."""


@attrs.frozen(kw_only=True)
class Binding:
    """Where an image runs; limits in seconds.

    Batches take turns at the hosts. `arguments` of a method are named, or positional.
    """

    reach: Reach
    hosts: tuple[str, ...]
    procedure: str
    timeout_s: float = DEFAULT_TIMEOUT_S
    max_exec_s: float = DEFAULT_MAX_EXEC_S
    env: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    is_flow_declared: bool = True  # else a step is told what the one before it left
    is_shared: bool = True
    is_per_service: bool = False  # one queue for all requests
    title: str | None = None
    version: str | None = None
    publisher: str | None = None
    arguments: Mapping[str, Argument] | tuple[Argument, ...] = ()
    url: str | None = None


KEYS: Final = (
    "kind",
    "host",
    "procedure",
    "timeout",
    "max_exec_time",
    "env",
    "message_flow",
    "shared_dir",
    "queue_scope",
    "title",
    "version",
    "publisher",
    "arguments",
    "url",
)


@attrs.frozen(kw_only=True)
class Surroundings:
    """What else decides on a binding: the core's limit, a directory for all."""

    core_max_exec_s: float
    has_work_dir: bool


def read_bindings(
    document: Any, file: str, around: Surroundings, problems: list[Problem]
) -> dict[str, Binding]:
    """Return the bindings by their keys; what is wrong is added to `problems`."""
    top = Section({}, problems, "", file)
    if isinstance(document, dict):
        top.values = document
    elif document is not None:
        top.complain("expected a mapping of images to bindings")
    bindings = {}
    for key, values in top.values.items():
        section = Section({}, problems, str(key), file)
        if isinstance(values, dict):
            section.values = values
            bindings[image_key(str(key))] = _read_binding(section, around)
        else:
            section.complain("expected a mapping")
    return bindings


def keys_of(chain: Chain, step: Step) -> tuple[str, ...]:
    """Return the keys that may bind a step, the first one wins."""
    return f"{chain.name}#{step.number}", step.image, "*"


def find_binding(
    bindings: Mapping[str, Binding], chain: Chain, step: Step
) -> Binding | None:
    """Return how a step is reached: by service and number, image, or what fits all."""
    for key in keys_of(chain, step):
        if key in bindings:
            found = bindings[key]
            image = last_segment(step.image)
            return attrs.evolve(
                found,
                procedure=found.procedure.replace("{image}", image),
                url=found.url or chain.url,
            )
    return None


def image_key(key: str) -> str:
    """Return what a key of bindings.yml names: an image needs no tag."""
    return key if "#" in key else untagged(key)


def _read_binding(section: Section, around: Surroundings) -> Binding:
    section.refuse_unknown(KEYS)
    reach = Reach(section.one_of("kind", list(Reach), Reach.CLI))
    if section.get("kind") is None:
        section.wrong("kind", "one of " + ", ".join(Reach))
    return Binding(
        reach=reach,
        hosts=_read_hosts(section),
        procedure=section.need_text("procedure"),
        timeout_s=section.seconds("timeout") or DEFAULT_TIMEOUT_S,
        max_exec_s=_read_max_exec(section, around),
        env=_read_env(section),
        is_flow_declared=section.one_of(
            "message_flow", ("declared", "remaining"), "declared"
        )
        == "declared",
        is_shared=_read_shared(section, around),
        is_per_service=section.one_of("queue_scope", ("request", "service"), "request")
        == "service",
        title=section.text("title"),
        version=section.text("version"),
        publisher=section.text("publisher"),
        arguments=_read_arguments(section) if reach is Reach.METHOD else (),
        url=section.text("url"),
    )


def _read_hosts(section: Section) -> tuple[str, ...]:
    hosts = section.texts("host")
    if not hosts or not all(hosts):
        section.wrong("host", "the name of a host, or a list of them")
    for host in hosts:
        if host.startswith("@"):
            section.complain(f'host: "{host}" is an adapter, no worker')
    return hosts


def _read_max_exec(section: Section, around: Surroundings) -> float:
    asked = section.seconds("max_exec_time")
    if asked is None:
        return min(DEFAULT_MAX_EXEC_S, around.core_max_exec_s)
    if asked > around.core_max_exec_s:
        most = around.core_max_exec_s
        section.complain(f"max_exec_time: the core allows {most:g} seconds at most")
    return asked


def _read_shared(section: Section, around: Surroundings) -> bool:
    is_shared = section.flag("shared_dir", default=around.has_work_dir)
    if is_shared and not around.has_work_dir:
        section.complain("shared_dir: there is no work_dir to share")
    return is_shared


def _read_env(section: Section) -> dict[str, str]:
    env = section.inner("env").values
    if not all(isinstance(value, str) for value in env.values()):
        section.wrong("env", "a mapping of names to texts")
        return {}
    return dict(env)


def _read_arguments(
    section: Section,
) -> Mapping[str, Argument] | tuple[Argument, ...]:
    value = section.get("arguments")
    if isinstance(value, list):
        return tuple(_read_argument(section, argument) for argument in value)
    named = section.inner("arguments").values
    return {
        str(name): _read_argument(section, argument) for name, argument in named.items()
    }


def _read_argument(section: Section, value: Any) -> Argument:
    if isinstance(value, dict) and list(value) == ["const"]:
        return Constant(value["const"])
    if isinstance(value, str) and (value in _WORDS or value.startswith("/")):
        return value
    section.wrong("arguments", 'JSON pointers, "@granules", "@items" or {const: ..}')
    return Constant(None)
