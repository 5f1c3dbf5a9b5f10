"""A call of a service by command line: its files, its process, what it left."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any

import attrs

from harpcaller.worker.errand import Errand
from harpcaller.worker.harmony.buckets import Unreadable, open_folder
from harpcaller.worker.harmony.categories import NoRetry, Server
from harpcaller.worker.harmony.command import (
    Places,
    command,
    env_file,
    env_lines,
    is_container,
    is_inline,
    variables,
    wants_env_file,
)
from harpcaller.worker.harmony.documents import Documents, OnDisk
from harpcaller.worker.harmony.following import alive_while, follow
from harpcaller.worker.harmony.hiding import Hiding
from harpcaller.worker.harmony.leftovers import Leftovers, read_leftovers
from harpcaller.worker.harmony.loglines import LogLines, Packet
from harpcaller.worker.harmony.message import read_message
from harpcaller.worker.harmony.private import make_folder, write_bundle, write_file
from harpcaller.worker.harmony.request import (
    Bundle,
    CliRequest,
    is_in_s3,
    is_url,
    read_cli,
    refuse,
    shape_text,
    with_shape,
    without_token,
)
from harpcaller.worker.harmony.roots import below, below_s3
from harpcaller.worker.harmony.settings import HarmonyCli
from harpcaller.worker.harmony.settings import read_cli as read_settings
from harpcaller.worker.harmony.token import known_spellings
from protocol import harp_worker
from protocol.harp_worker import Refusal, Refused
from protocol.jsontext import JsonValue, encode

_SIGNALLED = 128  # shells and clients of containers add a signal to that


class _Listening:
    """Whether anybody still listens; at the end of a call everyone gets SIGTERM.

    The service may take its time then, and must not break on a pipe that is closed:
    what it says is read to its end.
    """

    def __init__(self) -> None:
        self._is_over = False
        signal.signal(signal.SIGTERM, self._end)  # the service begins without it

    def _end(self, *_: object) -> None:
        self._is_over = True

    def wants(self, packet: Packet) -> bool:
        """Tell whether a packet is to be passed on."""
        return not self._is_over or "alive" in packet


@attrs.frozen(kw_only=True)
class _Ready:
    """A service that may be started."""

    words: list[str] = attrs.field(repr=False)
    variables: dict[str, str] = attrs.field(repr=False)
    documents: Documents
    is_shared: bool
    hiding: Hiding


def begin(errand: Errand, arguments: JsonValue, max_line_bytes: int) -> Iterator[Any]:
    """Start the service; return its packets, and at their end its result.

    Raises:
        Refused: `invalid_argument_list`, or `procedure_loading_error`.
    """
    settings, request = read_settings(errand.settings), read_cli(arguments)
    try:
        ready = _prepare(settings, request, errand.private_dir)
        listening = _Listening()
        process = subprocess.Popen(  # noqa: S603 (the operator's words, no shell)
            ready.words,
            env={**os.environ, **ready.variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
    except OSError as error:
        reason = f"{error.strerror}: {error.filename or settings.argv[0]}"
        raise Refused(Refusal.PROCEDURE_LOADING_ERROR, reason) from None
    except Unreadable as error:
        raise Refused(Refusal.PROCEDURE_LOADING_ERROR, str(error)) from None
    told = filter(listening.wants, follow(process, LogLines(ready.hiding)))
    result = partial(_result, process, ready, is_client=is_container(settings.argv))
    return _packets(told, result, max_line_bytes)


def _packets(
    told: Iterator[Packet], result: Callable[[], Any], max_line_bytes: int
) -> Generator[Any, None, Any]:
    """Yield what is told until the service has ended; return its result.

    Raises:
        NoRetry: it fits no line, and will not the next time.
        Server: what the service left cannot be read.
    """
    began_at = time.monotonic()
    yield from told
    took_ms = round(1000 * (time.monotonic() - began_at))
    try:
        found = yield from alive_while(result)
    except Unreadable as error:
        raise Server(str(error)) from None
    value = {**found, "duration_ms": took_ms}
    size = len(harp_worker.result(encode(value)))
    if size > max_line_bytes:
        raise NoRetry(
            f"the service left documents of {size} bytes, more than a worker may send: "
            "they need a folder that is shared"
        )
    return value


def _result(
    process: subprocess.Popen[bytes], ready: _Ready, *, is_client: bool
) -> dict[str, Any]:
    left = read_leftovers(ready.documents, is_shared=ready.is_shared)
    return {
        **ending(process.wait(), is_client=is_client),
        **ready.hiding.value(_told(left)),
    }


def ending(status: int, *, is_client: bool) -> dict[str, int | None]:
    """Return how a process ended; the client of a container tells of its signals."""
    if is_client and status > _SIGNALLED:
        status = _SIGNALLED - status
    if status < 0:
        return {"exit": None, "signal": -status}
    return {"exit": status, "signal": None}


def _told(left: Leftovers) -> dict[str, Any]:
    return {
        "catalogs": [*left.catalogs],
        "items": left.items,
        "stac": left.stac,
        "message": None if left.message is None else without_token(left.message),
        "error": left.error,
    }


def _prepare(settings: HarmonyCli, request: CliRequest, place: str) -> _Ready:
    """Write the files of the call.

    Raises:
        Refused: `invalid_argument_list`.
        OSError, Unreadable: they cannot be written, or not where they are to be.
    """
    message, token = read_message(request.asked, settings.roots)
    key = settings.secret_key
    told = variables(settings, request.env, has_token=bool(token))
    make_folder(place)
    shape = shape_text(message)
    if shape is not None:
        path = f"{place}/shape.geojson"
        write_file(path, shape.encode())
        message = with_shape(message, path)
    text = encode(message)
    input_file = None
    if not is_inline(settings.input_mode, text, has_token=bool(token)):
        input_file = f"{place}/input.json"
        write_file(input_file, text)
    if wants_env_file(settings.argv):
        write_file(env_file(place), env_lines(_with_caller(told)).encode())
    documents = _documents(settings, request.metadata_dir, place)
    places = Places(
        input_file=input_file,
        sources=_sources(settings, request.sources, place),
        metadata_dir=documents.address,
        data_location=_data_location(settings, request.data_location),
    )
    return _Ready(
        words=command(settings.argv, place, text.decode(), places),
        variables=told,
        documents=documents,
        is_shared=request.metadata_dir is not None,
        hiding=Hiding([key, *known_spellings(token, key)]),
    )


def _sources(settings: HarmonyCli, sources: str | Bundle, place: str) -> str:
    if isinstance(sources, Bundle):
        return write_bundle(f"{place}/in", sources)
    return sources if is_url(sources) else below(settings.roots, sources, "sources")


def _documents(settings: HarmonyCli, folder: str | None, place: str) -> Documents:
    """Return a folder that has nothing in it: what is old would be taken for new.

    Raises:
        Refused: `invalid_argument_list`.
        OSError, Unreadable: it cannot be made, or looked into.
    """
    if folder is None:
        path = f"{place}/out"
        os.mkdir(path)  # noqa: PTH102 (the paths of a call are texts)
        return OnDisk(os.path.realpath(path))
    found = _folder(settings, folder)
    if not found.is_empty():
        refuse('argument "metadata_dir": expected a folder with nothing in it')
    return found


def _folder(settings: HarmonyCli, folder: str) -> Documents:
    if is_in_s3(folder):
        address = below_s3(settings.s3_allow, folder, "metadata_dir")
        return open_folder(address, dict(settings.environment))
    path = below(settings.roots, folder, "metadata_dir")
    os.makedirs(path, exist_ok=True)  # noqa: PTH103 (the paths of a call are texts)
    return OnDisk(path)


def _data_location(settings: HarmonyCli, location: str | None) -> str | None:
    if location is None or is_url(location):
        return location
    return f"{below(settings.roots, location, 'data_location')}/"


def _with_caller(told: dict[str, str]) -> dict[str, str]:
    """Return variables with those that tell who calls: a container has no others."""
    ours = ("HARP_USER", "HARP_PEER", "HARP_JOB_ID")
    return {**told, **{name: os.environ[name] for name in ours if name in os.environ}}
