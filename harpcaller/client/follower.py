"""A job's stream as an iterator that outlives its connections."""

from __future__ import annotations

from typing import Any, Self

from harpcaller.client import replies, requests
from harpcaller.client.connection import Inquiry
from harpcaller.client.errors import NoDispatcher, NotFinished


class Follower:
    """An iterator over a job's packets as they come, each once and in order.

    A broken connection, or a dispatcher that restarts, is bridged: it goes on from
    `position`. The iteration ends when the job has returned, with its `result`; if
    the job ended otherwise, or nobody bridges the gap, that is raised instead.
    Close it, or use it in a `with`, to leave early.
    """

    def __init__(self, inquiry: Inquiry, job_id: str, since: int) -> None:
        self.position = since
        """The number of the next packet."""
        self._job_id = job_id
        self._inquiry = inquiry
        self._last: replies.Reply | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> replies.Packet:
        while self._last is None:
            reply = self._inquiry.read(self._request)
            packet = replies.read_packet(reply)
            if packet is None:
                self.close()
                self._last = reply
                replies.read_result(reply)
            elif packet.number == self.position:
                self.position += 1
                return packet
            elif packet.number > self.position:
                self.close()
                raise NoDispatcher(
                    f"a gap in the stream: packet {packet.number} came"
                    f" where {self.position} was due"
                )
        raise StopIteration

    @property
    def result(self) -> Any:
        """What the procedure returned.

        Raises:
            NotFinished: the end was not reached yet.
            RemoteException, CallError, Cancelled: the job ended otherwise.
        """
        if self._last is None:
            raise NotFinished
        return replies.read_result(self._last)

    def close(self) -> None:
        """Close the connection; the job goes on."""
        self._inquiry.close()

    def _request(self) -> bytes:
        return requests.follow_stream(self._job_id, self.position)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        # A `for` loop left with `break` has no other way to close the connection.
        self.close()
