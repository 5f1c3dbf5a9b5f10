"""Settings kept with a job."""

from __future__ import annotations

import attrs
import pytest
from harmony_corpus import settings
from harmony_requests import ZARR_CHAIN, seed_settings

from harpcaller.adapters.harmony.keeping import NotKept, keep, restore
from harpcaller.adapters.harmony.settings import Settings, Written
from protocol.call import Call
from protocol.jsontext import JsonText, decode, encode


def call(service: str) -> Call:
    """Return a call to a service."""
    return Call(host="@harmony", procedure=service, arguments=JsonText(b"{}"))


def without_traces(loaded: Settings) -> Settings:
    """Return settings less what they were read from, and what is not offered."""
    return attrs.evolve(loaded, written=Written(), warnings=(), disabled=(), skipped=())


@pytest.mark.parametrize(
    ("loaded", "service"),
    [
        (settings(), "test/chain"),
        (settings(), "test/copy-serial"),
        (settings(), "test/http"),
        (settings(work_dir="/shared", dialect="none"), "test/method"),
        (seed_settings(), ZARR_CHAIN),
    ],
)
def test_what_was_kept_is_the_same_for_its_service(
    loaded: Settings, service: str
) -> None:
    """A reload, or another dispatcher, must not change a job that has begun."""
    chain = loaded.chains[service]

    restored = restore(keep(loaded, call(service)))

    assert restored.chains == {service: chain}
    for step in chain.steps:
        assert restored.binding(chain, step) == loaded.binding(chain, step)
    one = attrs.evolve(loaded, chains={service: chain}, bindings=restored.bindings)
    assert without_traces(restored) == without_traces(one)


def test_what_was_kept_can_be_kept_again() -> None:
    """It is the same text: a parent's own kept settings are all that it needs."""
    kept = keep(settings(), call("test/chain"))

    assert keep(restore(kept), call("test/chain")) == kept


def test_settings_of_another_version_are_told_from_ours() -> None:
    """The job then ends, and says why."""
    value = decode(keep(settings(), call("test/copy")))
    assert isinstance(value, dict)
    value["bindings"] = {}

    with pytest.raises(NotKept, match=r'^no binding for image "test/copy"$'):
        restore(encode(value))
