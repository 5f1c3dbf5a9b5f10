"""The metadata directory of a container: what it leaves there for Harmony."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

import attrs

from harpcaller.adapters.harmony.sources import ROOT
from harpcaller.tools.harmony_failure import Failure
from protocol.jsontext import JsonValue, encode

_ERROR: Final = "error.json"
_MESSAGE: Final = "message.json"
_RUN: Final = "run.json"
_SECRET_MODE: Final = 0o600  # a message has the user's token
_USUAL_MODE: Final = 0o666  # less what the umask takes


class Outside(Exception):
    """A document's name leads out of the directory."""


@attrs.frozen
class MetadataDir:
    """A directory that is made if it is missing; every file in it is whole."""

    path: Path

    def prepare(self) -> None:
        """Make it; an error that an earlier container left there is none of ours.

        Raises:
            OSError: it cannot be made or written to.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / _ERROR).unlink(missing_ok=True)

    def write_outputs(
        self, bundle: Mapping[str, Any], message: Mapping[str, JsonValue]
    ) -> None:
        """Write the catalog tree, and what is left of the message.

        Raises:
            Outside: a document would stand elsewhere; nothing is written.
            OSError: the directory cannot be written to.
        """
        files: Mapping[str, JsonValue] = bundle["files"]
        for name in files:
            _refuse_outside(name)
        for name in files:
            self._write(name, files[name], _USUAL_MODE)
        root = bundle["root"]
        if root != ROOT:
            self._write(ROOT, files[root], _USUAL_MODE)
        self._write(_MESSAGE, dict(message), _SECRET_MODE)

    def write_run(self, outputs: JsonValue) -> None:
        """Write what each output comes from: service, time, inputs, request.

        Raises:
            OSError: the directory cannot be written to.
        """
        self._write(_RUN, {"outputs": outputs}, _USUAL_MODE)

    def write_error(self, failure: Failure) -> None:
        """Write why there are no outputs.

        Raises:
            OSError: the directory cannot be written to.
        """
        self._write(_ERROR, failure.document, _USUAL_MODE)

    def _write(self, name: str, value: JsonValue, mode: int) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        unfinished.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(unfinished, flags, mode), "wb") as file:
            file.write(encode(value))
        unfinished.replace(path)


def _refuse_outside(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.name or "\0" in name:
        raise Outside(f"an output catalog is named {name!r}")
