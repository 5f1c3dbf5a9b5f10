"""A dispatcher and a worker with a planted word in each place where secrets lie."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import attrs
import trustme
from daemon_process import Table
from guarded_daemon import Guarded, guarded_daemon, with_token
from harpd_process import Harpd, running_harpd
from web_client import ON

PROCEDURES = """
import os
import time
from harpcaller.worker import procedure, streaming_procedure

@procedure
def echo(value):
    return value

@procedure
def measure(value, note=""):
    return len(value)

@procedure
def fail(value):
    raise ValueError("it is wrong")

@procedure
def crash(value):
    os._exit(3)

@streaming_procedure
def hold(value, path):
    yield "held"
    while not os.path.exists(path):
        time.sleep(0.05)
"""


def word(kind: str) -> str:
    """Return a new word that stands nowhere else."""
    return f"canary-{kind}-{secrets.token_hex(12)}"


@attrs.frozen
class Canaries:
    """The words: secrets are nobody's to see, private ones those of who may read."""

    in_config: str = attrs.field(factory=lambda: word("config"))
    in_file: str = attrs.field(factory=lambda: word("file"))
    wrong_password: str = attrs.field(factory=lambda: word("wrong"))
    wrong_token: str = attrs.field(factory=lambda: word("stranger"))
    user_key: str = attrs.field(factory=lambda: word("user"))
    sealed: str = attrs.field(factory=lambda: word("sealed"))
    argument: str = attrs.field(factory=lambda: word("argument"))
    planted: dict[str, str] = attrs.field(factory=dict)  # made by the daemons' tools

    def secret(self) -> Mapping[str, str]:
        """Return what has to be seen nowhere, by name."""
        ours = attrs.asdict(self, filter=lambda field, _: field.name != "planted")
        del ours["argument"]
        return {**ours, **self.planted}


@attrs.frozen(kw_only=True)
class Aviary:
    """The daemons that run, and what was planted in them."""

    guarded: Guarded
    harpd: Harpd
    worker_ca: trustme.CA
    canaries: Canaries
    token: str
    folder: Path


@contextmanager
def open_aviary(folder: Path) -> Iterator[Aviary]:
    """Run both daemons, as talkative as they can be, until the block ends."""
    canaries = Canaries()
    ca = trustme.CA()
    worker = folder / "worker"
    worker.mkdir()
    options = _worker_options(ca, worker, canaries)
    ca.cert_pem.write_to_path(folder / "ca.pem")
    password_file = folder / "password"
    password_file.write_text(canaries.in_file + "\n")
    password_file.chmod(0o600)
    table, token = with_token("writer", '["submit", "read", "cancel"]')
    canaries.planted["token"] = token
    with running_harpd(worker, PROCEDURES, *options) as harpd:
        hosts = _hosts(harpd, password_file, canaries)
        settings = {"ca_file": str(folder / "ca.pem"), **ON}
        with guarded_daemon(
            folder / "dispatcher",
            table,
            settings=settings,
            hosts=hosts,
            more_words=["--debug"],
        ) as guarded:
            key = (guarded.daemon.directory / "key.pem").read_text()
            canaries.planted["dispatcher_key"] = key.splitlines()[1]
            yield Aviary(
                guarded=guarded,
                harpd=harpd,
                worker_ca=ca,
                canaries=canaries,
                token=token,
                folder=folder,
            )


def _hosts(harpd: Harpd, password_file: Path, canaries: Canaries) -> dict[str, Table]:
    """Return hosts that have their passwords in every way, and one that is wrong."""
    place: Table = {
        "address": "127.0.0.1",
        "port": harpd.tcp[1],
        "server_name": "localhost",
    }
    one: Mapping[str, str] = {"user": "one", "password": canaries.in_config}
    return {
        "plain": {**place, **one},
        "filed": {**place, "user": "two", "password_file": str(password_file)},
        "wrong": {**place, "user": "one", "password": canaries.wrong_password},
        "beside": {"unix": str(harpd.path), **one},
        "nobody": {"unix": str(password_file.parent / "nobody")},
    }


def descendants(pid: int) -> list[int]:
    """Return the process and all that it has started, directly or not."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += descendants(int(child))
    return found


def shown_by_proc(pid: int) -> str:
    """Return the command line and the environment of a process, as /proc shows them."""
    parts = (f"/proc/{pid}/cmdline", f"/proc/{pid}/environ")
    return "".join(Path(part).read_bytes().decode(errors="replace") for part in parts)


def _worker_options(ca: trustme.CA, folder: Path, canaries: Canaries) -> list[str]:
    certificate = ca.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    key = (folder / "key.pem").read_text()
    canaries.planted["worker_key"] = key.splitlines()[1]
    users = folder / "users"
    users.write_text(f"one:{canaries.in_config}\ntwo:{canaries.in_file}\n")
    users.chmod(0o600)
    (folder / "key.pem").chmod(0o600)
    words = ["--listen", "127.0.0.1:0", "--debug"]
    for option, name in (("cert", "cert.pem"), ("key", "key.pem"), ("users", "users")):
        words += [f"--{option}", str(folder / name)]
    return words
