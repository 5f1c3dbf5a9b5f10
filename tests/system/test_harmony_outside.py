"""A request of Harmony and the world outside: its folder, its posts, its files."""

from __future__ import annotations

import grp
import os
import ssl
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
import trustme
from harmony_daemon import HarmonyDaemon, running_harmony
from harmony_recorder import Recorder, running_recorder

from indira.client import AdminClient

GROUP = grp.getgrgid(os.getgid()).gr_name


@attrs.frozen
class World:
    """A dispatcher whose workers are in a group with it, and Harmony behind TLS."""

    harmony: HarmonyDaemon
    recorder: Recorder

    def message(self, name: str, **changes: str) -> dict[str, object]:
        """Return a message with a callback there."""
        callback = f"{self.recorder.url}/service/{uuid.uuid4()}"
        return self.harmony.message(name, callback=callback, **changes)

    def run(self, message: object, **options: object) -> Path:
        """Have a request carried out; return its folder."""
        job_id = self.harmony.submit("test/copy", message, **options)
        assert "result" in self.harmony.outcome(job_id)
        return self.harmony.work_dir / job_id


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run one of it."""
    folder = tmp_path_factory.mktemp("harmony")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "their-ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(tls)
    table = f'''
work_group = "{GROUP}"
callback_allow = ["https://localhost:*/service/"]
[adapters.harmony.http]
ca_file = "{folder}/their-ca.pem"
'''
    with (
        running_recorder(tls) as recorder,
        running_harmony(folder, table, shared=True) as harmony,
    ):
        yield World(harmony, recorder)


def rights(path: Path) -> int:
    """Return who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_workers_of_the_group_may_read_and_write(world: World) -> None:
    """They run as other users: catalogs are read, results are written beside."""
    folder = world.run(world.message("async-2.json"))

    saved = [path for path in folder.rglob("*") if "/a0/" not in f"{path}/"]
    files = {rights(path) for path in saved if path.is_file()}
    folders = {rights(path) for path in (folder, *saved) if path.is_dir()}
    assert (files, folders) == ({0o640}, {0o2770})


def test_harmony_is_told_by_tls(world: World) -> None:
    """It shows a certificate of an authority that the configuration names."""
    message = world.message("async-2.json")

    world.run(message)

    posts = world.recorder.parameters(str(message["callback"]))
    assert len(posts) == 3
    assert posts[-1] == {"status": "successful"}


def test_a_file_is_sent_to_who_waits_for_it(world: World) -> None:
    """Its length is told: Harmony takes no body without."""
    out = world.harmony.work_dir / "out"
    out.mkdir()
    content = os.urandom(3_000_000)
    (out / "s1.b0~a_01.nc").write_bytes(content)
    message = world.message("sync-1.json", stagingLocation=f"{out.as_uri()}/")

    world.run(message, sync_stream=True)

    [post] = [one for one in world.recorder.posts if one.body]
    assert post.path == f"/service/{str(message['callback'])[-36:]}/response"
    assert post.headers["Content-Length"] == "3000000"
    assert post.body == content


def test_the_folder_of_a_request_goes_with_its_job(world: World) -> None:
    """What others have in the directory stays."""
    folder = world.run(world.message("async-2.json"))
    (world.harmony.work_dir / "notes").mkdir()

    with AdminClient(world.harmony.daemon.admin_socket, timeout_s=30) as client:
        reply = client.send("prune_jobs", max_age=0)

    assert reply["result"] == "ok"
    assert not folder.exists()
    assert (world.harmony.work_dir / "notes").is_dir()
