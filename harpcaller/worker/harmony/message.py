"""The message of a call, which may stand in a file of the run directory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from harpcaller.worker.harmony.request import Asked, for_service, refuse, token_in
from harpcaller.worker.harmony.roots import below
from protocol.errors import WireError
from protocol.jsontext import decode

_MAX_BYTES = 64 * 1024 * 1024


def read_message(asked: Asked, roots: Iterable[str]) -> tuple[dict[str, Any], str]:
    """Return the message as a service is to have it, and the user's token in it.

    Raises:
        Refused: `invalid_argument_list`.
        OSError: the file cannot be read.
    """
    message = asked.message
    if message is None:
        message = _read_file(below(roots, asked.message_file or "", "message_file"))
    token = token_in(message, asked.token)
    return for_service(message, token), token


def _read_file(path: str) -> dict[str, Any]:
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(fd, "rb") as file:
        text = file.read(_MAX_BYTES + 1)
    if len(text) > _MAX_BYTES:
        refuse(f'argument "message_file": more than {_MAX_BYTES} bytes')
    try:
        message = decode(text)
    except WireError as error:
        refuse(f'argument "message_file": {error.message}')
    if not isinstance(message, dict):
        refuse('argument "message_file": expected an object')
    return message
