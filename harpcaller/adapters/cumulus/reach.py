"""How a task is reached, as definitions and the table `resources` write it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from harpcaller.adapters.cumulus.errors import CumulusError
from harpcaller.adapters.cumulus.schemas import FORMATS, check_schema
from harpcaller.adapters.cumulus.task_input import check_config
from harpcaller.adapters.cumulus.terms import CallForm, TaskTerms
from harpcaller.adapters.cumulus.workflow import QueueTerms, Reach
from harpcaller.adapters.parts import Part
from protocol.jsontext import JsonValue

REACH_KEYS: Final = (
    "host",
    "procedure",
    "call",
    "fetch",
    "queue",
    "timeout",
    "max_exec_time",
    "input_format",
    "output_format",
    "schemas",
    "task_config",
)
_HARP: Final = re.compile(r"harp://([^/]+)/(.+)")
_SCHEMAS: Final = ("input", "config", "output")


@attrs.frozen(kw_only=True)
class Known:
    """What a definition may refer to: resources, as read, and documents beside it.

    `terms` are those of a task of which nothing is said.
    """

    resources: Mapping[str, Mapping[str, Any]]
    documents: Mapping[str, JsonValue]
    terms: TaskTerms


def read_reach(part: Part, known: Known) -> dict[str, Any]:
    """Return what is said of how a task is reached, by the names of `Reach`.

    What belongs to its message is under `terms`.
    """
    said = {
        "host": _read_host(part),
        "procedure": part.text("procedure"),
        "queue": _read_queue(part),
        "timeout_s": part.seconds("timeout"),
        "max_exec_s": part.seconds("max_exec_time"),
    }
    found = {name: value for name, value in said.items() if value is not None}
    return found | {"terms": _read_terms(part, known)}


def made_reach(name: str, *said: Mapping[str, Any], known: Known) -> Reach:
    """Return how task `name` is reached; what is said later counts."""
    fields: dict[str, Any] = {"host": "", "procedure": name}
    terms: dict[str, Any] = {}
    for words in said:
        fields |= {key: value for key, value in words.items() if key != "terms"}
        terms |= words.get("terms", {})
    return Reach(**fields, terms=attrs.evolve(known.terms, name=name, **terms))


def read_resource(part: Part, key: str, known: Known) -> Mapping[str, Any] | None:
    """Return what a Resource says: `harp://HOST/PROCEDURE`, or a name in the table."""
    resource = part.need_text(key)
    if resource in known.resources:
        return known.resources[resource]
    found = _HARP.fullmatch(resource)
    if found is not None and not found[1].startswith("@"):
        return {"host": found[1], "procedure": found[2]}
    if resource:
        part.wrong(
            key, f'harp://HOST/PROCEDURE or a name in resources, not "{resource}"'
        )
    return None


def is_template(host: str) -> bool:
    """Tell whether a message has a say in which host is called."""
    return "{" in host


# ── steps ──
def _read_host(part: Part) -> str | tuple[str, ...] | None:
    host: str | tuple[str, ...] | None
    if isinstance(part.get("host"), list):
        names = host = part.texts("host")
        if part.get("host") == []:
            part.wrong("host", "a host, or a list of them")
    else:
        host = part.text("host")
        names = () if host is None else (host,)
    if any(name.startswith("@") for name in names):
        part.wrong("host", 'a host that does not begin with "@"')
    return host


def _read_queue(part: Part) -> QueueTerms | None:
    queue = part.part("queue")
    if queue is None:
        return None
    queue.refuse_unknown(("name", "concurrency"))
    name = queue.need_part("name")
    concurrency = queue.get("concurrency")
    if not isinstance(concurrency, str):
        concurrency = queue.count("concurrency", 1, least=1)
    return QueueTerms(name={} if name is None else name.fields, concurrency=concurrency)


def _read_terms(part: Part, known: Known) -> dict[str, Any]:
    terms: dict[str, Any] = {}
    if part.get("call") is not None:
        terms["call"] = CallForm(part.one_of("call", list(CallForm), CallForm.NESTED))
    if part.get("fetch") is not None:
        terms["fetch"] = part.flag("fetch", default=True)
    for key in ("input_format", "output_format"):
        if part.get(key) is not None:
            terms[key] = part.one_of(key, FORMATS, "any")
    if part.get("schemas") is not None:
        terms["schemas"] = _read_schemas(part, known.documents)
    config = part.part("task_config")
    if config is not None:
        complain_of_config(config)
        terms["task_config"] = config.fields
    return terms


def complain_of_config(config: Part) -> None:
    """Complain of what a configuration says that no message could make right."""
    try:
        check_config(dict(config.fields))
    except CumulusError as error:
        config.complain(error.message)


def _read_schemas(
    part: Part, documents: Mapping[str, JsonValue]
) -> Mapping[str, JsonValue]:
    schemas = part.part("schemas")
    if schemas is None:
        return {}
    schemas.refuse_unknown(_SCHEMAS)
    found: dict[str, JsonValue] = {}
    for name in _SCHEMAS:
        schema = schemas.get(name)
        if isinstance(schema, str):
            if schema not in documents:
                schemas.wrong(name, f'a file beside the definition, not "{schema}"')
                continue
            schema = documents[schema]
        if schema is not None:
            found[name] = schema
            _complain_of_schema(schemas, name, schema)
    return found


def _complain_of_schema(schemas: Part, name: str, schema: JsonValue) -> None:
    problem = check_schema(schema)
    if problem is not None:
        schemas.complain(problem, schemas.at(name))
