"""Whether a client may do what it asks for, and what it is told if not."""

from __future__ import annotations

from harpcaller.identities.identity import Identity
from harpcaller.roles import Role
from protocol.call import Call
from protocol.errors import ErrorType, WireError

_SAY_WHO = (
    'say who you are: {"harpcaller":1,"hello":{"token":"..."}}, over HTTP in '
    "Authorization, or with a certificate"
)


def check_call(call: Call, identity: Identity) -> None:
    """Return if `identity` may submit `call`.

    Raises:
        WireError: `unauthorized` to nobody; `forbidden`.
    """
    if not identity.has(Role.SUBMIT):
        raise lacks(Role.SUBMIT, identity)
    if identity.may_ask_for(call):
        return
    field = "procedure" if identity.reaches(call.host) else "host"
    message = f'"{identity.name}" may not call this {field}'
    raise WireError(ErrorType.FORBIDDEN, message, {"field": field})


def check_role(role: Role, identity: Identity) -> None:
    """Return if `identity` has a role, or may have jobs that it may read, or cancel.

    Who may submit has jobs of his own; which one is meant is not looked at here.

    Raises:
        WireError: `unauthorized` to nobody; `forbidden`.
    """
    may_have_own = role is not Role.ADMIN and identity.has(Role.SUBMIT)
    if not identity.has(role) and not may_have_own:
        raise lacks(role, identity)


def demand(role: Role, identity: Identity, *, everywhere: bool = False) -> None:
    """Return if `identity` has a role; with `everywhere`, over the jobs of all hosts.

    Raises:
        WireError: `unauthorized` to nobody; `forbidden`.
    """
    if not identity.has(role):
        raise lacks(role, identity)
    if everywhere and not identity.may_do_all(role):
        message = f'"{identity.name}" has the role "{role}" on some hosts only'
        raise WireError(ErrorType.FORBIDDEN, message, {"role": role.value})


def lacks(role: Role, identity: Identity) -> WireError:
    """Return what is told to somebody without a role."""
    if identity.is_anonymous:
        message = f'this needs the role "{role}": {_SAY_WHO}'
        return WireError(ErrorType.UNAUTHORIZED, message, {"role": role.value})
    message = f'"{identity.name}" has not the role "{role}"'
    return WireError(ErrorType.FORBIDDEN, message, {"role": role.value})
