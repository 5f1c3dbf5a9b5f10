"""Recorded runs of Snakemake: what each sent, and what has to come of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

CORPUS = Path(__file__).parents[1] / "corpus" / "panoptes"
_RECORDED_ID = 7


@attrs.frozen(kw_only=True)
class Exchange:
    """One request as it was sent."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: str

    @property
    def is_create(self) -> bool:
        """Tell whether it makes the workflow."""
        return "/create_workflow" in self.target

    @property
    def is_update(self) -> bool:
        """Tell whether it adds to it."""
        return "/update_workflow_status" in self.target

    def wire(self, job_id: str | None) -> bytes:
        """Return its bytes, with the id that the workflow has here."""
        target, body = self.target, self.body
        if job_id is not None:
            target = target.replace(
                f"/api/workflow/{_RECORDED_ID}", f"/api/workflow/{job_id}"
            )
            body = _with_id(body, job_id)
        lines = [f"{self.method} {target} HTTP/1.1"]
        for name, value in self.headers:
            size = str(len(body)) if name.lower() == "content-length" else value
            lines.append(f"{name}: {size}")
        return ("\r\n".join([*lines, "", ""]) + body).encode()


@attrs.frozen(kw_only=True)
class Run:
    """A run, and what is expected of a complete one."""

    name: str
    exchanges: Sequence[Exchange]
    expected: Mapping[str, Any] | None

    @property
    def updates(self) -> Sequence[Exchange]:
        """Return its updates alone."""
        return [one for one in self.exchanges if one.is_update]


def runs(*, complete: bool) -> list[Run]:
    """Return the recorded runs of Snakemake."""
    listed = json.loads((CORPUS / "index.json").read_text())
    return [_run(one) for one in listed if ("expected" in one) == complete]


def _run(listed: Mapping[str, Any]) -> Run:
    _, *lines = (CORPUS / listed["file"]).read_text().splitlines()
    exchanges = [
        Exchange(
            method=one["method"],
            target=one["target"],
            headers=[(name, value) for name, value in one["headers"]],
            body=one["body"],
        )
        for one in map(json.loads, lines)
    ]
    return Run(
        name=listed["file"].removesuffix(".jsonl"),
        exchanges=exchanges,
        expected=listed.get("expected"),
    )


def _with_id(body: str, job_id: str) -> str:
    """Return a body with another id, as a client echoes a text."""
    body = re.sub("&id=[^&]*$", f"&id={job_id}", body)
    return re.sub(r'"id": [^{}:,]*\}$', f'"id": "{job_id}"}}', body)
