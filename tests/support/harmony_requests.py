"""Requests to the services of the corpus, judged and planned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from harmony_corpus import UAT, corpus_json, settings

from harpcaller.adapters.harmony.chains import Step
from harpcaller.adapters.harmony.intakes import Intake
from harpcaller.adapters.harmony.judging import Judged, judge
from harpcaller.adapters.harmony.plan import Document, Planned, Planner
from harpcaller.adapters.harmony.refusals import Refusal
from harpcaller.adapters.harmony.requests import Request, default_options
from harpcaller.adapters.harmony.settings import Settings
from harpcaller.adapters.harmony.trees import Missing
from protocol.job import JobId
from protocol.jsontext import decode

JOB = JobId("11111111-1111-4111-8111-111111111111")
COPY = "test/copy"
ZARR_CHAIN = "harmony/podaac-l2-subsetter-netcdf-to-zarr"
SEED: dict[str, Any] = {
    "services": "../services/seed-era.yml",
    "bindings": "../services/bindings.yml",
    "env_file": "../services/services.env",
    "environment": UAT,
}


def request(
    settings: Settings,
    service: str,
    operation: Any,
    sources: Any = None,
    intake: Intake = Intake.LINE,
) -> Request:
    """Return a request without options of its own."""
    return Request(
        service=service,
        operation=operation,
        sources=sources,
        options=default_options(settings, intake),
        intake=intake,
    )


def judged(
    settings: Settings,
    service: str,
    operation: Any,
    sources: Any = None,
    *,
    documents: Mapping[str, Any] | None = None,
    is_checked: bool = True,
) -> Judged:
    """Return a request that is accepted and needs no more documents."""
    asked = request(settings, service, operation, sources)
    found = judge(settings, asked, documents or {}, is_checked=is_checked)
    assert not isinstance(found, Missing), found
    return found


def refused(
    settings: Settings,
    service: str,
    operation: Any,
    sources: Any = None,
    intake: Intake = Intake.LINE,
) -> tuple[str, int, str]:
    """Return code, status and text of a request that is refused."""
    with pytest.raises(Refusal) as caught:
        judge(settings, request(settings, service, operation, sources, intake), {})
    return caught.value.code, caught.value.status, caught.value.message


def calls(settings: Settings, of: Judged) -> list[Planned]:
    """Return the calls of a plan."""
    lines = Planner(settings, of, JOB).lines()
    return [line for line in lines if isinstance(line, Planned)]


def saves(settings: Settings, of: Judged) -> dict[str, Any]:
    """Return the documents that a plan writes, by URI."""
    lines = Planner(settings, of, JOB).lines()
    return {line.uri: line.body for line in lines if isinstance(line, Document)}


def arguments(planned: Planned) -> Any:
    """Return the arguments of a call."""
    return decode(planned.call.arguments)


# ── services of other kinds ──
def seed_settings() -> Settings:
    """Return the services of October 2021."""
    return settings(**SEED)


def chain_with(**step: Any) -> Settings:
    """Return settings whose one service has one step of such a kind."""
    loaded = settings()
    chain = attrs.evolve(
        loaded.chains[COPY], steps=(Step(number=1, image="test/copy", **step),)
    )
    able = attrs.evolve(chain.capabilities, concatenation=True)
    chain = attrs.evolve(chain, capabilities=able)
    return attrs.evolve(loaded, chains={COPY: chain})


def bound(work_dir: str | None = None, **changes: Any) -> Settings:
    """Return settings whose binding of `test/copy` is another."""
    loaded = settings(work_dir=work_dir)
    binding = attrs.evolve(loaded.bindings["test/copy"], **changes)
    return attrs.evolve(loaded, bindings={**loaded.bindings, "test/copy": binding})


def one_item(href: str = "https://h/g.nc") -> dict[str, Any]:
    """Return a bundle of one item."""
    catalog = corpus_json("own/catalogs/two-granules/catalog.json")
    item = corpus_json("own/catalogs/two-granules/item1.json")
    item["assets"]["data"]["href"] = href
    catalog["links"] = catalog["links"][:2]
    return {
        "root": "catalog.json",
        "files": {"catalog.json": catalog, "item1.json": item},
    }
