"""Catalogs on this machine that lead nowhere, as the command gathers them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harmony_outcomes import a_catalog

from harpcaller.adapters.harmony.refusals import Refusal
from harpcaller.tools.harmony_bundle import read_call_sources


@pytest.mark.parametrize(
    "href",
    ["a\0b", "x" * 5000, ".", "none.json", "../../../../../etc/hostname"],
    ids=["nul", "long", "folder", "none", "text"],
)
def test_a_link_that_leads_to_no_document_is_refused(tmp_path: Path, href: str) -> None:
    """E15: error.json says so, where a traceback would say nothing to Harmony."""
    catalog = tmp_path / "catalog.json"
    catalog.write_text(json.dumps(a_catalog(("item", href))))

    with pytest.raises(Refusal, match=r"^Cannot read input catalog: ") as caught:
        read_call_sources(catalog, is_shared=False)

    assert len(caught.value.message) < 300


def test_a_catalog_that_leads_to_itself_is_read_once(tmp_path: Path) -> None:
    """Whether it is a loop is for the dispatcher to judge."""
    catalog = tmp_path / "catalog.json"
    document = a_catalog(("child", "./catalog.json"), ("next", "catalog.json"))
    catalog.write_text(json.dumps(document))

    sources = read_call_sources(catalog, is_shared=False)

    assert sources == {"root": "catalog.json", "files": {"catalog.json": document}}
