"""What moves the documents of each adapter; where settings are the same it is shared.

So are the limits on how much is moved at a time, over all jobs.
"""

from __future__ import annotations

from collections.abc import Callable

from harpcaller.runners.installed import Installed
from harpcaller.runners.outside import FILE, Outside
from harpcaller.runners.outside import http_targets as http_urls
from harpcaller.runners.outside.file_writing import Desk
from harpcaller.runners.outside.files import FileMover
from harpcaller.runners.outside.http import HttpMover, Poster
from harpcaller.runners.outside.http_client import HttpClient
from harpcaller.runners.outside.http_messages import HttpSettings
from harpcaller.runners.outside.s3 import S3Mover
from harpcaller.runners.outside.s3_client import SCHEME as S3
from harpcaller.runners.outside.s3_client import S3Settings


class Carriers:
    """Makes them as adapters need them; `clock` gives UTC seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._s3: dict[S3Settings, S3Mover] = {}  # with clients, and connections
        self._http: dict[HttpSettings, HttpClient] = {}
        self._files: dict[tuple[tuple[str, ...], Desk | None], FileMover] = {}

    def outside(self, installed: Installed) -> Outside:
        """Return what moves an adapter's documents, where they may be moved."""
        client = self._http.setdefault(installed.http, HttpClient(installed.http))
        files = self._file_mover(installed)
        fetcher = HttpMover(client, installed.places.read)
        return Outside(
            {
                S3: self._s3.setdefault(installed.s3, S3Mover(installed.s3)),
                FILE: files,
                **dict.fromkeys(http_urls.SCHEMES, fetcher),
            },
            Poster(client, files, self._clock),
        )

    def _file_mover(self, installed: Installed) -> FileMover:
        found = (place.folder for place in installed.places.read)
        folders = tuple(folder for folder in found if folder is not None)
        desk = installed.desk
        return self._files.setdefault((folders, desk), FileMover(folders, desk))
