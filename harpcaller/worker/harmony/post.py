"""A call of a service by HTTP: one POST, and a file or a place as its answer.

The standard library does it: the process is this one call's, and so may wait.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

import attrs

from harpcaller.adapters.places import host_of, is_allowed, read_place
from harpcaller.worker.errand import Errand
from harpcaller.worker.harmony.answers import Elsewhere, file_name, judge
from harpcaller.worker.harmony.categories import Server
from harpcaller.worker.harmony.following import alive_while
from harpcaller.worker.harmony.hiding import Hiding
from harpcaller.worker.harmony.message import read_message
from harpcaller.worker.harmony.private import make_folder
from harpcaller.worker.harmony.request import HttpRequest, read_http, refuse
from harpcaller.worker.harmony.settings import HarmonyHttp
from harpcaller.worker.harmony.settings import read_http as read_settings
from harpcaller.worker.harmony.token import open_token
from protocol.harp_worker import Refusal, Refused
from protocol.jsontext import JsonValue, encode

_CONNECT_S = 10
_TEXT_BYTES = 16 * 1024
_CHUNK_BYTES = 1 << 20


@attrs.frozen(kw_only=True)
class _Posting:
    """One request, and where its answer goes: first `place`, then a folder by it."""

    url: str
    unit: str
    headers: dict[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    place: str
    hiding: Hiding


def begin(errand: Errand, arguments: JsonValue) -> Iterator[Any]:
    """Return the packets of the request, and at their end its result.

    Raises:
        Refused: `invalid_argument_list`, or `procedure_loading_error`.
    """
    settings, request = read_settings(errand.settings), read_http(arguments)
    places = [read_place(text) for text in settings.url_allow]
    if not is_allowed(request.url, places):
        refuse(f'argument "url": not allowed: {host_of(request.url)}')
    try:
        posting = _prepare(settings, request, errand.private_dir)
    except OSError as error:
        reason = f"{error.strerror}: {error.filename}"
        raise Refused(Refusal.PROCEDURE_LOADING_ERROR, reason) from None
    return alive_while(lambda: _post(posting))


def _prepare(settings: HarmonyHttp, request: HttpRequest, place: str) -> _Posting:
    """Return what is to be sent.

    Raises:
        Refused: `invalid_argument_list`.
        OSError: a file cannot be read, or the folder not made.
    """
    message, token = read_message(request.asked, settings.roots)
    headers = {"Content-Type": "application/json", "User-Agent": "harpd"}
    opened = ""
    if token and settings.secret_key:
        opened = open_token(token, settings.secret_key)
        headers["Authorization"] = f"Bearer {opened}"
    make_folder(place)
    return _Posting(
        url=request.url,
        unit=request.asked.unit,
        headers=headers,
        body=encode({**message, "isSynchronous": True}),
        place=place,
        hiding=Hiding([token, opened, settings.secret_key]),
    )


def _post(posting: _Posting) -> dict[str, str]:
    """Return the result of the service.

    Raises:
        Forbidden, NoRetry, Server: there is none.
    """
    connection = _connection(posting.url)
    try:
        with _reaching():
            response = _ask(connection, posting)
        return _take(posting, response)
    finally:
        connection.close()


def _ask(connection: HTTPConnection, posting: _Posting) -> HTTPResponse:
    connection.connect()
    connection.sock.settimeout(None)  # the limits of the call hold
    parts = urlsplit(posting.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request("POST", target, posting.body, posting.headers)
    return connection.getresponse()


@contextmanager
def _reaching() -> Iterator[None]:
    """Tell of trouble on the way to the service in its own words.

    Raises:
        Server: there is some.
    """
    try:
        yield
    except (HTTPException, OSError) as error:
        told = getattr(error, "strerror", None) or type(error).__name__
        raise Server(f"the service cannot be reached: {told}") from None


def _connection(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=_CONNECT_S)


def _take(posting: _Posting, response: HTTPResponse) -> dict[str, str]:
    text = ""
    if not 200 <= response.status < 300:
        text = next(_chunks(response), b"")[:_TEXT_BYTES].decode(errors="replace")
    told = posting.hiding.text(text)
    location = response.headers.get("Location")
    elsewhere = judge(response.status, posting.url, location, told)
    if isinstance(elsewhere, Elsewhere):
        return {"href": posting.hiding.text(elsewhere.href)}
    return _store(posting, response)


def _store(posting: _Posting, response: HTTPResponse) -> dict[str, str]:
    """Store the body; nobody sees half of it."""
    headers = response.headers
    mime = headers.get_content_type() if "Content-Type" in headers else None
    told = posting.hiding.text(headers.get_filename() or "")
    name = file_name(told, posting.unit, mime)
    with open(f"{posting.place}/{name}", "xb") as file:  # noqa: PTH123 (texts)
        file.writelines(_chunks(response))
        length = file.tell()
    if response.length or not length:
        raise Server("the service broke off its answer, or had none")
    parent, _, hidden = posting.place.rpartition("/")
    folder = f"{parent}/{hidden.removeprefix('.')}"
    os.mkdir(folder)  # noqa: PTH102 (texts, again)
    os.rename(f"{posting.place}/{name}", f"{folder}/{name}")  # noqa: PTH104 (again)
    found = {"href": f"file://{folder}/{name}", "title": name}
    return found if mime is None else {**found, "type": mime}


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    while True:
        with _reaching():
            data = response.read(_CHUNK_BYTES)
        if not data:
            return
        yield data
