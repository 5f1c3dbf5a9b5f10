"""What is asked over HTTP and what is answered, and how long that may take."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final, TypeAlias

import attrs

from harpcaller.runners.outside.files import Upload
from harpcaller.runners.outside.http_targets import Headers, Target

Body: TypeAlias = bytes | Upload

TIMEOUT: Final = "Timeout"
UNREACHABLE: Final = "Unreachable"


@attrs.frozen(kw_only=True)
class HttpSettings:
    """How servers are reached; seconds.

    `authorities` are certificates, PEM: those that are believed in place of the
    system's.

    `timeout_s` is for a request with all its redirects; where a file is sent, it is
    how long nothing may go on. `attempts` are those to fetch; what is posted is
    posted once, for it may have been taken.
    """

    authorities: str | None = attrs.field(default=None, repr=False)
    connect_timeout_s: float = 10
    timeout_s: float = 60
    attempts: int = 3
    concurrency: int = 64


@attrs.frozen(kw_only=True)
class HttpRequest:
    """What is sent; a file is sent from its beginning each time."""

    method: str
    target: Target
    headers: Headers = attrs.field(default=(), repr=False)
    body: Body = attrs.field(default=b"", repr=False)

    @property
    def size(self) -> int:
        """How many bytes the body has."""
        return len(self.body) if isinstance(self.body, bytes) else self.body.size


@attrs.define(kw_only=True)
class HttpAnswer:
    """What was heard: one byte more of the body than was wanted, if it goes on.

    It is not whole if the server broke off, took too long or had more to say.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: bytearray = attrs.field(factory=bytearray, repr=False)
    is_whole: bool = False


class NoAnswer(Exception):
    """Nobody answered, or nothing that can be understood."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def tls_context(settings: HttpSettings) -> ssl.SSLContext:
    """Return a context that believes what the settings say, and names are checked.

    Raises:
        ValueError: there is no certificate among them.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.authorities is None:
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(cadata=settings.authorities)
    except (ssl.SSLError, ValueError):  # it is empty
        raise ValueError("holds no certificate that can be read") from None
    return context
