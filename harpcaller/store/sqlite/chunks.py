"""The log of a job in rows: packets that came together lie together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import apsw

from harpcaller.store import LogPage
from protocol.jsontext import JsonText

_MAX_CHUNK_BYTES = 64 * 1024  # one packet may be larger; it lies alone then


def count(db: apsw.Connection, no: int) -> int:
    """Return how many packets the log of job `no` holds."""
    row = db.execute(
        "SELECT first + count FROM chunk WHERE job = ? ORDER BY first DESC LIMIT 1",
        (no,),
    ).get
    return 0 if row is None else int(row)


def add(db: apsw.Connection, no: int, first: int, packets: Sequence[JsonText]) -> None:
    """Write packets `first`, `first` + 1, … of job `no`."""
    for lot in _lots(packets):
        db.execute(
            "INSERT INTO chunk VALUES (?, ?, ?, ?)",
            (no, first, len(lot), b"\n".join(lot)),
        )
        first += len(lot)


def page(
    db: apsw.Connection, no: int, since: int, *, max_packets: int, max_bytes: int
) -> LogPage:
    """Return the packets from `since` on, up to the limits, at least one."""
    packets: list[JsonText] = []
    room = max_bytes
    rows = db.execute(
        "SELECT first, texts FROM chunk WHERE job = ?1 AND first >= coalesce("
        "(SELECT max(first) FROM chunk WHERE job = ?1 AND first <= ?2), 0)"
        " ORDER BY first",
        (no, since),
    )
    for first, texts in rows:
        for packet in texts.split(b"\n")[max(0, since - first) :]:
            room -= len(packet)
            if packets and (room < 0 or len(packets) >= max_packets):
                rows.close()  # an open statement would hold the log of writes back
                return LogPage(first=since, packets=tuple(packets))
            packets.append(packet)
    return LogPage(first=since, packets=tuple(packets))


def _lots(packets: Sequence[JsonText]) -> Iterator[Sequence[JsonText]]:
    if sum(map(len, packets)) <= _MAX_CHUNK_BYTES:
        if packets:
            yield packets
        return
    lot: list[JsonText] = []
    size = 0
    for packet in packets:
        if lot and size + len(packet) > _MAX_CHUNK_BYTES:
            yield lot
            lot, size = [], 0
        lot.append(packet)
        size += len(packet)
    yield lot
