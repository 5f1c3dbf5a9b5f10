"""Where the client protocol and its lists are served: the table of /v1."""

from __future__ import annotations

from collections.abc import Sequence

from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.gateway import documented
from harpcaller.gateway.endpoint import ANSWER_S, Endpoint, Handler
from harpcaller.gateway.house import House
from harpcaller.gateway.lists import Hosts, Lists
from harpcaller.gateway.native import Native
from harpcaller.roles import Role

_JOB = "/v1/jobs/{job_id}"


def native_endpoints(
    dispatcher: Dispatcher, house: House, hosts: Hosts
) -> Sequence[Endpoint]:
    """Return the endpoints; which job is whose is decided behind them."""
    native = Native(dispatcher, house)
    lists = Lists(dispatcher.store, hosts)
    return [
        Endpoint(
            method="POST",
            path="/v1/calls",
            handler=native.submit,
            operation=documented.SUBMIT,
            role=Role.SUBMIT,
        ),
        _read(_JOB, native.status, documented.STATUS),
        Endpoint(
            method="DELETE",
            path=_JOB,
            handler=native.cancel,
            operation=documented.CANCEL,
            role=Role.CANCEL,
        ),
        _read(f"{_JOB}/result", native.result, documented.RESULT, answer_s=None),
        _read(f"{_JOB}/packets", native.packets, documented.PACKETS),
        _read(f"{_JOB}/stream", native.stream, documented.STREAM, answer_s=None),
        _read("/v1/jobs", lists.jobs, documented.JOBS),
        _read("/v1/queues", lists.queues, documented.QUEUES),
        _read("/v1/hosts", lists.hosts, documented.HOSTS),
    ]


def _read(
    path: str,
    handler: Handler,
    operation: documented.Operation,
    answer_s: float | None = ANSWER_S,
) -> Endpoint:
    return Endpoint(
        method="GET",
        path=path,
        handler=handler,
        operation=operation,
        role=Role.READ,
        answer_s=answer_s,
    )
