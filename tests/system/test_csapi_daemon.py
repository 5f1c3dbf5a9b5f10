"""Services of CSAPI by a real dispatcher and a real worker."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from csapi_cases import EXAMPLE
from csapi_daemon import ADD, SERVICES, Agent, running_agent, service
from openapi_document import Document

ROOT = Path(__file__).parents[2]
CONFORMANCE = ROOT / "tests" / "conformance" / "csapi.py"


@pytest.fixture(name="agent", scope="module")
def fixture_agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """Run one for all of them."""
    with running_agent(tmp_path_factory.mktemp("csapi")) as agent:
        yield agent


def with_comma(body: dict[str, Any]) -> bytes:
    """Return a body with a comma too many, as the examples are printed."""
    return json.dumps(body).encode()[:-1] + b",}"


def test_a_heartbeat_says_nothing(agent: Agent) -> None:
    """G-13: 200, and the length of nothing."""
    told = agent.ask("GET /services/train/heartbeat")

    assert (told.status, told.body) == (200, b"")
    assert told.headers["Content-Length"] == "0"
    assert agent.ask("GET /heartbeat").status == 200


@pytest.mark.parametrize("path", ["/services/train/jobs", "/services/train", "/jobs"])
def test_the_example_of_the_specification_runs(agent: Agent, path: str) -> None:
    """G-13: its commas repaired; by each of the ways in."""
    made = agent.ask(f"POST {path}", EXAMPLE)
    job_id = made.value["jobid"]

    agent.becomes("train", job_id, "completed")
    result = agent.ask(f"GET /services/train/jobs/result/{job_id}")
    job = agent.ask(f"GET /v1/jobs/{job_id}").value

    assert made.status == 201
    assert made.headers["Location"] == f"/services/train/jobs/status/{job_id}"
    assert result.value == {
        "oceanoutputs": ["test", "training"],
        "configuration": {"training_epochs": "100"},
    }
    kept = job["info"]["csapi"]
    digest = hashlib.sha256(b"canary-elided-for-clarity").hexdigest()
    assert kept["signature_sha256"] == digest
    assert "canary" not in json.dumps(job)


def test_the_example_as_printed_makes_no_job(agent: Agent) -> None:
    """G-13: 400."""
    told = agent.ask("POST /services/train/jobs", with_comma(EXAMPLE))

    assert told.status == 400
    assert told.value.keys() == {"errorcode", "description"}


def test_a_job_is_started_then_in_progress_then_completed(
    agent: Agent, tmp_path: Path
) -> None:
    """G-13, G-14: 202 meanwhile; who waits is answered when it ends."""
    until = tmp_path / "now"
    body = {"configuration": {"until": str(until)}}
    first, second = agent.invoke("wait", body), agent.invoke("wait", body)

    agent.becomes("wait", first, "inprogress")
    agent.becomes("wait", second, "started")
    early = agent.ask(f"GET /services/wait/jobs/result/{first}")
    later = agent.ask(f"GET /services/wait/jobs/result/{first}?wait=0.1")
    until.touch()
    told = agent.ask(f"GET /services/wait/jobs/result/{second}?wait=60")

    assert early.status == later.status == 202
    assert early.value == {"status": "inprogress"}
    assert early.headers["Retry-After"] == "1"
    assert told.status == 200
    assert told.value == {"oceanoutputs": [], "result": "waited"}
    agent.becomes("wait", second, "completed")


def test_a_job_that_failed_is_told_of_with_its_code(agent: Agent) -> None:
    """G-14, CS-18: 200 with status error, and 8001 in the body."""
    job_id = agent.invoke("fail", {})

    told = agent.ask(f"GET /services/fail/jobs/result/{job_id}?wait=60")

    assert told.status == 200
    assert told.value["status"] == "error"
    assert told.value["errorcode"] == 8001
    assert "nobody has it" in told.value["description"]


def test_a_cancelled_job_is_an_error(agent: Agent) -> None:
    """MW-6: a word that consumers know."""
    job_id = agent.invoke("wait", {"configuration": {"until": "/nowhere/at/all"}})

    agent.ask(f"DELETE /v1/jobs/{job_id}")
    told = agent.ask(f"GET /services/wait/jobs/result/{job_id}?wait=60")

    assert told.value == {
        "status": "error",
        "errorcode": 500,
        "description": "cancelled",
    }


def test_a_command_that_is_not_allowed_makes_no_job(agent: Agent) -> None:
    """G-16: 400, and nothing is submitted."""
    before = agent.ask("GET /v1/jobs?limit=1000").value["jobs"]
    run = {"argname": "blendfile", "type": "runcommand", "exec": "ls"}

    told = agent.ask("POST /jobs", {**EXAMPLE, "inputs": [*EXAMPLE["inputs"], run]})

    assert told.status == 400
    assert "not allowed" in told.value["description"]
    after = agent.ask("GET /v1/jobs?limit=1000").value["jobs"]
    assert len(after) == len(before)


def test_a_job_of_another_kind_is_none_of_a_service(agent: Agent) -> None:
    """Section 9: 400, as for an id that is not."""
    call = {"host": "w", "procedure": "fail", "arguments": []}
    job_id = agent.ask("POST /v1/calls", call).value["job_id"]

    for path in ("/services/train/jobs/status", "/jobs/result"):
        assert agent.ask(f"GET {path}/{job_id}").status == 400
    assert agent.ask(f"GET /api/v1/invoke/jobs/{job_id}").status == 404


def test_a_registered_service_survives_and_retires(agent: Agent) -> None:
    """G-15: it appears, lives through a kill; its old jobs stay readable."""
    put = agent.ask("PUT /services/own", ADD)
    before = agent.ask("GET /api/ddo").value
    inputs = [{"argname": "a", "payload": 2**70}, {"argname": "b", "payload": 1}]
    job_id = agent.invoke("own", {"inputs": inputs})
    agent.becomes("own", job_id, "completed")

    agent.daemon.restart()
    again = agent.ask("GET /api/ddo").value
    alive = agent.ask("GET /services/own/heartbeat").status
    gone = agent.ask("DELETE /services/own")
    agent.daemon.restart()
    after = agent.ask("GET /api/ddo").value

    assert put.status == 201
    assert names(before) == names(again) == sorted([*SERVICES, "own"])
    assert before["id"] == again["id"] == after["id"]
    assert names(after) == sorted(SERVICES)
    assert alive == 200
    assert (gone.status, gone.body) == (204, b"")
    assert agent.ask("GET /services/own/heartbeat").status == 503
    assert agent.ask("POST /services/own/jobs", {"inputs": inputs}).status == 503
    result = agent.ask(f"GET /services/own/jobs/result/{job_id}").value
    assert result == {"sum": 2**70 + 1, "oceanoutputs": []}


def names(ddo: dict[str, Any]) -> list[str]:
    """Return which services a document describes."""
    return sorted(one["name"] for one in ddo["services"])


def test_a_service_of_the_file_is_changed_in_the_file(agent: Agent) -> None:
    """G-15: 409."""
    assert agent.ask("PUT /services/train", ADD).status == 409
    assert agent.ask("DELETE /services/train").status == 409


def test_the_agent_conforms(agent: Agent) -> None:
    """G-24: as any agent of DEP 6 would have to."""
    before = conformance(f"{agent.url}/services/judged")
    agent.ask("PUT /services/judged", JUDGED)
    told = conformance(f"{agent.url}/services/judged", "--command", "ls")

    assert before.returncode == 1  # there was no such service yet
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.count("ok ") == len(told.stdout.splitlines())


def conformance(*words: str) -> subprocess.CompletedProcess[str]:
    """Judge an agent."""
    return run(str(CONFORMANCE), *words)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a program of Python's to its end."""
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


JUDGED = {
    **SERVICES["fail"],
    "procedure": "train",
    "definition": {
        **SERVICES["fail"]["definition"],
        "inputs": [
            {"argname": "n", "type": "payload"},
            {"argname": "run", "type": "runcommand"},
        ],
    },
}


def test_a_large_invocation_is_as_a_small_one(agent: Agent) -> None:
    """It is judged beside the loop; one that is too large is refused as others are."""
    inputs = [{"argname": "n", "type": "payload", "payload": "x" * 200_000}]
    table = service("train")

    agent.ask("PUT /services/large", table)
    job_id = agent.invoke("large", {"inputs": inputs})
    wrong = agent.ask("POST /services/large", {"inputs": inputs * 2})
    too_large = agent.ask("POST /services/large", b"x" * (2**20 + 1))

    agent.becomes("large", job_id, "completed")
    assert wrong.status == 400
    assert "given more than once" in wrong.value["description"]
    assert too_large.status == too_large.value["errorcode"] == 413


@pytest.mark.parametrize("path", ["/services/add/x", "/jobs/x", "/api/v1/x/y"])
def test_what_is_not_there_is_told_in_the_dialect(agent: Agent, path: str) -> None:
    """GW-6: for every 404 beside the paths of services."""
    told = agent.ask(f"GET {path}")

    assert told.status == told.value["errorcode"] == 404
    assert told.value.keys() == {"errorcode", "description"}


def test_the_document_is_valid_and_answers_are_as_it_says(agent: Agent) -> None:
    """G-24: with what the adapter brings, and a link to each of its jobs' places."""
    document = Document(agent.ask("GET /openapi.json").value)
    own = "/services/{service}"
    job_id = agent.invoke("add", {"inputs": [{"argname": "a", "payload": 1}]})
    agent.becomes("add", job_id, "completed")
    asset = agent.ask("GET /services/add").value["asset_id"]
    asked = [
        (f"{own}/jobs", "POST /services/add/jobs", {}),
        (f"{own}/jobs/status/{{job_id}}", f"GET /services/add/jobs/status/{job_id}", 0),
        (f"{own}/jobs/result/{{job_id}}", f"GET /services/add/jobs/result/{job_id}", 0),
        (f"{own}/jobs/result/{{job_id}}", "GET /services/add/jobs/result/x", 0),
        (own, "GET /services/add", 0),
        (own, "PUT /services/add", ADD),
        ("/services/", "GET /services/", 0),
        ("/api/ddo", "GET /api/ddo", 0),
        ("/api/v1/auth/token", "GET /api/v1/auth/token", 0),
        ("/api/v1/meta/data/{asset_id}", f"GET /api/v1/meta/data/{asset}", 0),
        ("/api/v1/invoke/sync/{asset_id}", f"POST /api/v1/invoke/sync/{asset}", FLAT),
        ("/api/v1/invoke/async/{asset_id}", f"POST /api/v1/invoke/async/{asset}", FLAT),
        ("/api/v1/invoke/jobs/{job_id}", f"GET /api/v1/invoke/jobs/{job_id}", 0),
    ]

    assert document.complaints() == []
    for path, request, body in asked:
        told = agent.ask(request, body or None)
        method = request.split()[0]
        document.judge(path, method, told.status, told.content_type, told.body)


FLAT = {"a": 1, "b": 2}


def test_a_call_to_the_adapter_itself_is_refused(agent: Agent) -> None:
    """It serves HTTP alone."""
    told = agent.daemon.ask({"host": "@csapi", "procedure": "x", "arguments": []})

    assert told["error"]["type"] == "invalid_request"
    assert told["error"]["data"]["code"] == "no_calls"


def test_a_service_takes_no_job_while_the_dispatcher_is_drained(agent: Agent) -> None:
    """GW-7: the heartbeat says so before somebody tries."""
    with_admin(agent, "drain")
    try:
        told = agent.ask("GET /services/add/heartbeat")
        made = agent.ask(
            "POST /services/add", {"inputs": [{"argname": "a", "payload": 1}]}
        )
    finally:
        with_admin(agent, "resume")

    assert told.status == made.status == 503
    assert told.headers["Retry-After"] == made.headers["Retry-After"] == "5"
    assert made.value.keys() == told.value.keys() == {"errorcode", "description"}
    assert agent.ask("GET /services/add/heartbeat").status == 200


def with_admin(agent: Agent, verb: str) -> None:
    """Have the administrator say one word."""
    done = run("-m", "harpcaller", "--socket", str(agent.daemon.admin_socket), verb)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "curl", "jq"))), reason="no bash, curl or jq"
)
def test_the_example_prints_a_result(agent: Agent) -> None:
    """It tells a bad end and a refusal from a good end, as what is copied should."""
    inputs = [{"argname": "a", "payload": 1}, {"argname": "b", "payload": 2}]

    good = example(agent, "add", json.dumps({"inputs": inputs}))
    failed = example(agent, "fail")
    refused = example(agent, "add")

    assert (good.returncode, json.loads(good.stdout)["sum"]) == (0, 3), good.stderr
    assert (failed.returncode, json.loads(failed.stdout)["errorcode"]) == (1, 8001)
    assert refused.returncode == 3
    assert json.loads(refused.stderr)["errorcode"] == 400


def example(agent: Agent, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the example of examples/ to its end."""
    return subprocess.run(
        [ROOT / "examples" / "invoke-service.sh", *words],
        capture_output=True,
        text=True,
        timeout=45,
        check=False,
        env=os.environ | {"HARPCALLER_HTTP": agent.url},
    )
