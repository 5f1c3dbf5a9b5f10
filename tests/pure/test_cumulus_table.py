"""The table `[adapters.cumulus]`: what it may say, and what is told of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from cumulus_runs import a_list, loaded
from cumulus_workflow_cases import LIMITS

from harpcaller.adapters.adapter import CoreLimits
from harpcaller.adapters.cumulus import ADAPTER
from harpcaller.adapters.cumulus.config import KEYS, Settings, lacking
from harpcaller.adapters.cumulus.loading import read_run
from harpcaller.adapters.cumulus.rules import Rules
from protocol.jsontext import encode

ALL_KEYS: dict[str, Any] = {
    "resources": {"A": {"host": "h"}},
    "dedupe": True,
    "host_allow": ["h"],
    "bucket_allow": ["b", "c"],
    "secret_keys": ["pin"],
    "mask_result": True,
    "max_exec_time_s": 60,
    "heartbeat_s": 0.5,
    "max_parsed_bytes": 1000,
    "max_resolved_bytes": 2000,
    "max_result_bytes": 3000,
    "spill_over_bytes": 4000,
    "spill_bucket": "c",
    "task_metadata": True,
}


def test_a_table_of_all_keys_is_good() -> None:
    """Each is there for something."""
    settings = loaded(a_list("A"), **ALL_KEYS)

    assert {*ALL_KEYS, "workflows"} == set(KEYS)
    assert isinstance(settings, Settings)
    assert settings.dedupe
    assert settings.rules == Rules(
        host_allow=frozenset({"h"}),
        bucket_allow=frozenset({"b", "c"}),
        secret_keys=("pin",),
        mask_result=True,
        max_exec_s=60,
        heartbeat_s=0.5,
        max_parsed_bytes=1000,
        max_resolved_bytes=2000,
        max_result_bytes=3000,
        spill_over_bytes=4000,
        spill_bucket="c",
        task_metadata=True,
        core_max_exec_s=86400,
    )


def test_a_table_of_a_directory_alone_is_good() -> None:
    """Remote data is refused, and a message chooses no hosts, until told otherwise."""
    settings = loaded(a_list("A"))

    assert isinstance(settings, Settings)
    assert settings.rules == Rules()
    assert not settings.dedupe


def test_what_is_kept_with_a_job_holds_the_rules() -> None:
    """They are read again by the same reader."""
    settings = loaded(a_list("A"), **ALL_KEYS)

    assert isinstance(settings, Settings)
    run = read_run(settings.workflows["Flow"].kept)
    assert run.rules == settings.rules
    assert run.workflow == settings.workflows["Flow"].workflow
    assert read_run(settings.kept).rules == settings.rules
    assert read_run(settings.kept).workflow is None


def test_resolved_input_is_never_longer_than_a_line_to_a_worker() -> None:
    """T9: a call that could not be sent is refused before it is made."""
    limits = CoreLimits(max_exec_s=1, max_worker_line_bytes=1024)

    settings = ADAPTER.load(
        {"workflows": "w"}, {"w/Flow.json": encode(a_list("A"))}, limits
    )

    assert isinstance(settings, Settings)
    assert settings.rules.max_resolved_bytes == 1024


@pytest.mark.parametrize(
    ("table", "place", "mention"),
    [
        ({"workflow": "x"}, "workflow", 'did you mean "workflows"?'),
        ({"xyzzy": "x"}, "xyzzy", 'unknown key "xyzzy"'),
        ({"s3": {}}, "s3", "unknown key"),
        ({"host_allow": "h"}, "host_allow", "a list of strings"),
        ({"host_allow": ["@h"]}, "host_allow", 'do not begin with "@"'),
        ({"bucket_allow": [""]}, "bucket_allow", "a list of strings"),
        ({"secret_keys": ["("]}, "secret_keys", "regular expressions"),
        ({"mask_result": 1}, "mask_result", "true or false"),
        ({"dedupe": "yes"}, "dedupe", "true or false"),
        ({"max_exec_time_s": 0}, "max_exec_time_s", "seconds above 0"),
        ({"max_exec_time_s": float("inf")}, "max_exec_time_s", "seconds above 0"),
        ({"heartbeat_s": -1}, "heartbeat_s", "at least 0"),
        ({"max_parsed_bytes": 0}, "max_parsed_bytes", "at least 1"),
        ({"max_resolved_bytes": 1.5}, "max_resolved_bytes", "at least 1"),
        ({"max_result_bytes": True}, "max_result_bytes", "at least 1"),
        ({"spill_over_bytes": -1}, "spill_over_bytes", "at least 0"),
        ({"spill_over_bytes": 1}, "spill_bucket", "since spill_over_bytes is set"),
        (
            {"spill_over_bytes": 1, "spill_bucket": "b"},
            "spill_bucket",
            "in bucket_allow",
        ),
        ({"task_metadata": 0}, "task_metadata", "true or false"),
    ],
)
def test_a_wrong_key_is_told_with_its_place(
    table: Any, place: str, mention: str
) -> None:
    """Unknown ones with the nearest right one."""
    found = loaded(a_list("A"), **table)

    assert isinstance(found, list)
    [problem] = found
    assert (problem.place, problem.file) == (place, None)
    assert mention in problem.message


@pytest.mark.parametrize("workflows", [None, 3, ""])
def test_a_directory_has_to_be_named(workflows: Any) -> None:
    """Without it nothing is read, and it is told once."""
    table = {"workflows": workflows}

    found = ADAPTER.load(table, {}, LIMITS)

    assert ADAPTER.files(table) == ()
    assert isinstance(found, list)
    assert [problem.place for problem in found] == ["workflows"]


def test_a_directory_without_definitions_is_a_mistake() -> None:
    """It is misspelt, mostly: each call would be for an unknown workflow."""
    found = loaded()

    assert isinstance(found, list)
    [problem] = found
    assert (problem.place, problem.file) == ("workflows", None)


@pytest.mark.parametrize(
    ("directory", "glob"),
    [
        ("workflows", "workflows/**/*.json"),
        ("/etc/w/", "/etc/w/**/*.json"),
        ("a[b]*?", "a[[]b][*][?]/**/*.json"),
    ],
)
def test_all_files_below_the_directory_are_read(directory: str, glob: str) -> None:
    """Its own name is no pattern."""
    assert ADAPTER.files({"workflows": directory}) == (glob,)


def test_without_the_extra_the_start_is_refused_with_a_sentence() -> None:
    """It says what to install."""
    [problem] = lacking(["attrs", "no_such_package"])

    assert "no_such_package" in problem.message
    assert "harpcaller[cumulus]" in problem.message
