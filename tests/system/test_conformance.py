"""What a dispatcher answers, line by line, and whether it hangs up."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import attrs
import pytest
from daemon_process import DaemonProcess
from practice_daemon import LOOPBACK, practice_daemon
from transcript import Memory, Transcript, play, read_transcripts
from websocket_client import AsLines, by_messages, websocket_port

FILES = ("calls.txt", "readers.txt", "refused.txt", "talk.txt")
ROWS = [row for file in FILES for row in read_transcripts(file)]


@attrs.frozen
class Prepared:
    """A dispatcher, and the jobs that the transcripts ask about."""

    daemon: DaemonProcess
    jobs: Memory

    messages_port: int

    def connect(self) -> socket.socket:
        """Return a new connection, as the original's clients make it."""
        return socket.create_connection((LOOPBACK, self.daemon.port), timeout=60)

    def connect_by_messages(self) -> AsLines:
        """Return a new connection, as a browser makes it."""
        return AsLines(by_messages(self.messages_port))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """Start once for all rows: each has a connection of its own."""
    with practice_daemon(tmp_path_factory.mktemp("conformance")) as daemon:
        prepared = Prepared(daemon, {}, websocket_port(daemon))
        for transcript in read_transcripts("prepared.txt"):
            play(transcript, prepared.connect(), prepared.jobs)
        yield prepared


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_the_dispatcher_answers_as_written(row: Transcript, prepared: Prepared) -> None:
    """The lines are the product: clients of every kind hold on to them."""
    play(row, prepared.connect(), dict(prepared.jobs))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_messages_are_answered_as_lines_are(
    row: Transcript, prepared: Prepared
) -> None:
    """Two ways in must not become two protocols."""
    memory = dict(prepared.jobs)
    # A key that was given by line names the job that was made there.
    lines = tuple(re.sub(r'("key": ?")[^"\\]', r"\1m", line) for line in row.lines)

    play(attrs.evolve(row, lines=lines), prepared.connect_by_messages(), memory)


def test_the_table_is_large_and_says_each_thing_once() -> None:
    """A title met twice would hide which row has failed."""
    titles = [row.title for row in ROWS]

    assert len(titles) >= 150
    assert len(set(titles)) == len(titles)
