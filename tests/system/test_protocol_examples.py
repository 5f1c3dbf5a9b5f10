"""Every example of harpcaller-protocol(7), against the dispatcher that it names."""

from __future__ import annotations

import socket
from pathlib import Path

from dev_daemon import dev_daemon
from protocol_page import examples
from transcript import Memory, play


def test_every_example_of_the_page_is_true(tmp_path: Path) -> None:
    """People copy examples: the page is what this project promises.

    They are played in the order of the page, since later ones ask for the jobs of
    earlier ones, each on a connection of its own.
    """
    memory: Memory = {}
    played = 0

    with dev_daemon(tmp_path) as address:
        for example in examples():
            play(example, socket.create_connection(address, timeout=60), memory)
            played += 1

    assert played > 15
