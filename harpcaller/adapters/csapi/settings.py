"""The table `[adapters.csapi]` and its files: settings, or all that is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from harpcaller.adapters.adapter import CoreLimits, Files, Problem, Table
from harpcaller.adapters.csapi.patterns import nests_repeats
from harpcaller.adapters.csapi.service import (
    NAME_EXPECTED,
    Service,
    is_name,
    read_service,
)
from harpcaller.adapters.parts import Part
from protocol.errors import WireError
from protocol.jsontext import decode

KEYS: Final = ("errorcodes", "sync_wait_s", "allow_schemes", "consumers", "services")
FILE_KEYS: Final = ("definition", "configuration_schema")
SYNC_WAIT_S: Final = 60.0
SCHEMES: Final = ("http", "https")
ERRORCODES: Final[Mapping[str, int]] = {
    "InputUnavailable": 8001,
    "OutputNotRegistered": 8002,
}
MAX_CODE: Final = 99999
_SPECIAL: Final = re.compile(r"([*?[])")  # to a glob
_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f]")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*")


@attrs.frozen(kw_only=True)
class Settings:
    """What the table and its files settle; it never changes.

    `errorcodes` are those of exceptions, by their type; `consumers` who the identities
    are to the services; `services` those that cannot be changed over HTTP.
    """

    errorcodes: Mapping[str, int] = ERRORCODES
    sync_wait_s: float = SYNC_WAIT_S
    schemes: tuple[str, ...] = SCHEMES
    consumers: Mapping[str, str] = attrs.field(factory=dict)
    services: Mapping[str, Service] = attrs.field(factory=dict)

    def may_fetch(self, url: str) -> bool:
        """Tell whether a worker may be told to fetch this; it is never fetched here."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        is_whole = parts.netloc or (parts.scheme not in SCHEMES and parts.path)
        is_clean = _UNSAFE.search(url) is None  # urlsplit leaves such out
        return parts.scheme in self.schemes and bool(is_whole) and is_clean


def files(table: Table) -> Sequence[str]:
    """Return globs of the files that services keep their JSON in."""
    return [_SPECIAL.sub(r"[\1]", name) for name in _file_names(table)]


def load(table: Table, contents: Files, _: CoreLimits) -> Settings | Sequence[Problem]:
    """Return the settings, or all that is wrong with them."""
    problems: list[Problem] = []
    part = Part(table, "", problems)
    part.refuse_unknown(KEYS)
    settings = Settings(
        errorcodes=_errorcodes(part),
        sync_wait_s=part.seconds("sync_wait_s") or SYNC_WAIT_S,
        schemes=_schemes(part),
        consumers=_consumers(part),
        services=_services(part, contents),
    )
    return problems or settings


def _errorcodes(part: Part) -> Mapping[str, int]:
    codes = part.part("errorcodes")
    if codes is None:
        return ERRORCODES
    for name, code in codes.fields.items():
        if type(code) is not int or not 1 <= code <= MAX_CODE:
            codes.wrong(name, f"a number from 1 to {MAX_CODE}")
    return codes.fields


def _schemes(part: Part) -> tuple[str, ...]:
    schemes = part.texts("allow_schemes")
    if not all(map(_SCHEME.fullmatch, schemes)):
        part.wrong("allow_schemes", 'schemes in lower case, such as "s3"')
    return schemes or SCHEMES


def _consumers(part: Part) -> Mapping[str, str]:
    consumers = part.part("consumers")
    if consumers is None:
        return {}
    return {name: consumers.need_text(name) for name in consumers.fields}


def _services(part: Part, contents: Files) -> Mapping[str, Service]:
    tables = part.part("services")
    if tables is None:
        return {}
    found: dict[str, Service] = {}
    for name in tables.fields:
        if not is_name(name):
            tables.wrong(name, f"a name of {NAME_EXPECTED}")
            continue
        table = tables.part(name)
        service = None if table is None else read_service(name, _whole(table, contents))
        if service is not None:
            found[name] = service
    if sum(service.is_default for service in found.values()) > 1:
        tables.complain("one service may be the default")
    return found


def _whole(part: Part, contents: Files) -> Part:
    """Return the table of a service with its files' values in place of their names."""
    fields = dict(part.fields)
    for key in FILE_KEYS:
        name = fields.get(key)
        if isinstance(name, str):
            fields[key] = _value(part, key, contents.get(name))
    return attrs.evolve(part, fields=fields)


def _value(part: Part, key: str, content: bytes | None) -> Any:
    if content is None:
        part.wrong(key, "a table, or a JSON file that is there")
        return None
    try:
        return decode(content)
    except WireError as error:
        part.complain(error.message, part.at(key))
        return None


def _file_names(table: Table) -> Sequence[str]:
    services = table.get("services")
    if not isinstance(services, dict):
        return ()
    tables = [one for one in services.values() if isinstance(one, dict)]
    values = [one.get(key) for one in tables for key in FILE_KEYS]
    return [value for value in values if isinstance(value, str) and value]


def doubts(settings: Settings) -> Sequence[str]:
    """Return a sentence for each expression that hostile text may keep busy."""
    return [
        f'services.{name}.exec_allow: "{pattern.pattern}" repeats what repeats:'
        " on hostile text that may take for ever"
        for name, service in settings.services.items()
        for pattern in service.exec_allow
        if nests_repeats(pattern.pattern)
    ]
