"""What a step is told of a request."""

from __future__ import annotations

from typing import Any

from harmony_corpus import operation, settings
from harmony_requests import (
    COPY,
    arguments,
    calls,
    chain_with,
    judged,
    one_item,
)

from harpcaller.adapters.harmony.validation import problems


def told(service: str, name: str, **changes: Any) -> dict[str, Any]:
    """Return the message of a request's only call."""
    loaded = settings()
    (call,) = calls(loaded, judged(loaded, service, operation(name, **changes)))
    fields: dict[str, Any] = arguments(call)["message"]
    return fields


def test_a_service_is_told_in_the_version_that_it_wants() -> None:
    """H-4: without callback, with a masked token, the granules in the catalog."""
    expected = operation("valid-operation-v0.21.0.json", callback=None)
    del expected["sources"][0]["granules"]
    expected["accessToken"] = "***"
    older = operation("valid-operation-v0.10.0.json", callback=None, accessToken="***")

    assert told("test/v021", "valid-operation-input.json") == expected
    assert told("test/v021", "valid-operation-v0.10.0.json") == older


def test_a_step_is_told_its_own_operations() -> None:
    """H-6: what is left over for others would be done twice."""
    sample = operation("valid-operation-v0.10.0.json")
    form = sample["format"]

    subset = told("test/subset-only", "valid-operation-v0.10.0.json")
    reformat = told("test/reformat-only", "valid-operation-v0.10.0.json")

    kept = {name: form[name] for name in ("scaleSize", "width", "height")}
    assert subset["format"] == kept
    assert subset["subset"] == {"bbox": sample["subset"]["bbox"]}
    assert subset["sources"][0]["variables"] == sample["sources"][0]["variables"]
    assert "temporal" not in subset
    assert reformat["format"] == kept | {"mime": form["mime"]}
    assert reformat["subset"] == {}
    assert "variables" not in reformat["sources"][0]


def test_extra_arguments_are_the_steps_own() -> None:
    """They replace the request's; versions without them get none."""
    loaded = chain_with(extra_args={"cut": True})
    new, old = (
        judged(loaded, COPY, operation(name))
        for name in ("async-2.json", "valid-operation-v0.10.0.json")
    )

    assert arguments(calls(loaded, new)[0])["message"]["extraArgs"] == {"cut": True}
    assert "extraArgs" not in arguments(calls(loaded, old)[0])["message"]


def test_granules_are_cut_to_the_batch() -> None:
    """Below 0.11.0 they are required, whatever the catalog says."""
    fields = operation("valid-operation-v0.10.0.json", isSynchronous=False)
    listed = fields["sources"][0]["granules"]
    listed.append(listed[0] | {"id": "G2"})
    loaded = settings()

    first, second = calls(loaded, judged(loaded, COPY, fields))

    for call, granule in ((first, "G1233800343-EEDTEST"), (second, "G2")):
        source = arguments(call)["message"]["sources"][0]
        assert [each["id"] for each in source["granules"]] == [granule]


def test_items_become_granules_for_old_services() -> None:
    """Below 0.11.0 the message has to list them."""
    loaded = settings()
    fields = operation("valid-operation-v0.10.0.json")
    found = judged(loaded, COPY, fields, one_item())

    (call,) = calls(loaded, found)

    (granule,) = arguments(call)["message"]["sources"][0]["granules"]
    assert granule == {
        "id": "gran-1",
        "name": "g_1.txt",
        "url": "https://h/g.nc",
        "bbox": [-180, -90, 180, 90],
        "temporal": {
            "start": "2020-01-01T01:00:00.000Z",
            "end": "2020-01-01T01:59:59.000Z",
        },
    }


def test_items_tell_oldest_services_no_more_than_they_know() -> None:
    """Granules have had extents since 0.7.0: a message has to fit its own version."""
    loaded = settings()
    fields = operation("valid-operation-v0.4.0.json")
    found = judged(loaded, COPY, fields, one_item())

    (call,) = calls(loaded, found)

    message = arguments(call)["message"]
    assert list(message["sources"][0]["granules"][0]) == ["id", "name", "url"]
    assert problems(message, 4) == []
