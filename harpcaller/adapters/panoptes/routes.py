"""Which paths there are: the specification's, and the older ones under two prefixes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from harpcaller.adapters.panoptes import documented, legacy, m1, pages, workflows
from harpcaller.adapters.panoptes.bodies import create_shape, shape
from harpcaller.adapters.panoptes.serving import Serve, served
from harpcaller.adapters.panoptes.settings import Settings
from harpcaller.adapters.route import IdentityFrom, Route
from harpcaller.roles import Role

M1: Final = "/m1"

Shape: TypeAlias = Callable[[int, str, str], tuple[bytes, str]]
Row: TypeAlias = tuple[str, str, Role | None, Serve, documented.Operation]

# Snakemake 6 to 8 ends its run at 403 and 500; at 401 it says what to do.
_LEGACY: Final = {"forbidden": 401, "internal_error": 503}
_NO_ROOM: Final = {"overloaded": 503}


def _mounted(
    rows: Sequence[Row], statuses: Mapping[str, int], error_shape: Shape = shape
) -> Sequence[Route[Settings]]:
    return [
        Route(
            method=method,
            path=path,
            role=role,
            handler=served(handler),
            openapi=documented.placed(openapi, path),
            error_shape=error_shape,
            statuses=statuses,
            may_wait=path.endswith("/events"),
            identity=IdentityFrom.HEADERS if role else IdentityFrom.IF_SHOWN,
        )
        for method, path, role, handler, openapi in rows
    ]


def _specified(end: str) -> Sequence[Route[Settings]]:
    at, to = f"{M1}/workflow/create{end}", f"{M1}/workflow/update{end}"
    old = documented.deprecated(documented.CREATE)
    return [
        *_mounted(
            [
                ("GET", M1 + end, None, m1.service_info, documented.INFO),
                ("POST", to, Role.SUBMIT, m1.update, documented.UPDATE),
            ],
            {},
        ),
        *_mounted(
            [
                ("POST", at, Role.SUBMIT, m1.create, documented.CREATE),
                ("GET", at, Role.SUBMIT, m1.create, old),
            ],
            _NO_ROOM,
        ),
    ]


def _older(prefix: str) -> Sequence[Route[Settings]]:
    at, to = f"{prefix}/create_workflow", f"{prefix}/update_workflow_status"
    info, every = f"{prefix}/api/service-info", f"{prefix}/api/workflows"
    one, told = f"{prefix}/api/workflow/{{id}}", documented.TOLD
    create, update = documented.OLD_CREATE, documented.OLD_UPDATE
    submit, read, admin = Role.SUBMIT, Role.READ, Role.ADMIN
    return [
        *_mounted(
            [
                ("GET", at, submit, legacy.create, create),
                ("POST", at, submit, legacy.create, create),
            ],
            {**_LEGACY, **_NO_ROOM},
            create_shape,
        ),
        *_mounted(
            [
                ("GET", info, None, legacy.service_info, told),
                ("POST", to, submit, legacy.update, update),
                ("GET", every, read, workflows.every, documented.LIST),
                ("DELETE", f"{every}/all", admin, workflows.delete_all, told),
                ("GET", one, read, workflows.one, told),
                ("PUT", one, submit, workflows.rename, told),
                ("DELETE", one, admin, workflows.delete, told),
                ("GET", f"{one}/jobs", read, workflows.jobs, told),
                ("GET", f"{one}/job/{{job}}", read, workflows.job, told),
                ("POST", f"{one}/cancel", Role.CANCEL, workflows.cancel, told),
            ],
            _LEGACY,
        ),
    ]


def _shown() -> Sequence[Route[Settings]]:
    at, static = "/workflows/{id}", "/static/panoptes/{name}"
    return _mounted(
        [
            ("GET", f"{at}/", Role.READ, pages.page, documented.PAGE),
            ("GET", f"{at}/events", Role.READ, pages.events, documented.EVENTS),
            ("GET", static, None, pages.asset, documented.ASSET),
        ],
        {},
    )


ROUTES: Final = (
    *_specified(""),
    *_specified("/"),
    *_older(""),
    *_older(M1),
    *_shown(),
)
"""What the gateway mounts."""
