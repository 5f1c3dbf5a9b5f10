"""One method of one path: what it takes to be let in, and what answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import attrs
from starlette.requests import Request
from starlette.responses import Response

from harpcaller.gateway.errors import ErrorShape, plain
from harpcaller.identities.visitor import Visitor
from harpcaller.roles import Role

BODY_S = 30.0
ANSWER_S = 10.0  # some clients have no limit of their own, and hang with us


@attrs.frozen(kw_only=True)
class Inquiry:
    """A request that was let in, its body whole.

    Without a `visitor` nobody is asked who he is. `origin` is the address that it
    comes from, "" for a Unix socket; `site` is where clients find us, without a slash
    at its end, and `base` the same if we are told it, else "".
    """

    request: Request
    visitor: Visitor | None
    origin: str
    site: str
    base: str
    body: bytes = attrs.field(repr=False)

    @property
    def identity_name(self) -> str:
        """Who asks, "" for nobody."""
        return "" if self.visitor is None else self.visitor.identity.name


Handler: TypeAlias = Callable[[Inquiry], Awaitable[Response]]
"""Answers a request, or raises WireError or HTTPException."""


@attrs.frozen(kw_only=True)
class Endpoint:
    """What is served at a path for a method; `operation` is its OpenAPI object.

    `owner` is the adapter that brings it, or we.

    Without a `role` nobody is asked. `is_own_proof`: a secret in the path shows who
    asks, and `Authorization` is not looked at. Without `max_body_bytes` the configured
    bound holds; without `answer_s` it may take its time. `checks_token`: a token that
    is shown has to be somebody's. `statuses` are those of types of errors that are
    not told by their usual one.
    """

    method: str
    path: str
    owner: str = "harpcaller"
    handler: Handler
    operation: Mapping[str, Any]
    role: Role | None = None
    is_own_proof: bool = False
    checks_token: bool = False
    error_shape: ErrorShape = plain
    statuses: Mapping[str, int] = attrs.field(factory=dict)
    max_body_bytes: int | None = None
    body_s: float = BODY_S
    answer_s: float | None = ANSWER_S

    @property
    def asks(self) -> Role | None:
        """The role that `Authorization` has to show before anything is read, if one."""
        return None if self.is_own_proof else self.role

    @property
    def changes(self) -> bool:
        """Tell whether it may change something: not for pages of other sites."""
        is_read = self.role in {None, Role.READ}
        return self.method not in {"GET", "HEAD"} or not is_read
