"""Servers that are no good S3, or say strange things: each has a word of its own."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import trio
from object_store import SECRET, credentials
from scripted_http import (
    DRIP,
    GOOD,
    SILENCE,
    SLOW_DOWN,
    answer,
    refusal,
    scripted_http,
)

from harpcaller.adapters.machine import Save
from harpcaller.runners.outside.s3 import S3Mover
from harpcaller.runners.outside.s3_client import S3Settings
from harpcaller.runners.transfers import TransferFailed

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HEAD_OF_MANY = b"HTTP/1.1 200 OK\r\nContent-Length: 68157440\r\n\r\n"
MET = refusal(412, "PreconditionFailed")
SAVE = Save(key="s", uri="s3://b/k", body=b"{}")
READ_TIMEOUT_S = 0.5


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    """Have credentials, whatever they are."""
    with credentials():
        yield


def mover(url: str, attempts: int = 3, **more: Any) -> S3Mover:
    """Return a mover with short limits."""
    settings = S3Settings(
        endpoint_url=url,
        connect_timeout_s=2,
        read_timeout_s=READ_TIMEOUT_S,
        attempts=attempts,
    )
    return S3Mover(settings, **more)


async def failure(s3: S3Mover, max_bytes: int = 1000) -> TransferFailed:
    """Return how fetching fails."""
    with trio.fail_after(30), pytest.raises(TransferFailed) as caught:
        await s3.fetch("s3://b/k", max_bytes)
    return caught.value


@pytest.mark.parametrize(
    ("bad", "code", "connections"),
    [
        (refusal(500, "InternalError"), "InternalError", 2),
        (answer(502, b"<html>Bad Gateway</html>"), "InternalError", 2),
        (answer(503), "InternalError", 2),
        (refusal(403, "AccessDenied"), "AccessDenied", 1),
        (refusal(403, "RequestTimeTooSkewed"), "RequestTimeTooSkewed", 1),
        (answer(403), "AccessDenied", 1),
        (answer(404, b"<html>Not Found</html>"), "NoSuchKey", 1),
        (answer(405), "InvalidRequest", 1),
        (refusal(400, "C" * 100_000), "InvalidRequest", 1),
        (refusal(400, "no word"), "InvalidRequest", 1),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "Unreachable", 2),
        (CHUNKED + b"zz\r\n{}", "Unreachable", 2),
        (CHUNKED + b"10\r\n{}", "Unreachable", 2),
    ],
)
async def test_whatever_is_answered_there_is_a_word_for_it(
    bad: bytes, code: str, connections: int
) -> None:
    """Workflows catch by code; a journal keeps it: it is one word, and short."""
    with scripted_http(bad) as server:
        failed = await failure(mover(server.url, attempts=2))

    assert (failed.code, server.connections) == (code, connections)
    assert len(failed.text) < 100


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize(
    "bad",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
        answer(200, b"{}", b"Last-Modified: a while ago"),
    ],
)
async def test_headers_that_boto3_trips_over_are_the_servers_fault(bad: bytes) -> None:
    """It raises ValueError, and leaves the connection to the garbage collector."""
    with scripted_http(bad) as server:
        failed = await failure(mover(server.url, attempts=2))
    gc.collect()  # here, and not in another test

    assert (failed.code, server.connections) == ("InternalError", 2)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status: int) -> None:
    """To https, as proxies say it: botocore alone would ask 80 times, then crash."""
    with scripted_http(GOOD) as elsewhere:
        location = b"Location: %b/k" % elsewhere.url.encode()
        with scripted_http(answer(status, b"", location)) as server:
            failed = await failure(mover(server.url, attempts=1))

    assert failed.code in {"PermanentRedirect", "Unreachable"}  # 303: botocore trips
    assert server.connections <= 2
    assert elsewhere.connections == 0


async def test_what_says_it_is_too_large_is_not_read() -> None:
    """The rest never comes: to read it would be a Timeout."""
    with scripted_http(HEAD_OF_MANY) as server:
        failed = await failure(mover(server.url))

    assert failed.code == "TooLarge"
    assert "68157440" in failed.text


async def test_chunks_are_counted() -> None:
    """They have no length that could be believed."""
    chunk = b"400\r\n" + bytes(1024) + b"\r\n"
    with scripted_http(CHUNKED + chunk * 2 + b"0\r\n\r\n") as server:
        failed = await failure(mover(server.url))
        found = await mover(server.url).fetch("s3://b/k", 2048)

    assert failed.code == "TooLarge"
    assert found == bytes(2048)


async def test_what_comes_forever_has_a_limit() -> None:
    """Each byte is in time, the document never is."""
    with scripted_http(DRIP) as server:
        failed = await failure(mover(server.url, attempts=1, max_attempt_s=0.7))

    assert failed.code == "Timeout"
    assert failed.text == "S3 was not done within 0.7 s"


async def test_a_uri_that_is_none_is_told() -> None:
    """It is nobody's crash."""
    with pytest.raises(TransferFailed) as caught:
        await mover("http://127.0.0.1:9").fetch("s3://[b/k", 1)

    assert caught.value.code == "InvalidURI"


async def test_a_write_whose_answer_was_lost_is_ours() -> None:
    """The first attempt may have written it: what is there is compared."""
    with scripted_http(SLOW_DOWN, MET, GOOD) as server:
        await mover(server.url).save(SAVE, again=False)

    assert server.connections == 3


@pytest.mark.parametrize(
    "there", [answer(200, b"[]"), answer(200, b"{} and more"), answer(200)]
)
async def test_what_another_wrote_is_not_ours(there: bytes) -> None:
    """Of the same length, longer, or empty."""
    with (
        scripted_http(MET, there) as server,
        pytest.raises(TransferFailed) as caught,
    ):
        await mover(server.url).save(SAVE, again=True)

    assert caught.value.code == "PreconditionFailed"


async def test_what_may_not_be_compared_is_told() -> None:
    """Who may write and not read has to know what he lacks."""
    with (
        scripted_http(MET, refusal(403, "AccessDenied")) as server,
        pytest.raises(TransferFailed) as caught,
    ):
        await mover(server.url).save(SAVE, again=True)

    assert caught.value.code == "AccessDenied"


async def test_a_cancelled_write_is_waited_for_and_not_tried_again() -> None:
    """Nobody may write into a bucket when the job has long ended."""
    with scripted_http(refusal(403, "AccessDenied"), SILENCE) as server:
        s3 = mover(server.url)
        await failure(s3)  # makes the client, which takes a while
        began_at = trio.current_time()
        with trio.move_on_after(READ_TIMEOUT_S / 5) as scope:
            await s3.save(SAVE, again=False)

    assert scope.cancelled_caught
    assert trio.current_time() - began_at >= READ_TIMEOUT_S
    assert server.connections == 2


async def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """P7: what boto3 has to say has signatures and addresses in it."""
    caplog.set_level(logging.DEBUG)
    with scripted_http(refusal(403, "AccessDenied")) as server:
        await failure(mover(server.url))

    assert SECRET not in caplog.text
    assert not [one for one in caplog.records if one.name.startswith("boto")]


def test_boto3_comes_at_the_first_fetch_and_in_a_thread() -> None:
    """C-24: a second of import would hold up everybody."""
    program = """
import sys, threading, trio
from harpcaller.runners.outside.s3 import S3Mover
from harpcaller.runners.outside.s3_client import S3Settings
from harpcaller.runners.transfers import TransferFailed

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "boto3":
            print(threading.current_thread() is threading.main_thread())

async def main():
    mover = S3Mover(S3Settings(endpoint_url="http://127.0.0.1:9", attempts=1))
    print("boto3" in sys.modules)
    try:
        await mover.fetch("s3://b/k", 1)
    except TransferFailed as failed:
        print(failed.code)

sys.meta_path.insert(0, Watch())
trio.run(main)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["False", "False", "Unreachable"]
