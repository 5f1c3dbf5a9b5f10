"""How boto3's client comes to be: its credentials, and the region of a bucket."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from object_store import SECRET, credentials
from scripted_http import GOOD, answer, scripted_http

from harpcaller.adapters.machine import Save
from harpcaller.runners.outside.s3 import S3Mover
from harpcaller.runners.outside.s3_client import S3Settings
from harpcaller.runners.transfers import TransferFailed

REGION = b"x-amz-bucket-region: eu-west-1"
ELSEWHERE = answer(301, b"", REGION)
HANGS_S = 5


def asked_of(folder: Path, program: str) -> str:
    """Return a file with a profile `p`, whose credentials a program tells."""
    profiles = folder / "config"
    profiles.write_text(f"[profile p]\ncredential_process = {program}\n")
    return str(profiles)


@pytest.mark.parametrize("program", [f"/nonexistent/{SECRET}", f"false {SECRET}"])
async def test_a_program_that_tells_no_credentials_is_told(
    tmp_path: Path, program: str
) -> None:
    """A mistake of the operator's is no crash of ours; its words are not repeated."""
    s3 = S3Mover(S3Settings(profile="p"))

    with (
        credentials(profiles=asked_of(tmp_path, program)),
        pytest.raises(TransferFailed) as caught,
    ):
        await s3.fetch("s3://b/k", 1)

    assert caught.value.text == f"S3 cannot be used: {caught.value.code}"
    assert SECRET not in caught.value.code


async def test_a_cancel_does_not_wait_for_credentials(tmp_path: Path) -> None:
    """Nor does a stop of the dispatcher; whoever comes next asks anew."""
    began_at = trio.current_time()
    with (
        credentials(profiles=asked_of(tmp_path, f"sleep {HANGS_S}")),
        trio.move_on_after(0.3) as scope,
    ):
        await S3Mover(S3Settings(profile="p")).fetch("s3://b/k", 1)

    assert scope.cancelled_caught
    assert trio.current_time() - began_at < HANGS_S


@pytest.mark.parametrize(
    "answers",
    [
        (ELSEWHERE, GOOD),
        (answer(301), answer(200, b"", REGION), GOOD),
        (answer(301), ELSEWHERE, GOOD),
    ],
)
async def test_a_bucket_of_another_region_is_found(answers: tuple[bytes, ...]) -> None:
    """Amazon names the region in its refusal, or when it is asked for it with HEAD."""
    with credentials(), scripted_http(*answers) as server:
        s3 = S3Mover(S3Settings(endpoint_url=server.url))
        found = await s3.fetch("s3://b/k", 2)

    assert (found, server.connections) == (b"{}", len(answers))


async def test_a_document_is_written_to_another_region() -> None:
    """As it is read there."""
    with credentials(), scripted_http(ELSEWHERE, answer(200)) as server:
        s3 = S3Mover(S3Settings(endpoint_url=server.url))
        await s3.save(Save(key="s", uri="s3://b/k", body=b"{}"), again=False)

    assert server.connections == 2
