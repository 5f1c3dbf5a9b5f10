"""A job as its client sees it. It keeps no answer: every question is asked anew."""

from __future__ import annotations

from typing import Any

from harpcaller.client import replies, requests
from harpcaller.client.access import Access
from harpcaller.client.connection import Connection, Inquiry, ask
from harpcaller.client.follower import Follower


class Job:
    """A call that a dispatcher has accepted."""

    def __init__(
        self, access: Access, job_id: str, *, patience_s: float, is_known: bool
    ) -> None:
        self.id = job_id
        """The job's id; `Dispatcher.job` makes a Job of it again."""
        self._access = access
        self._patience_s = patience_s
        self._is_known = is_known

    def __repr__(self) -> str:
        return f"<Job {self.id} at {self._access}>"

    def result(self, *, wait: bool = True) -> Any:
        """Return what the procedure returned; with `wait`, once it has.

        Raises:
            RemoteException: the procedure raised one.
            CallError: the call could not be carried out.
            Cancelled: somebody cancelled the job.
            NotFinished: without `wait`: it has not ended yet.
            NoSuchJob: the dispatcher does not know the job.
            RequestRefused: the dispatcher did not do what it was asked.
            Unreachable: there is no dispatcher.
        """
        request = requests.get_result(self.id, wait=wait)
        if not wait:
            return replies.read_result(ask(self._access, request))
        with self._inquiry() as inquiry:
            return replies.read_result(inquiry.read(lambda: request))

    def status(self) -> dict[str, Any]:
        """Return what was called and when: `call`, `time`, `info`, `limits`.

        Raises:
            NoSuchJob: the dispatcher does not know the job.
            RequestRefused: the dispatcher did not do what it was asked.
            Unreachable: there is no dispatcher.
        """
        return replies.read_status(ask(self._access, requests.get_status(self.id)))

    def cancel(self) -> bool:
        """End the job now; return False if it had ended before, or never was.

        Raises:
            RequestRefused: the dispatcher did not do what it was asked.
            Unreachable: there is no dispatcher.
        """
        return replies.read_cancelled(ask(self._access, requests.cancel(self.id)))

    def follow(self, *, since: int = 0, recent: int | None = None) -> Follower:
        """Return the packets from number `since` or the `recent` last, and all to come.

        Raises:
            NoSuchJob, RequestRefused, Unreachable: only where `recent` is given;
                otherwise when the first packet is read.
        """
        if recent is not None:
            since = self._position_before(recent)
        return Follower(self._inquiry(), self.id, since)

    def read(self, since: int = 0) -> replies.Page:
        """Return the packets there are, from number `since`, without waiting.

        Raises:
            NoSuchJob: the dispatcher does not know the job.
            RequestRefused: the dispatcher did not do what it was asked.
            Unreachable: there is no dispatcher.
        """
        return self._read(requests.read_stream(self.id, since=since), since)

    def _position_before(self, recent: int) -> int:
        # Asked for by number, a stream can be taken up again after a break without
        # a gap; asked for as "recent", it could not.
        page = self._read(requests.read_stream(self.id, recent=max(recent, 1)), 0)
        if recent and page.packets:
            return page.packets[0].number
        return page.next

    def _read(self, request: bytes, since: int) -> replies.Page:
        packets = []
        with Connection(self._access, request, may_wait=False) as connection:
            reply = connection.read()
            while (packet := replies.read_packet(reply)) is not None:
                packets.append(packet)
                reply = connection.read()
        replies.check_end_of_page(reply)
        position = packets[-1].number + 1 if packets else since
        return replies.Page(tuple(packets), position, reply)

    def _inquiry(self) -> Inquiry:
        return Inquiry(
            self._access, patience_s=self._patience_s, is_known=self._is_known
        )
