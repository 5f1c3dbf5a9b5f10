"""Regular expressions that hostile text may keep busy, told from others."""

from __future__ import annotations

import pytest
from csapi_cases import TABLE, settings

from harpcaller.adapters.csapi import ADAPTER
from harpcaller.adapters.csapi.patterns import nests_repeats
from harpcaller.adapters.panoptes import ADAPTER as PANOPTES
from harpcaller.adapters.panoptes.settings import Settings as PanoptesSettings


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+",
        "(?:a*)*",
        "x(a|b+){2,}",
        "((a+)b)*",
        "(?P<n>[a-z]+,){1,50}",
        r"(\(+)*?",
        "(a{1,9})+",
        "([)]+)+",
    ],
)
def test_repeats_in_repeats_are_seen(pattern: str) -> None:
    """Each of them may take twice as long for one character more."""
    assert nests_repeats(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "render [a-z.]+",
        "a+b*c{2,}",
        "(a+)",
        "(a+)?",
        "(abc)+",
        "(?:[0-9]{4}-)+",
        "(a++)+",
        "(?>a+)+",
        "(a{1,9}+)*",
        r"(\+)+",
        "([*+])+",
        r"([\]*+])+",
        "([]*+])+",
        r"(a\*)*",
        "(a+)(b)+",
        "(?x) a # b)\n",
    ],
)
def test_what_can_be_tried_in_one_way_is_no_doubt(pattern: str) -> None:
    """Most are like these; a warning that is mostly wrong would not be read."""
    assert not nests_repeats(pattern)


def test_each_doubtful_expression_is_told_with_its_service() -> None:
    """The operator looks at them; they may be harmless."""
    found = settings(train={**TABLE, "exec_allow": ["ls .*", "(a+)+"]})

    [told] = ADAPTER.doubts(found)

    assert told.startswith('services.train.exec_allow: "(a+)+" ')


def test_an_adapter_need_not_doubt_anything() -> None:
    """Most have no such settings."""
    assert not PANOPTES.doubts(PanoptesSettings())
