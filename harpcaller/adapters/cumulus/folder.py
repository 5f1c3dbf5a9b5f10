"""The directory of definitions: which of its files are one, and what each holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

import attrs

from harpcaller.adapters.adapter import Files, Problem
from harpcaller.adapters.parts import Part
from protocol.errors import WireError
from protocol.jsontext import JsonValue, decode

_SPECIAL: Final = re.compile(r"([*?[])")  # to a glob
_ANY_DEPTH: Final = "**/*.json"


@attrs.frozen(kw_only=True)
class Folder:
    """What the files hold: those on top by how they were named, others by their path.

    `documents` are what definitions may refer to, like "schemas/out.json".
    """

    definitions: Mapping[str, JsonValue]
    documents: Mapping[str, JsonValue]


def glob_of(directory: str) -> str:
    """Return the glob of all that is read of a directory."""
    literal = _SPECIAL.sub(r"[\1]", directory.rstrip("/"))
    return f"{literal}/{_ANY_DEPTH}"


def read_folder(table: Part, contents: Files) -> Folder:
    """Return what is in the directory that the table names."""
    directory = table.need_text("workflows")
    definitions: dict[str, JsonValue] = {}
    documents: dict[str, JsonValue] = {}
    for file, content in contents.items():
        path = PurePosixPath(file).relative_to(directory)
        try:
            value = decode(content.removeprefix(b"\xef\xbb\xbf"))
        except WireError as error:
            problem = Problem(place="", message=f"no JSON: {error.message}", file=file)
            table.problems.append(problem)
            continue
        if len(path.parts) == 1:
            definitions[file] = value
        else:
            documents[str(path)] = value
    if directory and not contents:
        table.wrong("workflows", "a directory with a definition in it (*.json)")
    return Folder(definitions=definitions, documents=documents)
