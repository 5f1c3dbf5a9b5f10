"""Files that `harp-harmony` reads: messages and catalogs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harpcaller.adapters.harmony.reading import read_json
from harpcaller.adapters.harmony.refusals import Refusal
from harpcaller.adapters.harmony.sources import Override, cannot_read, read_sources
from protocol.jsontext import JsonValue

_MAX_DOCUMENT_BYTES = 4 * 2**20


class NoInput(Exception):
    """A file that was named cannot be read."""


def read_message(text: str | None, path: Path | None) -> bytes:
    """Return the text of a message, as it was given or from a file.

    Raises:
        NoInput: there is no such file.
    """
    if text is not None:
        return text.encode(errors="surrogateescape")
    try:
        return Path(path or "").read_bytes()
    except OSError as error:
        raise NoInput(f"{path}: {error.strerror}") from None


def read_sources_file(path: Path) -> JsonValue:
    """Return `sources` for a file: a catalog is named by its path, all else is read.

    Raises:
        Refusal: E15, it cannot be read.
    """
    value = read_document(str(path))
    if not isinstance(value, dict):
        raise cannot_read("it is neither a STAC catalog nor an object")
    if "files" in value or isinstance(read_sources(value), Override):
        return value
    return str(path.absolute())


def read_document(uri: str) -> Any:
    """Return the value of a document on this machine.

    Raises:
        Refusal: E15, it is elsewhere, too large, or no JSON.
    """
    path = Path(uri.removeprefix("file://"))
    if "://" in str(path) or ":/" in str(path):
        raise cannot_read("only files of this machine are read here")
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise cannot_read(f"{path.name}: {error.strerror}") from None
    except ValueError:  # a NUL, or what no name has
        raise cannot_read("a link leads to what is no path") from None
    if len(text) > _MAX_DOCUMENT_BYTES:
        raise cannot_read(f"{path.name} is larger than {_MAX_DOCUMENT_BYTES} bytes")
    try:
        return read_json(text)
    except Refusal:
        raise cannot_read(f"{path.name} is no JSON") from None
