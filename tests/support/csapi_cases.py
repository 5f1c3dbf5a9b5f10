"""Services, invocations and requests for tests of the CSAPI adapter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from scripted_means import ScriptedMeans, done

from harpcaller.adapters.adapter import CoreLimits, Problem
from harpcaller.adapters.csapi import ADAPTER
from harpcaller.adapters.csapi.settings import Settings
from harpcaller.adapters.route import Answer, Asked
from protocol.job import JobId, JobRecord, State
from protocol.jsontext import JsonText, encode
from protocol.outcome import Outcome

# DEP 6, "Service definition", example 1: the only thing changed is its commas.
EXAMPLE: dict[str, Any] = {
    "inputs": [
        {
            "argname": "training",
            "assetid": "0x00a329c0648769A73afAc7F9381E08FB43dBEA72",
            "asseturl": "https://some.service.provider/path-to-training-dataset",
        },
        {
            "argname": "test",
            "assetid": "0x00a329c0648769A73afAc7F9381E08FB43dBEA73",
            "asseturl": "https://some.service.provider/path-to-test-dataset",
        },
    ],
    "slainfo": {
        "consumerAddress": "0x00a329c0648769A73afAc7F9381E08FB43dBEA72",
        "serviceAgreementid": "bb23s87856d59867503f80a690357406857698570b964ac8",
        "serviceDefinitionId": "df7escc856d59867503f80a690357406857698570b964ac8",
        "signature": "canary-elided-for-clarity",
    },
    "configuration": {"training_epochs": "100"},
}

LIMITS = CoreLimits(max_exec_s=86400, max_worker_line_bytes=2**22)
SITE = "http://here:1"
DEFINITION: dict[str, Any] = {
    "servicedescription": {
        "name": "Training",
        "description": "Trains a model",
        "endpoint": "http://here:1/services/train",
    },
    "inputs": [
        {"argname": "training", "type": "oceanasset", "mandatory": "true"},
        {"argname": "blendfile", "type": "runCommand"},
        {"argname": "n", "type": "payload"},
        {"argname": "any"},
    ],
    "outputs": [{"argname": "model", "type": "oceanasset"}, {"argname": "more"}],
}
TABLE: dict[str, Any] = {"definition": DEFINITION, "host": "h", "procedure": "train"}
ASSET = {
    "argname": "training",
    "type": "oceanasset",
    "assetid": "0x1",
    "asseturl": "https://some.where/data",
}
SLAINFO = {
    "consumerAddress": "0xc",
    "serviceAgreementid": "agreed",
    "serviceDefinitionId": "defined",
    "signature": "signed",
}


def loaded(
    table: Mapping[str, Any], files: Mapping[str, bytes] | None = None
) -> Settings | list[Problem]:
    """Return what becomes of `[adapters.csapi]`."""
    found = ADAPTER.load(table, files or {}, LIMITS)
    return found if isinstance(found, Settings) else list(found)


def settings(
    table: Mapping[str, Any] | None = None, **services: Mapping[str, Any]
) -> Settings:
    """Return settings with services, `train` if none is given."""
    found = loaded({**(table or {}), "services": services or {"train": TABLE}})
    assert isinstance(found, Settings), found
    return found


def complaints(**service: Any) -> list[tuple[str, str]]:
    """Return what is wrong with a service that is good but for some keys."""
    found = loaded({"services": {"train": {**TABLE, **service}}})
    return [] if isinstance(found, Settings) else [(p.place, p.message) for p in found]


def answer(
    request: str,
    means: ScriptedMeans | None = None,
    body: Any = None,
    using: Settings | None = None,
    **more: Any,
) -> Answer:
    """Return the answer to a request like `GET /services/x?a=b`."""
    method, _, target = request.partition(" ")
    path, _, query = target.partition("?")
    route, parts = _find(method, path)
    asked = Asked(
        path=parts,
        query=dict(pair.split("=") for pair in query.split("&") if pair),
        headers={},
        body=body if isinstance(body, bytes) else encode(body),
        site=SITE,
        **more,
    )
    handling = route.handler(asked, means or ScriptedMeans(), using or settings())
    told: Answer = done(handling)
    return told


def value_of(told: Answer) -> Any:
    """Return what an answer says."""
    assert isinstance(told.body, bytes)
    return json.loads(told.body)


def complaint_of(told: Answer) -> tuple[int, int, str]:
    """Return status, number and sentence of an answer that refuses."""
    value = value_of(told)
    assert value.keys() == {"errorcode", "description"}
    return told.status, value["errorcode"], value["description"]


def a_job(
    job_id: JobId,
    outcome: Outcome | None = None,
    *,
    service: Any = "train",
    state: State = State.RUNNING,
    **about: Any,
) -> JobRecord:
    """Return a job that was made for a service."""
    info: Any = {"csapi": {"service": service, **about}} if service else None
    return JobRecord(
        job_id=job_id,
        state=State.ENDED if outcome else state,
        host="h",
        procedure="train",
        arguments=JsonText(b"{}"),
        timeout_s=1,
        max_exec_s=1,
        submitted_at=0,
        outcome=outcome,
        info=encode(info),
    )


def _find(method: str, path: str) -> tuple[Any, dict[str, str]]:
    steps = path.split("/")
    for route in ADAPTER.routes:
        pattern = route.path.split("/")
        if route.method == method and len(pattern) == len(steps):
            pairs = list(zip(pattern, steps, strict=True))
            if all(a == b or a.startswith("{") for a, b in pairs):
                return route, {a[1:-1]: b for a, b in pairs if a.startswith("{")}
    raise AssertionError(f"nothing is at {method} {path}")


def says(text: bytes, word: bytes) -> bool:
    """Tell whether something stands in a text."""
    return text.find(word) >= 0
