"""Posts and fetches over HTTP as adapters have them made."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import trio

from harpcaller.adapters.machine import Post
from harpcaller.runners.outside.file_writing import Desk
from harpcaller.runners.outside.files import FileMover
from harpcaller.runners.outside.http import HttpMover, Poster
from harpcaller.runners.outside.http_client import HttpClient
from harpcaller.runners.outside.http_messages import HttpSettings
from harpcaller.runners.outside.http_targets import read_places
from harpcaller.runners.transfers import TransferFailed

NOW: Final = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT
LOCAL: Final = ("http://localhost:*", "https://localhost:*")
SHORT_S: Final = 0.3  # what is waited for in vain


@cache
def client_of(settings: HttpSettings) -> HttpClient:
    """Return a client: the system's authorities take a while to be read."""
    return HttpClient(settings)


def poster(work: Path | None = None, **settings: Any) -> Poster:
    """Return a poster; files are sent from a directory."""
    desk = None if work is None else Desk(folder=str(work))
    client = client_of(HttpSettings(**settings))
    return Poster(client, FileMover((), desk), lambda: NOW)


def fetcher(*places: str, **settings: Any) -> HttpMover:
    """Return what fetches from some places, those here if none is named."""
    client = client_of(HttpSettings(**{"attempts": 1, **settings}))
    return HttpMover(client, read_places(places or LOCAL))


def a_post(url: str, **more: Any) -> Post:
    """Return a Post."""
    return Post(key="p", method="POST", url=url, **more)


async def unfetched(mover: HttpMover, uri: str, max_bytes: int = 1024) -> str:
    """Return why a document is not fetched."""
    with trio.fail_after(30), pytest.raises(TransferFailed) as caught:
        await mover.fetch(uri, max_bytes)
    return caught.value.code
