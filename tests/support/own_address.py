"""An address by which this machine can be reached as if by another one."""

from __future__ import annotations

import socket

import pytest


def own_address() -> str:
    """Return an address of this machine that is not loopback; skip if it has none."""
    with socket.socket(type=socket.SOCK_DGRAM) as any_socket:
        try:
            any_socket.connect(("192.0.2.1", 9))  # RFC 5737; UDP: nothing is sent
        except OSError:
            pytest.skip("this machine has no network")
        return str(any_socket.getsockname()[0])
