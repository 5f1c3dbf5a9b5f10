"""services.yml as Harmony writes it, of then and now."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harmony_corpus import PROD, UAT, load_problems, settings

from harpcaller.adapters.harmony.chains import Step, is_locator, untagged
from harpcaller.adapters.harmony.operations import Operation

EVERYTHING: dict[str, Any] = {
    "bindings": "../services/bindings.yml",
    "env_file": "../services/services.env",
}


@pytest.mark.parametrize(
    ("name", "environment", "count", "disabled", "skipped"),
    [
        ("seed-era", PROD, 4, (), ()),
        ("seed-era", UAT, 15, ("harmony/example",), ("harmony/chaining-example",)),
        ("now-prod", PROD, 24, (), ()),
        ("now-uat", UAT, 27, ("harmony/example",), ()),
    ],
)
def test_harmonys_own_files_can_be_used_as_they_are(
    name: str,
    environment: str,
    count: int,
    disabled: tuple[str, ...],
    skipped: tuple[str, ...],
) -> None:
    """What is peculiar to us stands in a file of our own."""
    loaded = settings(
        services=f"../services/{name}.yml", environment=environment, **EVERYTHING
    )

    assert len(loaded.chains) + len(disabled) + len(skipped) == count
    assert loaded.disabled == disabled
    assert loaded.skipped == skipped
    assert len(loaded.warnings) == len(skipped)


def test_every_missing_image_is_listed() -> None:
    """Who binds a file of services wants to know of all at once."""
    problems = load_problems(
        services="../services/seed-era.yml",
        environment=PROD,
        env_file="../services/services.env",
    )

    assert problems == [
        (
            "../services/seed-era.yml",
            f"{service}: step 1",
            f'no binding for image "{image}"',
        )
        for service, image in (
            ("asfdataservices/gdal-subsetter", "example/asf-gdal-subsetter"),
            ("harmony/netcdf-to-zarr", "example/harmony-netcdf-to-zarr"),
            ("harmony/service-example", "example/harmony-service-example"),
            ("podaac/l2-subsetter", "example/podaac-l2-subsetter"),
        )
    ]


def test_a_service_is_what_its_lines_say() -> None:
    """Anchors, merge keys and variables are those of Harmony's own file."""
    chains = settings().chains

    assert chains["test/copy-serial"].parallelism == 1
    assert chains["test/copy"].parallelism == 2
    assert chains["test/copy"].env == {
        "STAGING_BUCKET": "staging.example.org",
        "STAGING_PATH": "public/test",
    }
    assert chains["test/v021"].minor == 21
    assert chains["test/async-only"].max_sync_granules == 0
    assert chains["test/any-collection"].collections is None
    assert chains["test/any-collection"].max_async_granules == 13
    assert chains["test/copy"].capabilities.averaging == {"time", "area"}
    assert chains["test/http"].url == "http://127.0.0.1:4000/test/harmony"
    assert chains["test/chain"].steps[1] == Step(
        number=2,
        image="test/zarr",
        operations=(Operation.REFORMAT,),
        formats=("application/x-zarr",),
    )
    assert settings().disabled == ("test/switched-off",)


def test_what_services_of_now_say_is_read() -> None:
    """Aggregation and batches are told by the step."""
    loaded = settings(services="../services/now-uat.yml", **EVERYTHING)

    concise = loaded.chains["podaac/l2-subsetter-concise"].steps[1]

    assert concise.waits_for_all
    assert concise.is_batched
    assert loaded.chains["giovanni-time-series-adapter"].max_sync_granules == 0
    assert loaded.chains["podaac/concise"].collections is None


def one_service(**fields: Any) -> dict[str, bytes]:
    """Return services.yml with one service."""
    service = {
        "name": "a/b",
        "capabilities": {"output_formats": ["image/png"]},
        "steps": [{"image": "test/copy:1"}],
    } | fields
    # JSON is YAML.
    return {"services.yml": json.dumps({UAT: [service]}).encode()}


@pytest.mark.parametrize(
    ("fields", "place", "message"),
    [
        ({"batch_size": -1}, "", "batch_size: expected a whole number of at least 0"),
        ({"batch_size": "x"}, "", "batch_size: expected a whole number of at least 0"),
        ({"name": 7}, "", "name: expected a text"),
        ({"enabled": "maybe"}, "", "enabled: expected true or false"),
        (
            {"type": {"params": {"parallelism": 0}}},
            "",
            "parallelism: expected a whole number of at least 1",
        ),
        ({"type": "turbo"}, "", "type: expected a mapping"),
        ({"steps": "x"}, "", "steps: expected a list"),
        ({"steps": [1]}, ": step 1", "expected a mapping"),
        ({"steps": None}, "", "step 1: no image"),
        ({"steps": [{"image": ""}]}, ": step 1", "image: expected a text"),
        (
            {"data_operation_version": "1.0"},
            "",
            'data_operation_version: Unsupported data-operation version "1.0"',
        ),
        ({"collections": [{"id": 1}]}, "", "collections: expected a list of ids"),
        (
            {"steps": [{"image": "test/copy", "operations": ["fly"]}]},
            ": step 1",
            'operations: unknown operation "fly"',
        ),
        (
            {"steps": [{"image": "test/copy", "operations": ["concatenate"]}]},
            ": step 1",
            "operations: the capabilities lack concatenate",
        ),
        (
            {
                "steps": [
                    {"image": "test/copy", "conditional": {"exists": ["reformat"]}}
                ]
            },
            ": step 1",
            "exists: reformat is asked for by a conditional format",
        ),
        (
            {
                "steps": [
                    {"image": "test/copy", "conditional": {"format": ["image/gif"]}}
                ]
            },
            ": step 1",
            'format: "image/gif" is not in output_formats',
        ),
        (
            {"steps": [{"image": "test/copy", "max_batch_inputs": 0}]},
            ": step 1",
            "max_batch_inputs: expected a whole number of at least 1",
        ),
        (
            {"steps": [{"image": "x/query-cmr:2", "is_sequential": False}]},
            ": granule locator",
            "is_sequential: a granule locator works one page after another",
        ),
        (
            {"steps": [{"image": "test/other"}]},
            ": step 1",
            'no binding for image "test/other"',
        ),
    ],
)
def test_a_mistake_is_named_by_service_and_step(
    fields: dict[str, Any], place: str, message: str
) -> None:
    """The file is long, and Harmony's: who reads this did not write it."""
    problems = load_problems(one_service(**fields))

    name = "service 1" if "name" in fields else "a/b"
    assert ("services.yml", name + place, message) in problems


def test_all_mistakes_are_told_at_once() -> None:
    """One after the other would take a day."""
    problems = load_problems(
        one_service(
            batch_size=-1, maximum_sync_granules="x", steps=[{"image": "other"}]
        )
    )

    assert len(problems) == 3


@pytest.mark.parametrize(
    "fields",
    [
        {"batch_size": "", "type": {"params": {"parallelism": None}}},
        {"batch_size": "5", "unknown": {"key": []}},
        {
            "steps": [
                {"image": "test/copy", "conditional": {"format": ["", "image/png"]}}
            ]
        },
        {"steps": [{"image": "x/query-cmr:1"}, {"image": "test/copy"}]},
        {"steps": [{"image": "x/query-cmr:1", "is_sequential": True}]},
        {"steps": None, "type": {"params": {"template": "test/copy"}}},
        {"collections": "C1"},
        {"type": {"params": {"env": {"A": None, "B": True, "C": 1}}}},
        {"steps": [{"image": "test/copy", "extra_args": {"cut": True}}]},
    ],
)
def test_what_looks_odd_and_is_legal_passes(fields: dict[str, Any]) -> None:
    """Unknown keys are tolerated, empty values are absent."""
    chain = settings(one_service(**fields)).chains["a/b"]

    assert chain.parallelism == 2
    assert chain.env == (
        {"B": "true", "C": "1"} if "type" in fields and chain.env else {}
    )


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"[]", "expected a list of services"),
        (b"{}", "expected a list of services"),
        (b"'%s': [x]" % UAT.encode(), "name: expected a text"),
        (
            b"'%s': [{name: a, type: {name: http}}, {name: a, enabled: false}]"
            % UAT.encode(),
            "there is another service of that name",
        ),
    ],
)
def test_a_file_of_another_shape_is_refused(document: bytes, message: str) -> None:
    """A wrong environment is the likeliest mistake."""
    problems = load_problems({"services.yml": document})

    assert message in [text for _, _, text in problems]


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("a/b:1", "a/b"),
        ("host:5000/a/b", "host:5000/a/b"),
        ("host:5000/a/b:1", "host:5000/a/b"),
        ("b@sha256:12", "b"),
        ("", ""),
    ],
)
def test_an_image_is_known_without_its_tag(image: str, name: str) -> None:
    """A new release needs no new binding."""
    assert untagged(image) == name


def test_the_granule_locator_is_known_by_its_name() -> None:
    """It is the first step of every chain, and satisfied without a call."""
    assert is_locator("harmony/query-cmr")
    assert is_locator("host/cmr-granule-locator")
    assert not is_locator("query-cmr/other")
