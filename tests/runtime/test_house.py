"""Who somebody is who comes by HTTP: by his connection, by a proxy, by a token."""

from __future__ import annotations

import ipaddress

import pytest
from starlette.datastructures import Headers

from harpcaller.gateway.guest import Guest
from harpcaller.gateway.house import House
from harpcaller.gateway.rules import Rules
from harpcaller.identities.identity import Identity, Proofs
from harpcaller.identities.known import Identities
from harpcaller.identities.reception import Reception
from harpcaller.identities.tokens import digest_of
from harpcaller.roles import Role
from protocol.errors import ErrorType, WireError

TOKEN = "t" * 40
KNOWN = Identity(
    name="known",
    roles=frozenset({Role.READ}),
    proofs=Proofs(token_digests=(digest_of(TOKEN),)),
)
PROXY = Rules(trusted_proxies=(ipaddress.IPv4Network("127.0.0.1/32"),))


def a_house(rules: Rules | None = None) -> House:
    """Return a house where one is known."""
    return House(Reception(Identities([KNOWN])), rules)


def at_home(house: House) -> Guest:
    """Return somebody of this machine."""
    visitor = house.reception.by_loopback()
    return Guest(client=("127.0.0.1", 1), visitor=visitor)


async def test_who_is_of_this_machine_is_at_home() -> None:
    """As with lines; whatever he says of others."""
    house = a_house()
    headers = Headers({"x-forwarded-for": "203.0.113.5"})

    visitor = house.visitor(at_home(house), headers)

    assert visitor is not None
    assert visitor.identity.has(Role.ADMIN)
    assert house.origin_of(at_home(house), headers) == "127.0.0.1"


@pytest.mark.parametrize("said", [{}, {"x-forwarded-for": "127.0.0.1"}])
async def test_who_comes_by_a_proxy_is_a_stranger(said: dict[str, str]) -> None:
    """Also where nobody else is asked for a role, and a route finds out by itself."""
    house = a_house(PROXY)

    visitor = house.visitor(at_home(house), Headers(said))

    assert visitor is not None
    assert visitor.identity.roles == frozenset()


async def test_a_token_makes_somebody_of_a_stranger_for_one_request() -> None:
    """The connection stays what it was."""
    house = a_house(PROXY)
    visitor = house.visitor(at_home(house), Headers())
    assert visitor is not None

    shown = await house.prove(visitor, Headers({"authorization": f"Bearer {TOKEN}"}))
    same = await house.prove(visitor, Headers())

    assert shown.identity.name == "known"
    assert same is visitor
    assert visitor.identity.name == ""


async def test_a_wrong_token_is_no_proof_and_costs_time(
    autojump_clock: object,
) -> None:
    """One more each time, from one address."""
    house = a_house(PROXY)
    visitor = house.visitor(at_home(house), Headers())
    assert visitor is not None

    with pytest.raises(WireError) as caught:
        await house.prove(visitor, Headers({"authorization": "Bearer x"}))

    assert caught.value.type is ErrorType.UNAUTHORIZED


async def test_where_nobody_is_known_a_token_is_not_looked_at() -> None:
    """Nobody is asked there."""
    house = House(Reception())
    visitor = a_house().reception.by_network("192.0.2.1")
    assert visitor is not None

    shown = await house.prove(visitor, Headers({"authorization": "nonsense"}))

    assert shown is visitor
    assert house.visitor(Guest(), Headers()) is None
