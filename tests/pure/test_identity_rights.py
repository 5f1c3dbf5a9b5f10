"""Who may do what: every identity, every role, every request, every list."""

from __future__ import annotations

import pytest

from harpcaller.identities import rights
from harpcaller.identities.identity import (
    ANONYMOUS_AT_HOME,
    STRANGER,
    Identity,
    Proofs,
)
from harpcaller.identities.known import Identities
from harpcaller.identities.tls import names_in
from harpcaller.identities.tokens import digest_of, new_token
from harpcaller.roles import Role
from protocol.call import Call
from protocol.errors import WireError
from protocol.job import JobId, JobRecord, State
from protocol.jsontext import JsonText

ROLES = tuple(Role)


def an_identity(
    *roles: Role, hosts: list[str] | None = None, procedures: list[str] | None = None
) -> Identity:
    """Return somebody called "me"."""
    return Identity(
        name="me", roles=frozenset(roles), hosts=hosts, procedures=procedures
    )


def a_call(host: str = "web1", procedure: str = "ping") -> Call:
    """Return a call."""
    return Call(host=host, procedure=procedure, arguments=JsonText(b"[]"))


def a_job(host: str = "web1", identity: str = "other") -> JobRecord:
    """Return a job of somebody's."""
    return JobRecord(
        job_id=JobId("0"),
        state=State.RUNNING,
        host=host,
        procedure="ping",
        arguments=JsonText(b"[]"),
        timeout_s=1,
        max_exec_s=1,
        submitted_at=0,
        identity=identity,
    )


def error_of_call(call: Call, identity: Identity) -> str | None:
    """Return why a call is refused."""
    try:
        rights.check_call(call, identity)
    except WireError as error:
        return error.type.value
    return None


@pytest.mark.parametrize("role", ROLES)
def test_who_may_submit_may_call(role: Role) -> None:
    """And nobody else, but an admin."""
    expected = None if role in {Role.SUBMIT, Role.ADMIN} else "forbidden"

    assert error_of_call(a_call(), an_identity(role)) == expected


@pytest.mark.parametrize(
    ("hosts", "procedures", "error"),
    [
        (None, None, None),
        (["web1"], None, None),
        (["web?"], ["p*"], None),
        (["db*", "web*"], ["ping"], None),
        (["db*"], None, "forbidden"),
        (["WEB1"], None, "forbidden"),
        ([], None, "forbidden"),
        (None, ["pin"], "forbidden"),
        (["web1"], [], "forbidden"),
    ],
)
@pytest.mark.parametrize("role", [Role.SUBMIT, Role.ADMIN])
def test_lists_bound_what_may_be_called(
    role: Role, hosts: list[str] | None, procedures: list[str] | None, error: str | None
) -> None:
    """An admin's lists hold for him, too."""
    identity = an_identity(role, hosts=hosts, procedures=procedures)

    assert error_of_call(a_call(), identity) == error


def test_a_stranger_is_told_to_say_who_he_is() -> None:
    """`forbidden` would send him away where a token is all he needs."""
    assert error_of_call(a_call(), STRANGER) == "unauthorized"
    for role in (Role.READ, Role.CANCEL):
        with pytest.raises(WireError, match="say who you are") as raised:
            rights.check_role(role, STRANGER)
        assert raised.value.type == "unauthorized"


@pytest.mark.parametrize("wanted", [Role.READ, Role.CANCEL])
@pytest.mark.parametrize("role", ROLES)
def test_a_role_does_what_it_says_on_the_hosts_of_its_list(
    role: Role, wanted: Role
) -> None:
    """On no other host, and nothing that another role says."""
    identity = an_identity(role, hosts=["web*"])

    assert identity.may_do(wanted, a_job("web1")) == (role in {wanted, Role.ADMIN})
    assert not identity.may_do(wanted, a_job("db1"))


@pytest.mark.parametrize("wanted", [Role.READ, Role.CANCEL])
@pytest.mark.parametrize("role", ROLES)
def test_who_may_submit_reads_and_cancels_what_he_submitted(
    role: Role, wanted: Role
) -> None:
    """Also on a host that was taken from his list since; it is his job."""
    identity = an_identity(role, hosts=["web*"])
    is_own = role in {Role.SUBMIT, Role.ADMIN}

    assert identity.may_do(wanted, a_job("db1", identity="me")) == is_own


def test_jobs_of_nobody_are_not_owned_by_nobody() -> None:
    """Else every stranger with a right to submit could read the others'."""
    nobody = Identity(name="", roles=frozenset({Role.SUBMIT}))

    assert not nobody.owns(a_job(identity=""))
    assert ANONYMOUS_AT_HOME.may_do(Role.READ, a_job(identity=""))


def test_a_token_is_found_by_its_digest_alone() -> None:
    """The token is nowhere kept; no part of it is one."""
    token = new_token()
    me = Identity(
        name="me",
        roles=frozenset(),
        proofs=Proofs(token_digests=(digest_of(token),)),
    )
    identities = Identities([me])

    assert identities.by_token(token) is me
    for wrong in ("", token[:-1], token + "x", token.lower() + "X", "\ud800"):
        assert identities.by_token(wrong) is None
    assert token not in repr(me)
    assert digest_of(token).hex() not in repr(me)


def test_a_user_id_wins_over_a_group_and_the_first_group_over_others() -> None:
    """Several may fit: it must be foreseeable who it is."""
    group, other, user = (
        Identity(name=name, roles=frozenset(), proofs=proofs)
        for name, proofs in (
            ("group", Proofs(gids=(7,))),
            ("other", Proofs(gids=(8,))),
            ("user", Proofs(uids=(1000,))),
        )
    )
    identities = Identities([group, other, user])

    assert identities.by_peer(1000, {7}) is user
    assert identities.by_peer(1001, {8, 7}) is group
    assert identities.by_peer(1001, {8}) is other
    assert identities.by_peer(1001, {9}) is None


def test_of_the_names_in_a_certificate_host_names_come_first() -> None:
    """Then mail addresses, then URIs; anything else is no name of a client."""
    names = (
        ("URI", "spiffe://x/y"),
        ("IP Address", "127.0.0.1"),
        ("email", "Me@example.net"),
        ("DNS", "Host.Example.net"),
        ("DNS", "second"),
    )

    assert names_in({"subjectAltName": names}) == [
        "host.example.net",
        "second",
        "Me@example.net",
        "spiffe://x/y",
    ]
    assert names_in(None) == names_in({}) == []


def test_the_first_name_that_is_known_is_who_it_is() -> None:
    """A certificate may bear names that mean nothing here."""
    me = Identity(
        name="me", roles=frozenset(), proofs=Proofs(certificates=("me@example.net",))
    )

    assert Identities([me]).by_certificate(["host", "me@example.net"]) is me
    assert Identities([me]).by_certificate(["host"]) is None
    assert Identities().by_certificate([]) is None
    anybody = Identities().by_certificate(["host", "me@example.net"])
    assert anybody is not None
    assert (anybody.name, anybody.has(Role.CANCEL)) == ("host", True)
