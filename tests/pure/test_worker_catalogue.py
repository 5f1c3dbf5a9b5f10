"""What a worker offers: its procedures of both kinds, by their names."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from harpcaller.worker.catalogue import (
    Defaults,
    Offered,
    catalogue_complaints,
    make_catalogue,
)
from harpcaller.worker.kinds.executable import Executable
from harpcaller.worker.limits import Limits
from harpcaller.worker.orders import PythonFunction
from harpcaller.worker.powers import Powers
from harpcaller.worker.profile import Profile
from protocol.harp_worker import Refused

DEFAULTS = Defaults(
    profile=Profile(user="nobody", group="nogroup", groups=(7,)),
    limits=Limits(timeout_s=60, max_calls=3),
)
PLAIN = Defaults()


def a_function(name: str = "f", **more: Any) -> PythonFunction:
    """Return a Python procedure as its warm parent tells of it."""
    return PythonFunction(name=name, signature="()", doc="", streams=False, **more)


def an_executable(name: str = "e", profile: Profile | None = None) -> Offered:
    """Return an executable that is offered."""
    return Offered(
        what=Executable(name=name, argv=("prog",)),
        profile=Profile() if profile is None else profile,
        limits=Limits(),
    )


def offer_of(**more: Any) -> Offered:
    """Return how a Python procedure with such a decorator is offered."""
    return make_catalogue([a_function(**more)], [], DEFAULTS)["f"]


def test_both_kinds_are_found_by_name() -> None:
    """A caller does not know which it is."""
    executable = an_executable()

    catalogue = make_catalogue([a_function()], [executable], DEFAULTS)

    assert catalogue.keys() == {"f", "e"}
    assert catalogue["e"] is executable
    assert catalogue["f"].what == a_function()
    assert catalogue["f"].profile == DEFAULTS.profile
    assert catalogue["f"].limits == DEFAULTS.limits


@pytest.mark.parametrize(
    ("functions", "executables"),
    [
        ([a_function("x")], [an_executable("x")]),
        ([], [an_executable("x"), an_executable("x")]),
        ([a_function("x"), a_function("x")], []),
    ],
)
def test_two_of_the_same_name_are_refused(
    functions: list[PythonFunction], executables: list[Offered]
) -> None:
    """Which one is called must not depend on an order that nobody sees."""
    with pytest.raises(Refused, match='two procedures are named "x"') as caught:
        make_catalogue(functions, executables, DEFAULTS)

    assert caught.value.type == "procedure_loading_error"


def test_a_decorators_timeout_wins() -> None:
    """The other limits hold as before."""
    assert offer_of(timeout_s=5).limits == attrs.evolve(DEFAULTS.limits, timeout_s=5)
    assert offer_of(timeout_s=5).profile == DEFAULTS.profile


@pytest.mark.parametrize(
    ("decorator", "user", "group"),
    [
        ({"uid": "u"}, "u", None),
        ({"uid": 0}, 0, None),
        ({"gid": 0}, "nobody", 0),
        ({"uid": "u", "gid": "g"}, "u", "g"),
    ],
)
def test_a_decorators_user_brings_no_groups_of_others(
    decorator: dict[str, Any], user: Any, group: Any
) -> None:
    """Number 0 is somebody; without a group it is the user's own."""
    profile = offer_of(**decorator).profile

    assert (profile.user, profile.group, profile.groups) == (user, group, ())


def test_what_is_wrong_with_a_profile_is_said_once() -> None:
    """Under [defaults] if it is wrong there, else under each procedure's name."""
    defaults = Defaults(profile=Profile(user="no-such-user"))
    catalogue = [
        an_executable("same", defaults.profile),
        an_executable("other", Profile(user="no-such-other")),
        an_executable("fine"),
    ]

    said = list(catalogue_complaints(catalogue, defaults, Powers()))

    assert said == [
        '[defaults]: no user "no-such-user"',
        'procedure "other": no user "no-such-other"',
    ]


def test_nothing_is_said_where_nothing_is_wrong() -> None:
    """Else nobody would read it."""
    assert not list(catalogue_complaints([an_executable()], PLAIN, Powers()))
