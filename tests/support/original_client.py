"""A dispatcher like the original: one connection a call, no key that it has not."""

from __future__ import annotations

import json
import socket
import ssl
from typing import Any

REPLIES = (
    {"harp", "stream_result"},
    {"stream"},
    {"result"},
    {"exception"},
    {"harp", "error"},
)
LIMIT_S = 30


def original_call(
    address: tuple[str, int],
    tls: ssl.SSLContext,
    procedure: str,
    arguments: Any,
    *,
    user: str = "user",
    password: str = "pass",  # noqa: S107 (a test's)
) -> list[dict[str, Any]]:
    """Return all replies up to the close, each with exactly the keys it may have."""
    asked = {
        "harp": 1,
        "procedure": procedure,
        "arguments": arguments,
        "auth": {"user": user, "password": password},
    }
    with (
        socket.create_connection(address, LIMIT_S) as transport,
        tls.wrap_socket(transport, server_hostname="localhost") as connection,
        connection.makefile("rb") as lines,
    ):
        connection.sendall(json.dumps(asked).encode() + b"\n")
        replies = [json.loads(line) for line in lines]
    for reply in replies:
        assert set(reply) in REPLIES, reply
        for complaint in (reply.get("exception"), reply.get("error")):
            assert complaint is None or _is_complaint(complaint), reply
    return replies


def _is_complaint(fields: dict[str, Any]) -> bool:
    return {"type", "message"} <= set(fields) <= {"type", "message", "data"}
