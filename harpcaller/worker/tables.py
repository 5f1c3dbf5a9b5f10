"""The tables of harpd.toml that say how procedures run: [defaults], [[procedure]]."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import attrs

from harpcaller.worker.catalogue import Defaults, Offered
from harpcaller.worker.declared import read_argument
from harpcaller.worker.errand import LAST_WORDS_S
from harpcaller.worker.harmony.settings import HarmonyCli, HarmonyHttp
from harpcaller.worker.harmony.tables import (
    CLI_KEYS,
    HTTP_KEYS,
    read_cli,
    read_http,
)
from harpcaller.worker.keys import Types, check_keys
from harpcaller.worker.kinds.executable import Executable
from harpcaller.worker.kinds.output import ResultMode
from harpcaller.worker.kinds.template import check_template
from harpcaller.worker.profile import IO_CLASSES, RLIMITS, Confines, Profile

Table: TypeAlias = Mapping[str, Any]

_NAME = (str, int)
PROFILE_KEYS: dict[str, Types] = {
    "user": _NAME,
    "group": _NAME,
    "groups": list,
    "pass_environment": list,
    "environment": dict,
    "cwd": str,
    "umask": str,
    "nice": int,
    "io_class": str,
    "limits": dict,
}
LIMIT_KEYS: dict[str, Types] = {
    "timeout_s": (int, float),
    "max_output_bytes": int,
    "max_calls": int,
    "max_waiting": int,
    **dict.fromkeys(RLIMITS, int),
}
PROCEDURE_KEYS: dict[str, Types] = {
    "name": str,
    "kind": str,
    "description": str,
    "argv": list,
    "arguments": list,
    "result": str,
    "stream": bool,
}
KINDS: dict[str, dict[str, Types]] = {
    "executable": PROCEDURE_KEYS,
    "harmony_cli": CLI_KEYS,
    "harmony_http": HTTP_KEYS,
}
"""The kinds of procedures, and the keys that the table of each may have."""

HARMONY_GRACE_S = 10.0  # a service has time to stage what it has, or to let it be
_LISTS = (
    ("groups", _NAME, "names and numbers"),
    ("pass_environment", (str,), "strings"),
)
_ABOVE_ZERO = ("timeout_s", "max_calls")
_MOST_NICE = 19
_MOST_OF_PROCESS = 2**63 - 1  # what Python hands to setrlimit(2)


def read_defaults(table: Table) -> Defaults:
    """Return what [defaults] spells.

    Raises:
        ValueError: naming the key.
    """
    where = "[defaults]"
    check_keys(where, table, PROFILE_KEYS)
    return _changed(where, table, Defaults())


def read_procedures(tables: Iterable[Any], defaults: Defaults) -> tuple[Offered, ...]:
    """Return what the [[procedure]] tables spell.

    Raises:
        ValueError: naming the procedure and the key.
    """
    return tuple(_read_procedure(table, defaults) for table in tables)


def _read_procedure(table: Any, defaults: Defaults) -> Offered:
    if not isinstance(table, dict) or not isinstance(table.get("name"), str):
        message = '[[procedure]]: "name": every procedure needs one'
        raise ValueError(message)  # noqa: TRY004 (the value of a key, not our caller)
    where = f'[[procedure]] "{table["name"]}"'
    kind = table.get("kind", "executable")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f'{where}: "kind": expected one of {", ".join(KINDS)}')
    check_keys(where, table, KINDS[kind] | PROFILE_KEYS)
    ours = {key: value for key, value in table.items() if key in PROFILE_KEYS}
    changed = _changed(where, ours, defaults)
    try:
        return _offered(kind, table, changed)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _offered(kind: str, table: Table, changed: Defaults) -> Offered:
    profile = changed.profile
    what: Executable | HarmonyCli | HarmonyHttp
    if kind == "executable":
        what = _read_executable(table)
    elif kind == "harmony_http":
        what = read_http(table)
    else:
        what = read_cli(table, dict(profile.environment))
        profile = attrs.evolve(
            profile, term_grace_s=HARMONY_GRACE_S, farewell_s=LAST_WORDS_S
        )
    return Offered(what=what, profile=profile, limits=changed.limits)


def _read_executable(table: Table) -> Executable:
    argv = _strings(table, "argv")
    arguments = tuple(map(read_argument, table.get("arguments", [])))
    names = [argument.name for argument in arguments]
    if len(set(names)) < len(names):
        raise ValueError('"arguments": two have the same name')
    check_template(argv, arguments)
    result = table.get("result", ResultMode.EXIT.value)
    if result not in set(ResultMode):
        expected = ", ".join(ResultMode)
        raise ValueError(f'"result": expected one of {expected}')
    return Executable(
        name=table["name"],
        argv=argv,
        description=table.get("description", ""),
        arguments=arguments,
        result=ResultMode(result),
        streams=table.get("stream", True),
    )


def _changed(where: str, table: Table, before: Defaults) -> Defaults:
    """Return `before` with what the table says otherwise."""
    try:
        limits = table.get("limits", {})
        _check_limits(limits)
        return Defaults(
            profile=_change_profile(table, limits, before.profile),
            limits=attrs.evolve(
                before.limits,
                **{key: limits[key] for key in limits if key not in RLIMITS},
            ),
        )
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _check_limits(limits: Table) -> None:
    check_keys("limits", limits, LIMIT_KEYS)
    for key, value in limits.items():
        if not value >= 0 or (value == 0 and key in _ABOVE_ZERO):  # nan is not
            raise ValueError(f'"{key}": too small')
        if key in RLIMITS and value > _MOST_OF_PROCESS:
            raise ValueError(f'"{key}": too large')


def _change_profile(table: Table, limits: Table, before: Profile) -> Profile:
    rlimits = dict(before.confines.rlimits)
    rlimits.update({key: limits[key] for key in limits if key in RLIMITS})
    changes: dict[str, Any] = {
        key: table[key] for key in ("user", "group", "io_class") if key in table
    }
    if "user" in table:  # the groups of another user are not this one's
        changes |= {"groups": (), "group": table.get("group")}
    for key, types, expected in _LISTS:
        if key in table:
            changes[key] = tuple(table[key])
            if not all(type(value) in types for value in changes[key]):
                raise ValueError(f'"{key}": expected a list of {expected}')
    if changes.get("io_class", "idle") not in IO_CLASSES:
        raise ValueError(f'"io_class": expected one of {", ".join(IO_CLASSES)}')
    environment = dict(before.environment) | _variables(table)
    return attrs.evolve(
        before,
        environment=tuple(environment.items()),
        confines=_change_confines(table, rlimits, before.confines),
        **changes,
    )


def _variables(table: Table) -> dict[str, str]:
    """Return the variables of a table, such as a process can have."""
    variables: dict[str, Any] = table.get("environment", {})
    for name, value in variables.items():
        if not isinstance(value, str):
            raise ValueError('"environment": expected strings')  # noqa: TRY004 (as above)
        if not name or "=" in name or "\0" in name + value:
            raise ValueError(f'"environment": no variable can be {name!r}')
    return variables


def _change_confines(
    table: Table, rlimits: Mapping[str, int], before: Confines
) -> Confines:
    changes: dict[str, Any] = {
        key: table[key] for key in ("cwd", "nice") if key in table
    }
    if not 0 <= changes.get("nice", 0) <= _MOST_NICE:
        raise ValueError(f'"nice": expected 0 to {_MOST_NICE}')
    if not changes.get("cwd", "/").startswith("/"):
        raise ValueError('"cwd": expected a path from the root')
    if "umask" in table:
        changes["umask"] = _octal(table["umask"])
    return attrs.evolve(before, rlimits=tuple(sorted(rlimits.items())), **changes)


def _octal(text: str) -> int:
    try:
        mask = int(text, 8)
    except ValueError:
        mask = -1
    if not 0 <= mask <= 0o777:
        raise ValueError('"umask": expected three octal digits, such as "022"')
    return mask


def _strings(table: Table, key: str) -> tuple[str, ...]:
    values = table.get(key, [])
    if not values or not all(isinstance(value, str) for value in values):
        raise ValueError(f'"{key}": expected a list of strings')
    return tuple(values)
