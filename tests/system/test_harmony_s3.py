"""Services of Harmony that leave their documents in S3: a real server, and the library.

It is told where S3 is by the same variables as harpd.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harmony_corpus import corpus_json
from harmony_worker import (
    PLAIN,
    HarmonyWorker,
    arguments,
    running_services,
    script,
    service,
    two_granules,
)
from object_store import SECRET, ObjectStore, needs_weed, running_weed
from scripted_http import answer, refusal, scripted_http

from protocol.outcome import Raised

pytestmark = needs_weed

SERVICE = """
    import argparse, os
    import harmony_service_lib as library
    from harmony_service_lib import exceptions
    from pystac import Catalog

    class Adapter(library.BaseHarmonyAdapter):
        def invoke(self):
            if os.environ["CASE"] == "list":
                return self.message, [Catalog(f"c{n}", "output") for n in range(2)]
            return super().invoke()

        def process_item(self, item, source):
            if os.environ["CASE"] == "nodata":
                raise exceptions.NoDataException()
            return item.clone()

    parser = argparse.ArgumentParser()
    library.setup_cli(parser)
    library.run_cli(parser, parser.parse_args(), Adapter)
"""
# Not by the library: numbers without a list, absolute links, a document too large.
OTHER = """
    import json, sys
    import boto3

    given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    folder = given["--harmony-metadata-dir"]
    bucket, _, prefix = folder.removeprefix("s3://").partition("/")

    def put(name, body):
        boto3.client("s3").put_object(Bucket=bucket, Key=prefix + name, Body=body)

    def catalog(*hrefs):
        links = [{"rel": "item", "href": href} for href in hrefs]
        return json.dumps({"links": links})

    put("catalog10.json", catalog())
    outside = folder + "../elsewhere.json"
    put("catalog2.json", catalog(folder + "a/g.json", "large.json", outside))
    put("a/g.json", '{"id":"g"}')
    put("large.json", " " * (4 * 2**20) + "{}")
"""
EMPTY = answer(200, b"<ListBucketResult></ListBucketResult>")
WITH_S3 = {
    "s3_allow": ["s3://private/out/"],
    "environment.AWS_DEFAULT_REGION": "us-east-1",
    "environment.AWS_ACCESS_KEY_ID": "ingest",
    "environment.AWS_SECRET_ACCESS_KEY": SECRET,
    "environment.AWS_EC2_METADATA_DISABLED": "true",
}
ENDPOINT = "environment.AWS_ENDPOINT_URL_S3"
MESSAGE = corpus_json("messages/example_message.json")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """Run one server for all tests here: each call has a folder of its own."""
    with running_weed(tmp_path_factory.mktemp("weed")) as running:
        yield running


@pytest.fixture(scope="module")
def worker(
    tmp_path_factory: pytest.TempPathFactory, store: ObjectStore
) -> Iterator[HarmonyWorker]:
    """Run one worker, with a service of the library and two that write nothing."""
    folder = tmp_path_factory.mktemp("harmony")
    cases = [sys.executable, str(script(folder / "service.py", SERVICE))]
    other = [sys.executable, str(script(folder / "other.py", OTHER))]
    silent = [*PLAIN, str(script(folder / "silent.py", "pass"))]
    here = WITH_S3 | {ENDPOINT: store.endpoint_url}
    config = [
        service("cases", cases, here),
        service("silent", silent, here),
        service("stranger", silent, here | {"environment.AWS_ACCESS_KEY_ID": "x"}),
        service("nowhere", silent, here | {ENDPOINT: "http://127.0.0.1:1"}),
        service("other", other, here),
    ]
    with scripted_http(EMPTY, refusal(403, "AccessDenied")) as shut:
        config += [service("shut", silent, here | {ENDPOINT: shut.url})]
        with running_services(folder, "".join(config)) as running:
            yield running


def cased(case: str, data: Path) -> dict[str, Any]:
    """Return the arguments of a call whose documents go into a folder in S3."""
    return arguments(
        message=MESSAGE,
        sources=two_granules(data),
        metadata_dir=f"s3://private/out/{case}",
        env={"CASE": case},
    )


async def test_catalogs_in_s3_are_the_result(
    worker: HarmonyWorker, store: ObjectStore, tmp_path: Path
) -> None:
    """As those on disk; the library leaves no message there."""
    result = await worker.result("cases", **cased("copy", tmp_path))

    assert (result["exit"], result["error"], result["message"]) == (0, None, None)
    assert (result["catalogs"], result["items"]) == (["catalog.json"], 2)
    assert len(result["stac"]["files"]) == 3
    found = store.client().list_objects_v2(Bucket="private", Prefix="out/copy/")
    names = {each["Key"].removeprefix("out/copy/") for each in found["Contents"]}
    assert names == result["stac"]["files"].keys()


async def test_a_list_of_catalogs_in_s3_is_told_in_order(
    worker: HarmonyWorker, tmp_path: Path
) -> None:
    """Each may become a unit of the next step."""
    result = await worker.result("cases", **cased("list", tmp_path))

    assert result["catalogs"] == ["catalog0.json", "catalog1.json"]


async def test_an_error_in_s3_is_told(worker: HarmonyWorker, tmp_path: Path) -> None:
    """The library writes it by an address to which it adds nothing, not even a "/"."""
    result = await worker.result("cases", **cased("nodata", tmp_path))

    assert (result["exit"], result["catalogs"]) == (1, [])
    assert (result["error"]["category"], result["error"]["level"]) == (
        "NoData",
        "Warning",
    )


async def test_a_service_may_leave_nothing_in_s3(worker: HarmonyWorker) -> None:
    """The adapter says that it did not return any outputs."""
    out = "s3://private/out/nothing/"

    result = await worker.result("silent", **arguments(metadata_dir=out))

    assert (result["exit"], result["catalogs"], result["stac"]) == (0, [], None)


async def test_a_service_may_leave_its_documents_in_its_own_way(
    worker: HarmonyWorker,
) -> None:
    """Numbers without a list are in order; what is too large, or outside, is none."""
    out = "s3://private/out/other/"

    result = await worker.result("other", **arguments(metadata_dir=out))

    assert (result["catalogs"], result["items"]) == (
        ["catalog2.json", "catalog10.json"],
        3,
    )
    assert [*result["stac"]["files"]] == ["catalog2.json", "a/g.json", "catalog10.json"]


async def test_what_cannot_be_read_afterwards_is_the_servers_fault(
    worker: HarmonyWorker,
) -> None:
    """The category is one that the adapter tries again."""
    out = "s3://private/out/shut/"

    _, outcome = await worker.call("shut", **arguments(metadata_dir=out))

    assert isinstance(outcome, Raised)
    assert (outcome.type, outcome.message) == (
        "Server",
        "S3 cannot be read: AccessDenied",
    )


async def test_what_must_not_be_written_or_read_is_refused(
    worker: HarmonyWorker, store: ObjectStore
) -> None:
    """Other buckets and folders, and one in which something is already."""
    client = store.client()
    client.put_object(Bucket="private", Key="out/used/deep/error.json", Body=b"{}")
    wrong = {
        "s3://public/out/": 'in none of the places of "s3_allow"',
        "s3://private/other/": 'in none of the places of "s3_allow"',
        "s3://private/out/../x": "expected",
        "s3://private/out/used": "nothing in it",
    }

    for folder, said in wrong.items():
        kind, text = await worker.refusal("silent", **arguments(metadata_dir=folder))

        assert kind == "invalid_argument_list", folder
        assert said in text, text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("stranger", "S3 cannot be read: InvalidAccessKeyId"),
        ("nowhere", "S3 cannot be read: EndpointConnectionError"),
    ],
)
async def test_s3_out_of_reach_is_told_before_the_service_begins(
    worker: HarmonyWorker, name: str, said: str
) -> None:
    """What it made could not be found again; no text has what was signed."""
    out = f"s3://private/out/{name}/"

    told = await worker.refusal(name, **arguments(metadata_dir=out))

    assert told == ("procedure_loading_error", said)
    assert SECRET not in worker.harpd.log
