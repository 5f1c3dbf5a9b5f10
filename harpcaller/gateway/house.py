"""What all requests have in common: who receives them, by which rules, and seats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from harpcaller.adapters.route import SECRET
from harpcaller.gateway.credentials import token_in
from harpcaller.gateway.guest import Guest
from harpcaller.gateway.rules import Rules
from harpcaller.identities.reception import Reception
from harpcaller.identities.visitor import Visitor


class House:
    """Owns the rules in force, and the count of those who follow a stream."""

    def __init__(self, reception: Reception, rules: Rules | None = None) -> None:
        self.reception = reception
        self.rules = rules or Rules()
        self._seats: Counter[str] = Counter()

    @property
    def followers(self) -> int:
        """How many streams are open."""
        return self._seats.total()

    def origin_of(self, guest: Guest, headers: Headers) -> str:
        """Return the address that a request comes from, "" for a Unix socket."""
        values = headers.getlist("x-forwarded-for")
        return self.rules.forwarded_for(guest.host, values) or guest.host or ""

    def visitor(self, guest: Guest, headers: Headers) -> Visitor | None:
        """Return who asks by what his connection shows; None where nobody is asked.

        Who comes by a proxy of ours is not at home, whatever he may look like.
        """
        if self.rules.is_proxy(guest.host):
            return self.reception.by_network(self.origin_of(guest, headers))
        return guest.visitor

    async def prove(self, visitor: Visitor, headers: Headers) -> Visitor:
        """Return who asks by what his request shows, if it does.

        Raises:
            WireError: `unauthorized`, what he shows is no token of anybody.
        """
        if self.reception.identities.is_empty:
            return visitor
        token = token_in(headers.get("authorization"))
        return visitor if token is None else await visitor.shown(token)

    async def prove_by_path(
        self, visitor: Visitor, parameters: Mapping[str, str]
    ) -> Visitor:
        """Return who asks by the secret in his path, if it has one.

        Raises:
            WireError: `unauthorized`, it is no token of anybody.
        """
        token = parameters.get(SECRET)
        if token is None or self.reception.identities.is_empty:
            return visitor
        return await visitor.shown(token)

    @contextmanager
    def seat(self, who: str) -> Iterator[None]:
        """Have `who` follow one stream more, for the block.

        Raises:
            HTTPException: 503, he follows as many as he may.
        """
        if self._seats[who] >= self.rules.max_followers:
            raise HTTPException(503, "you follow too many streams already")
        self._seats[who] += 1
        try:
            yield
        finally:
            self._seats[who] -= 1
            if not self._seats[who]:
                del self._seats[who]
