"""Messages for services that want an older version."""

from __future__ import annotations

import pytest
from harmony_corpus import operation

from harpcaller.adapters.harmony.lowering import lower
from harpcaller.adapters.harmony.refusals import Code, Refusal

SINCE = {"interpolation": 5, "scaleExtent": 5, "scaleSize": 5, "srs": 10}


def test_a_newer_message_becomes_the_older_one() -> None:
    """Harmony's own samples of two versions differ by just this."""
    lowered = lower(operation("valid-operation-input.json"), 21)

    assert lowered == operation("valid-operation-v0.21.0.json")


def test_an_older_message_goes_as_it_is() -> None:
    """Nobody knows what the newer fields would have been."""
    fields = operation("valid-operation-v0.10.0.json")

    assert lower(fields, 21) == fields
    assert lower(fields, 10) == fields


@pytest.mark.parametrize("minor", range(4, 22))
def test_every_older_version_can_be_made(minor: int) -> None:
    """A service asks for the version of the day it was written."""
    fields = operation("valid-operation-input.json") | {"$schema": "of 0.22.0"}

    lowered = lower(fields, minor)

    assert lowered["version"] == f"0.{minor}.0"
    assert "$schema" not in lowered
    for name, since in SINCE.items():
        assert (name in lowered["format"]) == (minor >= since)
    assert ("accessToken" in lowered) == (minor >= 9)
    assert ("shape" in lowered["subset"]) == (minor >= 6)
    assert ("average" in lowered) == (minor >= 20)
    granule = lowered["sources"][0]["granules"][0]
    assert ("bbox" in granule) == ("temporal" in granule) == (minor >= 7)


def test_what_an_older_version_requires_must_be_there() -> None:
    """Below 0.11.0 a message without granules is none."""
    fields = operation("example_message.json")

    with pytest.raises(Refusal, match=r"/sources/0/granules: is required") as caught:
        lower(fields, 10)

    assert caught.value.code is Code.SCHEMA
    assert "granules" not in lower(fields, 11)["sources"][0]


def test_a_shape_as_text_counts_as_the_file_that_is_made_of_it() -> None:
    """The worker writes it down, whatever the version."""
    fields = operation("async-2.json", subset={"shape": "{}"})

    assert lower(fields, 18)["subset"] == {"shape": "{}"}
    assert lower(fields, 5)["subset"] == {}


def test_a_missing_token_was_forgiven_before() -> None:
    """In compat mode a message may lack it; a service may not need it."""
    assert "accessToken" not in lower(operation("async-2.json", accessToken=None), 12)


def test_a_version_beyond_ours_is_lowered_by_what_we_know() -> None:
    """What we do not know we cannot tell a service of either."""
    fields = operation("async-2.json", version="0.30.0", shiny=1)

    lowered = lower(fields, 22)

    assert lowered["version"] == "0.22.0"
    assert "shiny" not in lowered
