"""A client by WebSocket with frames of its own making, good ones and bad ones.

It shares no code with the dispatcher: RFC 6455 is what both have in common.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import struct
from collections.abc import Mapping
from typing import Any

import attrs
from daemon_process import DaemonProcess

from indira.client import AdminClient

LIMIT_S = 60
TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_FIN, _MASKED = 0x80, 0x80
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@attrs.frozen
class Closed(Exception):
    """The dispatcher has closed; the code is None where it did not say why."""

    code: int | None


@attrs.frozen
class Rejected(Exception):
    """The dispatcher answered a handshake with a plain HTTP status."""

    status: int
    body: bytes


def frame(opcode: int, payload: bytes = b"", *, is_last: bool = True) -> bytes:
    """Return a client's frame."""
    head = bytes([opcode | (_FIN if is_last else 0)])
    if len(payload) < 126:
        head += bytes([_MASKED | len(payload)])
    elif len(payload) < 2**16:
        head += bytes([_MASKED | 126]) + struct.pack("!H", len(payload))
    else:
        head += bytes([_MASKED | 127]) + struct.pack("!Q", len(payload))
    key = os.urandom(4)
    repeated = key * (len(payload) // 4 + 1)
    masked = int.from_bytes(payload) ^ int.from_bytes(repeated[: len(payload)])
    return head + key + masked.to_bytes(len(payload))


class WebSocketClient:
    """One connection, once it is open."""

    def __init__(self, sock: socket.socket, **headers: str) -> None:
        self.sock = sock
        self._data = sock.makefile("rb")
        try:
            self._shake_hands(headers)
        except BaseException:
            self.leave()
            raise

    def __enter__(self) -> WebSocketClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Go without a word."""
        self._data.close()
        self.sock.close()

    def send(self, *messages: str) -> None:
        """Send messages in one piece."""
        self.sock.sendall(b"".join(frame(TEXT, one.encode()) for one in messages))

    def send_frame(self, opcode: int, payload: bytes = b"", **more: bool) -> None:
        """Send one frame."""
        self.sock.sendall(frame(opcode, payload, **more))

    def receive_frame(self) -> tuple[int, bytes]:
        """Return kind and payload of what comes next.

        Raises:
            Closed: nothing does.
        """
        try:
            head = self._data.read(2)
            if len(head) < 2:
                raise Closed(None)
            size = head[1]
            assert head[0] & _FIN, "the dispatcher sends whole messages"
            assert size < _MASKED, "a server masks nothing"
            if size >= 126:
                long = self._data.read(2 if size == 126 else 8)
                size = int.from_bytes(long)
            return head[0] & 0xF, self._data.read(size)
        except ConnectionResetError:
            raise Closed(None) from None

    def receive(self) -> str:
        """Return the next message; answer what says farewell.

        Raises:
            Closed: the dispatcher says farewell, or is gone.
        """
        while True:
            opcode, payload = self.receive_frame()
            if opcode == TEXT:
                return payload.decode()
            if opcode == CLOSE:
                self.send_frame(CLOSE, payload[:2])
                assert not self._data.read(1), "something came after the farewell"
                raise Closed(int.from_bytes(payload[:2]) if payload else None)

    def receive_close(self) -> int | None:
        """Return the code of a farewell that comes next."""
        try:
            message = self.receive()
        except Closed as closed:
            return closed.code
        raise AssertionError(f"instead of a farewell came {message}")

    def ask(self, **request: Any) -> dict[str, Any]:
        """Return the one message that answers a request."""
        self.send(json.dumps({"harpcaller": 1, **request}))
        reply: dict[str, Any] = json.loads(self.receive())
        return reply

    def _shake_hands(self, headers: Mapping[str, str]) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        named = {
            "Host": "localhost",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Version": "13",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        self.sock.sendall(f"GET / HTTP/1.1\r\n{lines}\r\n".encode())
        status, told = self._receive_head()
        if status != 101:
            size = int(told.get("content-length", "0"))
            raise Rejected(status, self._data.read(size))
        accepted = hashlib.sha1((key + _GUID).encode(), usedforsecurity=False)
        assert (
            told["sec-websocket-accept"] == base64.b64encode(accepted.digest()).decode()
        ), told

    def _receive_head(self) -> tuple[int, dict[str, str]]:
        status_line = self._data.readline().split()
        if not status_line:
            raise Closed(None)
        headers: dict[str, str] = {}
        while line := self._data.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return int(status_line[1]), headers


class AsLines:
    """The same as a socket that carries lines, for who plays transcripts."""

    def __init__(self, client: WebSocketClient) -> None:
        self._client = client

    def __enter__(self) -> AsLines:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.leave()

    def sendall(self, data: bytes) -> None:
        """Send each line as a message."""
        self._client.send(*data.decode().split("\n")[:-1])

    def makefile(self, mode: str) -> AsLines:
        """Return what reads."""
        return self

    def readline(self) -> bytes:
        """Return the next message as a line, nothing at the end."""
        try:
            return self._client.receive().encode() + b"\n"
        except Closed:
            return b""

    def read(self) -> bytes:
        """Return all that comes to the end."""
        return b"".join(iter(self.readline, b""))


def websocket_addresses(daemon: DaemonProcess) -> list[str]:
    """Return where the daemon speaks in messages."""
    with AdminClient(daemon.admin_socket, timeout_s=LIMIT_S) as admin:
        found: list[str] = admin.send("status", wait=True)["websocket"]
    return found


def websocket_port(daemon: DaemonProcess) -> int:
    """Return the port where it does so in clear."""
    [port] = [
        int(one.rpartition(":")[2])
        for one in websocket_addresses(daemon)
        if not one.startswith(("tls:", "unix:"))
    ]
    return port


def by_messages(port: int, **headers: str) -> WebSocketClient:
    """Return a client of this machine, in clear."""
    sock = socket.create_connection(("127.0.0.1", port), LIMIT_S)
    return WebSocketClient(sock, **headers)
