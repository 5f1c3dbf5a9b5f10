"""From a message of Harmony to a service of its library, and back: all of it real."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from harmony_answers import running_service
from harmony_chain import ASKING, Chain, running_chain
from harmony_corpus import corpus_json
from harmony_worker import example, service

SERVICES = ("example", "asked")
BINDINGS = """
"test/example": {kind: cli, host: w, procedure: example, title: An example}
"test/asked": {kind: http, host: w, procedure: post, url: "http://localhost:%d/service/plain"}
"*": {kind: cli, host: w, procedure: example}
"""


@pytest.fixture(scope="module", params=["alone", "shared"])
def chain(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chain]:
    """Run it with a folder for dispatcher and worker, and without."""
    directory = tmp_path_factory.mktemp("chain")
    table = 'work_dir = "{root}/work"\n' if request.param == "shared" else ""
    worker = service("example", [sys.executable, example()]) + ASKING
    with (
        running_service() as asked,
        running_chain(
            directory, worker, SERVICES, BINDINGS % asked.port, table
        ) as running,
    ):
        yield running


def result_of(chain: Chain, service: str) -> Any:
    """Return the result of the library's own message."""
    message = corpus_json("messages/example_message.json")
    outcome = chain.outcome(chain.submit(service, message, dialect="none"))
    assert "result" in outcome, outcome
    return outcome["result"]


def test_the_example_of_the_library_serves_a_request(chain: Chain) -> None:
    """H-25: unmodified, from its wheel."""
    result = result_of(chain, "test/example")

    assert result["status"] == "successful", result
    assert [output["title"] for output in result["outputs"]] == ["g_1.txt", "g_2.txt"]
    assert "dpi" not in result["message"]["format"]


def test_a_service_that_is_asked_serves_a_request(chain: Chain) -> None:
    """It needs no STAC: a file is enough."""
    result = result_of(chain, "test/asked")

    assert result["status"] == "successful", result
    [output] = result["outputs"]
    assert (output["title"], output["type"]) == ("s1.b0.png", "image/png")
    assert output["href"].startswith(f"file://{chain.root}/harp-")
