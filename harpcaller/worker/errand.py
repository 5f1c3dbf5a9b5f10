"""A call that harpd itself has the code for, and what is left to do when it is over."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress

import attrs

from protocol.jsontext import JsonValue

LAST_WORDS_S = 5.0


@attrs.frozen(kw_only=True)
class Errand:
    """What a supervisor has carried out in place of a procedure of the file.

    `kind` says by which code, `settings` are for that. `private_dir` is a folder that
    the call may make; it and what is in it go when the call is over, whatever ended
    it. Then `last_words`, a command, ends what no signal reaches: a container.
    """

    kind: str
    settings: JsonValue = attrs.field(repr=False)
    private_dir: str
    last_words: tuple[str, ...] = ()


def write_errand(errand: Errand) -> JsonValue:
    """Return the errand as a value that goes to a supervisor."""
    return {
        "kind": errand.kind,
        "settings": errand.settings,
        "private_dir": errand.private_dir,
        "last_words": [*errand.last_words],
    }


def read_errand(value: JsonValue) -> Errand | None:
    """Return the errand that harpd wrote, None if it wrote none."""
    if value is None:
        return None
    assert isinstance(value, dict)  # noqa: S101 (by `write_errand`)
    words = value["last_words"]
    assert isinstance(words, list)  # noqa: S101 (as above)
    return Errand(
        kind=str(value["kind"]),
        settings=value["settings"],
        private_dir=str(value["private_dir"]),
        last_words=tuple(map(str, words)),
    )


def clean_up(errand: Errand) -> None:
    """Leave nothing of a call whose processes are gone."""
    if errand.last_words:
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(  # noqa: S603 (the operator's own words, no shell)
                errand.last_words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=LAST_WORDS_S,
                check=False,
            )
    if os.path.lexists(errand.private_dir):
        shutil.rmtree(errand.private_dir, ignore_errors=True)
