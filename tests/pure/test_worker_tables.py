"""The tables [defaults] and [[procedure]], and what is said of mistakes in them."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from harpcaller.worker.catalogue import Defaults, Offered
from harpcaller.worker.kinds.executable import Executable
from harpcaller.worker.kinds.output import ResultMode
from harpcaller.worker.limits import Limits
from harpcaller.worker.profile import Confines, Profile
from harpcaller.worker.tables import (
    LIMIT_KEYS,
    PROCEDURE_KEYS,
    PROFILE_KEYS,
    read_defaults,
    read_procedures,
)

LIMITS: dict[str, Any] = {
    "timeout_s": 1.5,
    "max_output_bytes": 2,
    "max_calls": 3,
    "max_waiting": 4,
    "cpu_s": 5,
    "memory_bytes": 6,
    "processes": 7,
    "open_files": 8,
    "file_bytes": 9,
    "core_bytes": 10,
}
PROFILE: dict[str, Any] = {
    "user": "u",
    "group": 11,
    "groups": ["g", 12],
    "pass_environment": ["PATH", "TERM"],
    "environment": {"A": "b=c", "B": ""},
    "cwd": "/srv",
    "umask": "077",
    "nice": 13,
    "io_class": "idle",
    "limits": LIMITS,
}
PROCEDURE: dict[str, Any] = {
    "name": "p",
    "kind": "executable",
    "description": "d",
    "argv": ["prog", "{x}"],
    "arguments": [{"name": "x"}],
    "result": "last-line",
    "stream": False,
}
WHOLE = Defaults(
    profile=Profile(
        user="u",
        group=11,
        groups=("g", 12),
        pass_environment=("PATH", "TERM"),
        environment=(("A", "b=c"), ("B", "")),
        io_class="idle",
        confines=Confines(
            cwd="/srv",
            umask=0o077,
            nice=13,
            rlimits=(
                ("core_bytes", 10),
                ("cpu_s", 5),
                ("file_bytes", 9),
                ("memory_bytes", 6),
                ("open_files", 8),
                ("processes", 7),
            ),
        ),
    ),
    limits=Limits(timeout_s=1.5, max_output_bytes=2, max_calls=3, max_waiting=4),
)


def the_only(table: dict[str, Any], defaults: Defaults | None = None) -> Offered:
    """Return what one [[procedure]] with a name and a program spells."""
    table = {"name": "p", "argv": ["prog"]} | table
    [offered] = read_procedures([table], Defaults() if defaults is None else defaults)
    return offered


def test_every_key_is_tried_here() -> None:
    """A key that is read into nothing would be believed by who wrote it."""
    assert LIMITS.keys() == LIMIT_KEYS.keys()
    assert PROFILE.keys() == PROFILE_KEYS.keys()
    assert PROCEDURE.keys() == PROCEDURE_KEYS.keys()


def test_every_key_of_the_defaults_is_read() -> None:
    """Into the profile of a call, or its limits."""
    assert read_defaults(PROFILE) == WHOLE
    assert read_defaults({}) == Defaults()


def test_every_key_of_a_procedure_is_read() -> None:
    """Its own, and those of the defaults."""
    offered = the_only(PROCEDURE | PROFILE)

    assert offered.name == "p"
    assert (offered.profile, offered.limits) == (WHOLE.profile, WHOLE.limits)
    what = offered.what
    assert isinstance(what, Executable)
    assert what.argv == ("prog", "{x}")
    assert [argument.name for argument in what.arguments or ()] == ["x"]
    assert (what.description, what.streams) == ("d", False)
    assert what.result is ResultMode.LAST_LINE


def test_a_name_and_a_program_are_enough() -> None:
    """It then takes no arguments, which is another thing than taking any."""
    offered = the_only({})

    assert offered.what == Executable(name="p", argv=("prog",), arguments=())
    assert (offered.profile, offered.limits) == (Profile(), Limits())


@pytest.mark.parametrize("key", sorted(PROFILE.keys() - {"environment", "limits"}))
def test_a_procedure_changes_what_it_names_only(key: str) -> None:
    """All else is as in [defaults]."""
    others: dict[str, Any] = {
        "user": "v",
        "group": "h",
        "groups": [],
        "pass_environment": [],
        "cwd": "/",
        "umask": "022",
        "nice": 0,
        "io_class": "best-effort",
    }

    offered = the_only({key: others[key]}, WHOLE)

    expected = read_defaults(PROFILE | {key: others[key]})
    if key == "user":
        changed = attrs.evolve(expected.profile, group=None, groups=())
        expected = attrs.evolve(expected, profile=changed)
    assert offered.profile == expected.profile != WHOLE.profile
    assert offered.limits == WHOLE.limits


@pytest.mark.parametrize("key", LIMITS)
def test_a_procedure_changes_the_limit_that_it_names_only(key: str) -> None:
    """One that sets a timeout keeps the bound of its memory."""
    offered = the_only({"limits": {key: 99}}, WHOLE)

    expected = read_defaults(PROFILE | {"limits": LIMITS | {key: 99}})
    assert (offered.profile, offered.limits) == (expected.profile, expected.limits)
    assert expected != WHOLE


def test_variables_are_added_to_those_of_the_defaults() -> None:
    """One of the same name wins."""
    offered = the_only({"environment": {"B": "2", "C": "3"}}, WHOLE)

    assert dict(offered.profile.environment) == {"A": "b=c", "B": "2", "C": "3"}


def test_another_user_has_a_group_of_his_own() -> None:
    """He must not get that of the defaults' user unless somebody says so."""
    assert the_only({"user": "v"}, WHOLE).profile.group is None
    assert the_only({"user": "v", "group": "w"}, WHOLE).profile.group == "w"


def test_a_timeout_may_be_endless() -> None:
    """That is how a procedure does without one of the defaults."""
    assert the_only({"limits": {"timeout_s": float("inf")}}).limits.timeout_s


MISTAKES: dict[str, dict[str, Any]] = {
    'unknown key "usr", did you mean "user"?': {"usr": "x"},
    'unknown key "zzz"': {"zzz": 1},
    '"user": not expected to be list': {"user": ["x"]},
    '"user": not expected to be bool': {"user": True},
    '"nice": not expected to be bool': {"nice": True},
    '"nice": not expected to be float': {"nice": 1.0},
    '"umask": not expected to be int': {"umask": 22},
    '"groups": not expected to be str': {"groups": "x"},
    '"groups": expected a list of names and numbers': {"groups": [True]},
    '"groups": expected a list of names and numbers ': {"groups": ["x", ["y"]]},
    '"pass_environment": expected a list of strings': {"pass_environment": ["A", 1]},
    '"environment": expected strings': {"environment": {"A": 1}},
    "\"environment\": no variable can be 'A=B'": {"environment": {"A=B": "x"}},
    "\"environment\": no variable can be ''": {"environment": {"": "x"}},
    "\"environment\": no variable can be 'A'": {"environment": {"A": "x\0y"}},
    '"cwd": expected a path from the root': {"cwd": "srv"},
    '"umask": expected three octal digits, such as "022"': {"umask": "888"},
    '"umask": expected three octal digits, such as "022" ': {"umask": "1000"},
    '"umask": expected three octal digits, such as "022"  ': {"umask": "-1"},
    '"nice": expected 0 to 19': {"nice": -1},
    '"nice": expected 0 to 19 ': {"nice": 20},
    '"io_class": expected one of best-effort, idle': {"io_class": "realtime"},
    'limits: unknown key "timeout", did you mean "timeout_s"?': {
        "limits": {"timeout": 1}
    },
    'limits: "timeout_s": not expected to be str': {"limits": {"timeout_s": "1"}},
    'limits: "max_calls": not expected to be bool': {"limits": {"max_calls": True}},
    'limits: "cpu_s": not expected to be float': {"limits": {"cpu_s": 0.5}},
    '"timeout_s": too small': {"limits": {"timeout_s": 0}},
    '"timeout_s": too small ': {"limits": {"timeout_s": -1}},
    '"timeout_s": too small  ': {"limits": {"timeout_s": float("nan")}},
    '"max_calls": too small': {"limits": {"max_calls": 0}},
    '"max_waiting": too small': {"limits": {"max_waiting": -1}},
    '"open_files": too small': {"limits": {"open_files": -1}},
    '"open_files": too large': {"limits": {"open_files": 2**63}},
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_is_named_in_both_tables(message: str) -> None:
    """With the procedure and the key: who made it can mend it without the manual."""
    with pytest.raises(ValueError, match="defaults") as of_defaults:
        read_defaults(MISTAKES[message])
    with pytest.raises(ValueError, match="procedure") as of_procedure:
        the_only(MISTAKES[message])

    said = message.rstrip()
    assert str(of_defaults.value) == f"[defaults]: {said}"
    assert str(of_procedure.value) == f'[[procedure]] "p": {said}'


OF_PROCEDURES: dict[str, dict[str, Any]] = {
    'unknown key "args", did you mean "argv"?': {"args": []},
    '"argv": not expected to be str': {"argv": "prog"},
    '"argv": expected a list of strings': {"argv": []},
    '"argv": expected a list of strings ': {"argv": ["prog", 1]},
    '"stream": not expected to be int': {"stream": 1},
    '"result": expected one of exit, last-line, fd3': {"result": "fd4"},
    '"arguments": two have the same name': {"arguments": [{"name": "x"}] * 2},
    '"arguments": not expected to be dict': {"arguments": {"x": "string"}},
    '"arguments": "name": every argument needs one': {"arguments": ["x"]},
    'argv: there is no argument "y"': {"argv": ["prog", "{y}"]},
    'argument "x": unknown key "typ", did you mean "type"?': {
        "arguments": [{"name": "x", "typ": "integer"}]
    },
}


@pytest.mark.parametrize("message", OF_PROCEDURES)
def test_a_mistake_in_a_procedure_is_named(message: str) -> None:
    """In the same manner."""
    with pytest.raises(ValueError, match="procedure") as caught:
        the_only(OF_PROCEDURES[message])

    assert str(caught.value) == f'[[procedure]] "p": {message.rstrip()}'


@pytest.mark.parametrize("table", ["p", {}, {"argv": ["prog"]}, {"name": 1}])
def test_a_procedure_without_a_name_is_told_so(table: Any) -> None:
    """There is nothing else to name it by."""
    with pytest.raises(ValueError, match="every procedure needs one"):
        read_procedures([table], Defaults())
