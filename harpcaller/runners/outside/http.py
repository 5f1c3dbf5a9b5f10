"""What adapters post and fetch over HTTP, from where they may."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Final

import structlog
import trio

from harpcaller.adapters.machine import Post, Save
from harpcaller.adapters.places import Place, host_of, is_allowed
from harpcaller.runners.outside.file_opening import NOT_ALLOWED, TOO_LARGE
from harpcaller.runners.outside.files import FileMover
from harpcaller.runners.outside.http_client import HttpClient
from harpcaller.runners.outside.http_messages import (
    TIMEOUT,
    UNREACHABLE,
    Body,
    HttpAnswer,
    HttpRequest,
    NoAnswer,
)
from harpcaller.runners.outside.http_targets import (
    NoTarget,
    Target,
    read_places,
    read_target,
    retry_after_s,
)
from harpcaller.runners.transfers import Reply, TransferFailed

# More than is kept: what is sealed is hidden before an answer is cut, and what JSON
# spells in its own way is found only in whole texts.
MAX_HEARD_BYTES: Final = 64 * 1024
FIRST_PAUSE_S: Final = 0.2  # before the second attempt, twice as long before the third
_SAME_METHOD: Final = frozenset({307, 308})
_ELSEWHERE: Final = frozenset({301, 302, 303, 307, 308})
_CODES: Final[dict[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "AccessDenied",
    HTTPStatus.FORBIDDEN: "AccessDenied",
    HTTPStatus.NOT_FOUND: "NotFound",
    HTTPStatus.GONE: "NotFound",
}

_BUSY: Final = frozenset({UNREACHABLE, TIMEOUT, "Status429"})

log = structlog.get_logger()


class Poster:
    """Posts; files that are sent are those that `files` wrote, or workers there."""

    def __init__(
        self, client: HttpClient, files: FileMover, clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._files = files
        self._clock = clock

    async def post(self, post: Post) -> Reply:
        """Send a request and return what came of it; the log says why nothing did."""
        try:
            answer = await self._ask(post)
        except (NoAnswer, TransferFailed) as failed:
            # The host alone: whoever knows the rest of a URL may be let in by it.
            log.warning("post.failed", host=host_of(post.url), reason=failed.text)
            return Reply(status=None)
        return Reply(
            status=answer.status,
            retry_after_s=retry_after_s(answer.headers, self._clock()),
            body=bytes(answer.body[:MAX_HEARD_BYTES]),
        )

    async def _ask(self, post: Post) -> HttpAnswer:
        target = _target(post.url)
        if post.file is None:
            return await self._send(post, target, post.body)
        upload = await self._files.upload(post.file)
        try:
            return await self._send(post, target, upload)
        finally:
            upload.close()

    async def _send(self, post: Post, target: Target, body: Body) -> HttpAnswer:
        request = HttpRequest(
            method=post.method, target=target, headers=post.headers, body=body
        )
        allow = read_places(post.allow)
        return await self._client.ask(request, allow, _SAME_METHOD, MAX_HEARD_BYTES)


class HttpMover:
    """Fetches documents from the places that are allowed, and writes none."""

    def __init__(self, client: HttpClient, places: Iterable[Place]) -> None:
        self._client = client
        self._places = tuple(places)

    async def fetch(self, uri: str, max_bytes: int) -> bytes:
        """Return a document of at most `max_bytes`.

        Raises:
            TransferFailed: NotAllowed, NotFound, AccessDenied, TooLarge, Unreachable,
                Timeout, or Status503 and the like.
        """
        target = _target(uri)
        if not is_allowed(target.url, self._places):
            raise TransferFailed(NOT_ALLOWED, "nothing may be fetched from there")
        request = HttpRequest(method="GET", target=target)
        for number in range(self._client.attempts - 1):
            try:
                return await self._fetch(request, max_bytes)
            except TransferFailed as failed:
                if not _may_heal(failed.code):
                    raise
            await trio.sleep(FIRST_PAUSE_S * 2**number)
        return await self._fetch(request, max_bytes)

    async def _fetch(self, request: HttpRequest, max_bytes: int) -> bytes:
        try:
            answer = await self._client.ask(
                request, self._places, _ELSEWHERE, max_bytes
            )
        except NoAnswer as none:
            raise TransferFailed(none.code, none.text) from None
        return _document(answer, max_bytes)

    async def save(self, save: Save, *, again: bool) -> None:
        """Refuse: nobody would know what a server does with it.

        Raises:
            TransferFailed: NotSupported.
        """
        raise TransferFailed("NotSupported", "nothing is written over HTTP")


def _target(url: str) -> Target:
    try:
        return read_target(url)
    except NoTarget as error:
        raise TransferFailed("InvalidURI", str(error)) from None


def _may_heal(code: str) -> bool:
    return code in _BUSY or code.startswith("Status5")


def _document(answer: HttpAnswer, max_bytes: int) -> bytes:
    status = answer.status
    if status != HTTPStatus.OK:
        code = _CODES.get(status, f"Status{status}")
        raise TransferFailed(code, f"the server answers status {status}")
    if len(answer.body) > max_bytes:
        text = f"more than the {max_bytes} bytes that are allowed"
        raise TransferFailed(TOO_LARGE, text)
    if not answer.is_whole:
        raise TransferFailed(UNREACHABLE, "the server broke off, or was too slow")
    return bytes(answer.body)
