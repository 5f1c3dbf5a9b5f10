"""Documents in S3: a real server with users, odd keys, and servers that misbehave."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import attrs
import pytest
import trio
from object_store import (
    SECRET,
    ObjectStore,
    credentials,
    needs_weed,
    running_moto,
    running_weed,
)
from scripted_http import ENDLESS, GOOD, HALF, SILENCE, SLOW_DOWN, scripted_http

from harpcaller.adapters.machine import Save
from harpcaller.runners.outside.s3 import S3Mover
from harpcaller.runners.outside.s3_client import S3Settings
from harpcaller.runners.transfers import TransferFailed

MIB = 2**20


@pytest.fixture(scope="module")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """Run one server; we are a user that may use the bucket `private` alone."""
    with running_weed(tmp_path_factory.mktemp("weed")) as store, credentials():
        yield store


def mover(endpoint_url: str, **more: Any) -> S3Mover:
    """Return a mover with short limits."""
    settings = S3Settings(
        endpoint_url=endpoint_url,
        connect_timeout_s=2,
        read_timeout_s=0.5,
        **more,
    )
    return S3Mover(settings)


def patient(store: ObjectStore) -> S3Mover:
    """Return a mover for a real server, which may be busy."""
    return S3Mover(S3Settings(endpoint_url=store.endpoint_url))


async def failure(s3: S3Mover, uri: str, max_bytes: int = MIB) -> TransferFailed:
    """Return how fetching fails."""
    with trio.fail_after(30), pytest.raises(TransferFailed) as caught:
        await s3.fetch(uri, max_bytes)
    return caught.value


def a_save(uri: str, body: bytes = b"{}", **more: Any) -> Save:
    """Return a Save."""
    return Save(key="s", uri=uri, body=body, **more)


@needs_weed
async def test_what_was_saved_is_fetched(weed: ObjectStore) -> None:
    """Body, type and metadata, whatever letters are in them."""
    s3 = patient(weed)
    save = a_save("s3://private/spill/a", b'{"a":1}', metadata={"execution": "é 1"})

    await s3.save(save, again=False)

    assert await s3.fetch("s3://private/spill/a", MIB) == b'{"a":1}'
    head = weed.client().head_object(Bucket="private", Key="spill/a")
    assert head["ContentType"] == "application/json"
    assert head["Metadata"] == {"execution": "%C3%A9%201"}


@needs_weed
async def test_a_long_note_is_cut(weed: ObjectStore) -> None:
    """Amazon refuses more than 2 KB of metadata: a name is no reason to lose all."""
    notes = {"execution": "é" * 4000, "task": "t" * 4000}

    save = a_save("s3://private/long", metadata=notes)
    await patient(weed).save(save, again=False)

    head = weed.client().head_object(Bucket="private", Key="long")
    assert head["Metadata"]["execution"].startswith("%C3%A9%C3%A9")
    assert sum(map(len, head["Metadata"].values())) == 1024


@needs_weed
async def test_a_document_is_written_once(weed: ObjectStore) -> None:
    """Another one of that name is not ours; our own, done again, is."""
    s3 = patient(weed)
    await s3.save(a_save("s3://private/once", b"1"), again=False)

    with pytest.raises(TransferFailed) as caught:
        await s3.save(a_save("s3://private/once", b"1"), again=False)
    with pytest.raises(TransferFailed):
        await s3.save(a_save("s3://private/once", b"2"), again=True)
    await s3.save(a_save("s3://private/once", b"1"), again=True)
    await s3.save(a_save("s3://private/once", b"3", replace=True), again=False)

    assert caught.value.code == "PreconditionFailed"
    assert await s3.fetch("s3://private/once", MIB) == b"3"


@needs_weed
@pytest.mark.parametrize(
    ("uri", "code"),
    [("s3://private/no", "NoSuchKey"), ("s3://public/k", "AccessDenied")],
)
async def test_a_refusal_has_the_servers_code(
    weed: ObjectStore, uri: str, code: str
) -> None:
    """C-13: it is not tried again, and nothing of our own is in it."""
    assert (await failure(patient(weed), uri)).code == code


@needs_weed
async def test_an_administrator_is_told_that_a_bucket_is_not_there(
    weed: ObjectStore,
) -> None:
    """C-13: who may not see it is only told that he may not."""
    with credentials("admin"):
        assert (await failure(patient(weed), "s3://nope/k")).code == "NoSuchBucket"


@needs_weed
async def test_a_wrong_secret_is_told_without_it(weed: ObjectStore) -> None:
    """C-13."""
    with credentials(secret=f"{SECRET}-wrong"):
        failed = await failure(patient(weed), "s3://private/k")

    assert failed.code == "SignatureDoesNotMatch"
    assert SECRET not in failed.text


@needs_weed
async def test_what_is_too_large_is_not_read(weed: ObjectStore) -> None:
    """The server says how long it is; both numbers are told."""
    weed.client().put_object(Bucket="private", Key="large", Body=bytes(65 * MIB))

    failed = await failure(patient(weed), "s3://private/large", 4 * MIB)

    assert failed.code == "TooLarge"
    assert failed.text == f"{65 * MIB} bytes, at most {4 * MIB} are allowed"


@pytest.mark.parametrize("key", ["a//b", "/lead", "tr/", "é +%.json", "k" * 1000])
async def test_an_odd_key_is_read_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, moto: ObjectStore, key: str
) -> None:
    """C-14: whatever others make of slashes."""
    moto.client().put_object(Bucket="private", Key=key, Body=key.encode())

    found = await patient(moto).fetch(f"s3://private/{quote(key)}", MIB)

    assert found == key.encode()


async def test_an_older_version_is_read(moto: ObjectStore) -> None:
    """Where a bucket keeps them."""
    client = moto.client()
    client.put_bucket_versioning(
        Bucket="private", VersioningConfiguration={"Status": "Enabled"}
    )
    first = client.put_object(Bucket="private", Key="v", Body=b"1")["VersionId"]
    client.put_object(Bucket="private", Key="v", Body=b"2")

    uri = f"s3://private/v?versionId={quote(first)}"
    assert await patient(moto).fetch(uri, MIB) == b"1"


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """Run one server that takes anything."""
    with running_moto(tmp_path_factory.mktemp("moto")) as store, credentials():
        yield store


@pytest.fixture
def known() -> Iterator[None]:
    """Have credentials, whatever they are."""
    with credentials():
        yield


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("bad", [SLOW_DOWN, HALF, SILENCE])
async def test_a_bad_moment_is_waited_out(bad: bytes) -> None:
    """Three attempts, then it is good enough."""
    with scripted_http(bad, bad, GOOD) as server:
        assert await mover(server.url).fetch("s3://b/k", MIB) == b"{}"

    assert server.connections == 3


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("bad", "code"),
    [(SLOW_DOWN, "SlowDown"), (HALF, "Unreachable"), (SILENCE, "Timeout")],
)
async def test_a_bad_hour_is_told(bad: bytes, code: str) -> None:
    """E9: after as many attempts as are allowed."""
    with scripted_http(bad) as server:
        failed = await failure(mover(server.url, attempts=2), "s3://b/k")

    assert (failed.code, server.connections) == (code, 2)


@pytest.mark.usefixtures("known")
async def test_a_length_that_is_not_told_is_counted() -> None:
    """The bound holds while it is read, too."""
    with scripted_http(ENDLESS) as server:
        failed = await failure(mover(server.url), "s3://b/k", 100)

    assert failed.code == "TooLarge"


@pytest.mark.usefixtures("known")
async def test_nobody_there_is_told() -> None:
    """A port that nobody listens to."""
    with scripted_http(GOOD) as server:
        url = server.url

    assert (await failure(mover(url), "s3://b/k")).code == "Unreachable"


@pytest.mark.usefixtures("known")
async def test_a_cancel_does_not_wait_for_a_silent_server() -> None:
    """The thread ends by itself, later."""
    with scripted_http(SILENCE) as server, trio.move_on_after(0.3) as scope:
        await mover(server.url).fetch("s3://b/k", MIB)

    assert scope.cancelled_caught


async def test_what_boto3_cannot_use_is_told() -> None:
    """A profile that is not there, a bucket with no name."""
    s3 = S3Mover(S3Settings(profile="no-such-profile"))

    assert (await failure(s3, "s3://b/k")).code == "ProfileNotFound"
    with credentials():
        empty = await failure(mover("http://127.0.0.1:9"), "s3:///k")
    assert empty.code == "ParamValidationError"


def test_boto3_is_imported_by_who_needs_it() -> None:
    """C-24: it takes a second, and half a hundred MiB."""
    program = (
        "import sys, harpcaller.daemon, harpcaller.adapters.cumulus\n"
        "heavy = {'boto3', 'botocore', 'jsonpath_ng', 'jsonschema'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


def test_settings_show_no_secret() -> None:
    """There is none among them: boto3 finds credentials by itself."""
    assert "secret" not in str(attrs.asdict(S3Settings()))
