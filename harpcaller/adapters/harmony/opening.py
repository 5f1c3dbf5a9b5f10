"""The inputs of a request: what it came with is judged until nothing is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from harpcaller.adapters.harmony.few import (
    MAX_DOCUMENT_BYTES,
    MAX_TREE_BYTES,
    Few,
)
from harpcaller.adapters.harmony.judging import Judged, judge
from harpcaller.adapters.harmony.requests import Request
from harpcaller.adapters.harmony.settings import Settings
from harpcaller.adapters.harmony.sources import (
    Bundle,
    Located,
    cannot_read,
    read_sources,
)
from harpcaller.adapters.harmony.trees import Missing, unread
from harpcaller.adapters.harmony.uris import last_part
from harpcaller.adapters.machine import Action, Answer, Fetch, Fetched, FetchFailed
from protocol.errors import WireError
from protocol.jsontext import decode

KEY: Final = "in"


class Opening:
    """Reads the catalog of a request; `judged` is the request once all is read."""

    def __init__(self, settings: Settings, request: Request) -> None:
        self.judged: Judged | None = None
        self._settings = settings
        self._request = request
        self._documents: dict[str, Any] = {}
        self._few = Few()
        self._count = 0
        self._size = 0

    def look(self) -> Sequence[Action]:
        """Judge what there is; ask for what is missing.

        Raises:
            Refusal: the request cannot be carried out.
        """
        missing = _unread(self._request, self._documents)
        if not missing:
            found = judge(
                self._settings, self._request, self._documents, is_admitted=True
            )
            assert not isinstance(found, Missing)  # noqa: S101 (all was read)
            self.judged = found
        for uri in missing:
            if not self._settings.may_read(uri):
                raise cannot_read(f"{last_part(uri)} is not where granules may be")
        self._few = Few(map(self._fetch, missing))
        return self._few.more()

    def on(self, event: Answer) -> Sequence[Action]:
        """Take a document in; return what to do now.

        Raises:
            Refusal: it cannot be read, or the request cannot be carried out.
        """
        uri = self._few.answered(event.key)
        if isinstance(event, FetchFailed):
            raise cannot_read(f"{last_part(uri)}: {event.text}")
        assert isinstance(event, Fetched)  # noqa: S101 (nothing else is asked)
        self._size += len(event.body)
        if self._size > MAX_TREE_BYTES:
            raise cannot_read(f"it has more than {MAX_TREE_BYTES} bytes in all")
        self._documents[uri] = _decoded(uri, event.body)
        return self.look() if self._few.is_over else self._few.more()

    def give_up(self) -> Sequence[Action]:
        """Give up what is being read."""
        return self._few.give_up()

    def _fetch(self, uri: str) -> Fetch:
        key = f"{KEY}/{self._count}" if self._count else KEY
        self._count += 1
        return Fetch(key=key, uri=uri, max_bytes=MAX_DOCUMENT_BYTES)


def _unread(request: Request, documents: Mapping[str, Any]) -> tuple[str, ...]:
    match read_sources(request.sources):
        case Located(uri):
            return unread(uri, documents)
        case Bundle(root=root, files=files):
            return unread(root, {**documents, **files})
        case _:
            return ()


def _decoded(uri: str, body: bytes) -> Any:
    try:
        return decode(body)
    except WireError:
        raise cannot_read(f"{last_part(uri)} is no JSON") from None
