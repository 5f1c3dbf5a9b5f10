"""What the completions of shells ask a daemon for; standard library only."""

from __future__ import annotations

import itertools
import re
import sys
from argparse import REMAINDER, Namespace
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeAlias

from indira.cli import CommandFailed, Exit, Verbs
from indira.client import AdminClient, AdminError

Listing: TypeAlias = Callable[[AdminClient], Iterable[str]]

_MAX_CANDIDATES = 100  # more than that helps nobody who has pressed a key
_PATIENCE_S = 1.0
_SOCKET = re.compile(r"(?:^|\0)--socket[=\0]([^\0]+)")


def add_complete(verbs: Verbs, listings: Mapping[str, Listing]) -> None:
    """Add the verb that prints candidates, one a line; no help shows it.

    It takes the words that were typed so far, for a `--socket` among them. Of a
    daemon that cannot be asked it says nothing: somebody is typing.
    """
    verb = verbs.add_hidden("complete", partial(_complete, listings))
    verb.add_argument("kind", choices=listings)
    verb.add_argument("words", nargs=REMAINDER)


def _complete(listings: Mapping[str, Listing], options: Namespace) -> int:
    socket = _socket_in(options.words) or options.socket
    try:
        with AdminClient(socket, timeout_s=_PATIENCE_S) as client:
            found = listings[options.kind](client)
            for candidate in itertools.islice(found, _MAX_CANDIDATES):
                sys.stdout.write(f"{candidate}\n")
    except (AdminError, CommandFailed):
        return Exit.FAILED
    return Exit.OK


def _socket_in(words: Iterable[str]) -> Path | None:
    # bash makes three words of --socket=PATH.
    found = _SOCKET.search("\0".join(word for word in words if word != "="))
    return Path(found[1]) if found else None
