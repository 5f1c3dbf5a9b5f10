"""How a profile becomes the command that starts its warm parent."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from harpcaller.worker.powers import Powers, our_powers
from harpcaller.worker.profile import Confines, NoSuchUser, Profile, command, complaints

ROOT = Powers(
    changes_users=True,
    changes_groups=True,
    drops_capabilities=True,
    has_capabilities=True,
)
NOBODY = Profile(user=65534, group=65534)


def words_of(profile: Profile, powers: Powers) -> list[str]:
    """Return the command but for its paths and what it starts."""
    chain = command(profile, ["program", "--option"], powers)
    assert chain[-3:] == ["--", "program", "--option"]
    return [Path(word).name for word in chain[:-3]]


def test_root_gives_everything_up() -> None:
    """Groups before all: who kept them would keep their files."""
    assert words_of(NOBODY, ROOT) == [
        *("setpriv", "--no-new-privs"),
        *("--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all"),
        *("--reuid", "65534", "--regid", "65534", "--clear-groups"),
    ]


def test_groups_and_priority_are_those_of_the_profile() -> None:
    """Names are looked up by us: the program that runs later may not."""
    profile = attrs.evolve(NOBODY, groups=("root", 7), io_class="idle")

    words = words_of(profile, ROOT)

    assert words[:4] == ["ionice", "-c", "3", "setpriv"]
    assert words[-2:] == ["--groups", "0,7"]


def test_without_powers_only_no_new_privileges_are_left() -> None:
    """`--dev` of a person who is not root isolates what it can."""
    assert words_of(Profile(), Powers()) == ["setpriv", "--no-new-privs"]


def test_a_namespace_that_forbids_groups_still_drops_capabilities() -> None:
    """A container's root must not fail where it could have been safer."""
    powers = attrs.evolve(ROOT, changes_groups=False)

    assert words_of(Profile(), powers)[2:] == [
        *("--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all")
    ]


@pytest.mark.parametrize(
    ("profile", "powers", "said"),
    [
        (Profile(), ROOT, []),
        (NOBODY, ROOT, []),
        (NOBODY, Powers(), ["only root can run calls as another user or group"]),
        (Profile(groups=(1,)), Powers(), ["only root can give calls supplementary gr"]),
        (Profile(user="no-such-user"), ROOT, ['no user "no-such-user"']),
        (Profile(group="no-such-group"), ROOT, ['no group "no-such-group"']),
        (Profile(user=4_000_000), ROOT, ["user 4000000 is unknown: name its group"]),
        (Profile(confines=Confines(cwd="/no")), ROOT, ['cwd "/no" is no directory']),
        (Profile(), Powers(has_capabilities=True), ["calls keep the capabilities of"]),
    ],
)
def test_what_is_impossible_is_said(
    profile: Profile, powers: Powers, said: list[str]
) -> None:
    """In sentences, before the first call fails."""
    told = list(complaints(profile, powers))

    assert len(told) == len(said)
    assert all(map(str.startswith, told, said))


def test_an_unknown_user_has_no_command() -> None:
    """A call must not run as somebody else instead."""
    with pytest.raises(NoSuchUser):
        command(Profile(user="no-such-user"), ["program"], ROOT)


@pytest.mark.parametrize(
    ("effective", "setgroups", "powers"),
    [
        ("000001ffffffffff", "allow", ROOT),
        ("000001ffffffffff", "deny", attrs.evolve(ROOT, changes_groups=False)),
        ("0000000000000000", "allow", Powers()),
        (
            "0000000000000100",
            "allow",
            Powers(drops_capabilities=True, has_capabilities=True),
        ),
        (
            "0000000000000040",
            "allow",
            Powers(changes_groups=True, has_capabilities=True),
        ),
    ],
)
def test_powers_are_what_the_kernel_says(
    tmp_path: Path, effective: str, setgroups: str, powers: Powers
) -> None:
    """A user id of 0 says little: namespaces and containers take powers away."""
    (tmp_path / "status").write_text(f"Name:\tharpd\nCapEff:\t{effective}\n")
    (tmp_path / "setgroups").write_text(f"{setgroups}\n")

    assert our_powers(tmp_path) == powers
