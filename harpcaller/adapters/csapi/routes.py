"""What the gateway mounts: a table of paths, who may ask, and what answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from harpcaller.adapters.csapi import (
    ddo,
    delivery,
    documented,
    neighbours,
    registration,
)
from harpcaller.adapters.csapi.ddo import API
from harpcaller.adapters.csapi.documented import of_service
from harpcaller.adapters.csapi.refusals import Work, refusing, shape
from harpcaller.adapters.csapi.settings import Settings
from harpcaller.adapters.route import Route
from harpcaller.roles import Role

_SERVICE: Final = "/services/{service}"
_ASSET: Final = "{asset_id}"
_JOB: Final = "{job_id}"
_NO_WORD: Final = re.compile(r"\W+")


def _route(
    place: str,
    work: Work,
    role: Role | None,
    openapi: Mapping[str, Any],
    *,
    may_wait: bool = False,
) -> Route[Settings]:
    method, path = place.split()
    return Route(
        method=method,
        path=path,
        role=role,
        handler=refusing(work),
        openapi=openapi,
        error_shape=shape,
        may_wait=may_wait,
    )


def _delivery(base: str, operations: documented.Delivery) -> list[Route[Settings]]:
    """Return the routes by which a service is used, below `base`."""
    status, result = f"GET {base}/jobs/status/{_JOB}", f"GET {base}/jobs/result/{_JOB}"
    ids = (
        _NO_WORD.sub("_", place.lower().replace(" ", "")) for place in (status, result)
    )
    invoke = documented.linked(operations.invoke, *ids)
    submit, read = Role.SUBMIT, Role.READ
    return [
        _route(f"GET {base}/heartbeat", delivery.heartbeat, None, operations.heartbeat),
        _route(f"POST {base}/jobs", delivery.invoke, submit, invoke),
        _route(status, delivery.status, read, operations.status),
        _route(result, delivery.result, read, operations.result, may_wait=True),
    ]


_OWN: Final = documented.Delivery().map(of_service)
_REGISTRATION: Final = [
    _route("GET /services/", registration.listed, None, documented.LIST),
    _route(f"GET {_SERVICE}", registration.show, None, of_service(documented.SHOW)),
    _route(
        f"PUT {_SERVICE}",
        registration.register,
        Role.ADMIN,
        of_service(documented.REGISTER),
    ),
    _route(
        f"DELETE {_SERVICE}",
        registration.retire,
        Role.ADMIN,
        of_service(documented.RETIRE),
    ),
    _route("GET /api/ddo", ddo.describe, None, documented.DDO),
]
_NEIGHBOURS: Final = [
    _route(f"GET {API}/auth/token", neighbours.token, Role.READ, documented.TOKEN),
    _route(
        f"GET {API}/meta/data/{_ASSET}", neighbours.metadata, None, documented.METADATA
    ),
    _route(
        f"POST {API}/invoke/async/{_ASSET}",
        neighbours.begin,
        Role.SUBMIT,
        documented.BEGIN,
    ),
    _route(
        f"POST {API}/invoke/sync/{_ASSET}",
        neighbours.run,
        Role.SUBMIT,
        documented.RUN,
        may_wait=True,
    ),
    _route(f"GET {API}/invoke/jobs/{_JOB}", neighbours.job, Role.READ, documented.JOB),
]

ROUTES: Final = (
    *_REGISTRATION,
    # The examples of DEP 6 invoke at the endpoint itself, its text at "jobs".
    _route(f"POST {_SERVICE}", delivery.invoke, Role.SUBMIT, _OWN.invoke),
    *_delivery(_SERVICE, _OWN),
    *_delivery("", documented.Delivery()),
    *_NEIGHBOURS,
)
"""What the gateway mounts."""
