"""The dispatcher as its clients see it: what accepts calls and knows jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harpcaller.client import replies, requests
from harpcaller.client.access import Access, default_token
from harpcaller.client.address import default_address, read_address
from harpcaller.client.connection import Inquiry, ask
from harpcaller.client.job import Job

PATIENCE_S = 30.0


class Dispatcher:
    """A dispatcher at an address.

    `server` is `HOST:PORT`, `[IPv6]:PORT`, `tls:` and one of these, or `unix:PATH`;
    without it the environment variable HARPCALLER_SERVER, else 127.0.0.1:3502. Nothing
    is connected until something is asked, and each question has a connection of its
    own, so one object serves any number of threads. `patience_s` is how long a
    dispatcher that was there, and is gone, is waited for.

    `ca_file` has who may sign the dispatcher's certificate, if not those that the
    system trusts; `cert_file` and `key_file` are a certificate of our own. `token`
    says who we are; without it the variable HARPCALLER_TOKEN.

    Raises:
        ValueError: `server`, or the variable, is no address; files are given where no
            TLS is spoken; a token would be sent in clear to another machine.
    """

    def __init__(  # noqa: PLR0913 (ways to be let in)
        self,
        server: str | None = None,
        *,
        patience_s: float = PATIENCE_S,
        ca_file: str | None = None,
        cert_file: str | None = None,
        key_file: str | None = None,
        token: str | None = None,
    ) -> None:
        self.address = default_address() if server is None else read_address(server)
        self._patience_s = patience_s
        self._access = Access(
            self.address,
            ca_file=ca_file,
            cert_file=cert_file,
            key_file=key_file,
            token=default_token() if token is None else token,
        )

    def __repr__(self) -> str:
        return f"<Dispatcher at {self.address}>"

    def call(  # noqa: PLR0913 (the fields of a call)
        self,
        host: str,
        procedure: str,
        arguments: Sequence[Any] | Mapping[str, Any] = (),
        *,
        timeout: float | None = None,
        max_exec_time: float | None = None,
        queue: Mapping[str, Any] | None = None,
        concurrency: int | None = None,
        info: Any = None,
        key: str | None = None,
        retries: int | None = None,
        sealed: Sequence[str] = (),
    ) -> Job:
        """Have `procedure` run on `host`, with positional or named arguments.

        `timeout` and `max_exec_time` are seconds, `queue` the name of a queue,
        `sealed` JSON pointers to the arguments that are secret;
        harpcaller-protocol(7) has the rest. With a `key` the call is safe to repeat,
        and is repeated if the connection breaks.

        Raises:
            RequestRefused: the dispatcher did not accept the call.
            Unreachable: there is no dispatcher, or it broke off and there was no `key`.
            ValueError, TypeError: JSON cannot carry what was given.
        """
        options = {
            "timeout": timeout,
            "max_exec_time": max_exec_time,
            "queue": _queue(queue, concurrency),
            "info": info,
            "key": key,
            "retries": retries,
            "sealed": list(sealed) or None,
        }
        request = requests.call(host, procedure, arguments, options)
        job_id = replies.read_job_id(self._submit(request, is_repeatable=bool(key)))
        return self._job(job_id, is_known=True)

    def job(self, job_id: str) -> Job:
        """Return the job of this id; whether there is one shows when it is asked."""
        return self._job(job_id, is_known=False)

    def _job(self, job_id: str, *, is_known: bool) -> Job:
        return Job(self._access, job_id, patience_s=self._patience_s, is_known=is_known)

    def _submit(self, request: bytes, *, is_repeatable: bool) -> replies.Reply:
        if not is_repeatable:
            return ask(self._access, request)
        with Inquiry(
            self._access, patience_s=self._patience_s, is_known=False
        ) as inquiry:
            return inquiry.read(lambda: request)


def _queue(
    name: Mapping[str, Any] | None, concurrency: int | None
) -> dict[str, Any] | None:
    if name is None:
        if concurrency is not None:
            raise ValueError("concurrency: given without a queue")
        return None
    if concurrency is None:
        return {"name": name}
    return {"name": name, "concurrency": concurrency}
