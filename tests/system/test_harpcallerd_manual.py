"""harpcallerd(8) says what the command line takes."""

from __future__ import annotations

from manual import MAN, options_of, verbs_of, verbs_told

PAGE = MAN / "harpcallerd.8"
MODULE = "harpcaller"


def test_every_verb_is_in_the_manual_and_the_reverse() -> None:
    """An administrator looks there first."""
    assert verbs_told(PAGE).keys() == verbs_of(MODULE)


def test_every_option_of_a_verb_is_at_its_place_in_the_manual() -> None:
    """A verb's options follow it, and no other's."""
    told = verbs_told(PAGE)

    for verb in verbs_of(MODULE):
        assert told[verb] == options_of(MODULE, verb), verb
