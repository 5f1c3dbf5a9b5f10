"""The table `[adapters.panoptes]`, good and bad."""

from __future__ import annotations

from typing import Any

import pytest

from harpcaller.adapters.adapter import CoreLimits, Problem
from harpcaller.adapters.panoptes import ADAPTER
from harpcaller.adapters.panoptes.settings import Redirect, Settings
from protocol.call import Call
from protocol.job import JobId
from protocol.jsontext import JsonText

LIMITS = CoreLimits(max_exec_s=1, max_worker_line_bytes=1)


def load(**table: Any) -> Any:
    """Return what the table means."""
    return ADAPTER.load(table, {}, LIMITS)


def test_an_empty_table_is_all_defaults() -> None:
    """Who names the adapter has it."""
    assert load() == Settings()
    assert ADAPTER.files({}) == ()


def test_settings_are_read() -> None:
    """Each by its own rule."""
    found = load(
        serve=False,
        redirect={"code": 302, "location": "/m2/"},
        linger_s=1,
        drop_levels=["debug"],
        max_live=3,
        max_updates_per_s=0.5,
    )

    assert found == Settings(
        serve=False,
        redirect=Redirect(code=302, location="/m2/"),
        linger_s=1.0,
        drop_levels=frozenset({"debug"}),
        max_live=3,
        max_updates_per_s=0.5,
    )


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("serve", 1, "serve"),
        ("linger_s", 0, "linger_s"),
        ("linger_s", True, "linger_s"),
        ("linger_s", float("inf"), "linger_s"),
        ("linger_s", "5", "linger_s"),
        ("max_live", 1.5, "max_live"),
        ("max_live", 0, "max_live"),
        ("max_updates_per_s", 0, "max_updates_per_s"),
        ("drop_levels", "debug", "drop_levels"),
        ("drop_levels", [1], "drop_levels"),
        ("redirect", "/m2/", "redirect"),
        ("redirect", {"code": 307, "location": "/m2/"}, "redirect.code"),
        ("redirect", {"location": "/m2/"}, "redirect.code"),
        ("redirect", {"code": 302}, "redirect.location"),
        ("redirect", {"code": 302, "location": "/m2/", "x": 1}, "redirect.x"),
        ("redirect", {"code": 302, "location": "/\r\nX: y"}, "redirect.location"),
        ("lingers", 5, "lingers"),
    ],
)
def test_a_mistake_is_told_by_its_key(key: str, value: Any, place: str) -> None:
    """And nothing of the table holds."""
    [problem] = load(**{key: value, "quiet_s": 7})

    assert isinstance(problem, Problem)
    assert problem.place == place
    assert problem.message.startswith(("expected ", "unknown key"))


def test_its_jobs_have_no_machine() -> None:
    """Nobody runs them."""
    call = Call(host="@panoptes", procedure="workflow", arguments=JsonText(b"{}"))

    assert ADAPTER.keep(Settings(), call) == b""
    with pytest.raises(LookupError):
        ADAPTER.machine(b"", JobId("x"), call)
