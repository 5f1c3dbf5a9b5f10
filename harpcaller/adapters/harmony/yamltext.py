"""YAML as Harmony writes services.yml: merge keys, and `!Env` for the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class BadYaml(Exception):
    """Text that is no such YAML; the sentence names the line."""


def read_yaml(text: bytes, variables: Mapping[str, str]) -> Any:
    """Return the value; `${X}` in an `!Env` text is a variable, empty if not set.

    Raises:
        BadYaml: it is none, or has another tag.
    """
    import yaml  # noqa: PLC0415 (an extra; most do without)

    class Loader(yaml.SafeLoader):
        """Reads values without classes; dates stay texts, as JSON has none."""

        yaml_implicit_resolvers = {  # noqa: RUF012 (how yaml finds them)
            first: [pair for pair in pairs if pair[0] != _TIMESTAMP]
            for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    def fill(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str | int:
        return _fill(str(loader.construct_scalar(node)), variables)

    Loader.add_constructor("!Env", fill)
    try:
        return yaml.load(text, Loader)  # noqa: S506 (a SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = "" if mark is None else f" at line {mark.line + 1}"
        raise BadYaml(f"no YAML{place}: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadYaml(f"no YAML: {type(error).__name__}") from None


def _fill(text: str, variables: Mapping[str, str]) -> str | int:
    filled = _VARIABLE.sub(partial(_value, variables), text)
    return int(filled) if _INTEGER.fullmatch(filled) else filled


def _value(variables: Mapping[str, str], match: re.Match[str]) -> str:
    return variables.get(match[1], "")


def read_variables(text: str) -> dict[str, str]:
    """Return the variables of an env file: `NAME=value` lines, quotes taken off.

    Raises:
        ValueError: the number of a line that is none.
    """
    variables: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip().removeprefix("export ")
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.partition("=")
        if not equals or not name.strip():
            raise ValueError(f"line {number}: expected NAME=value")
        variables[name.strip()] = _unquoted(value.strip())
    return variables


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in {'"', "'"}:
        return value[1:-1]
    return value
