"""Identities against a real dispatcher: what each may do; tokens stay secret."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
from guarded_daemon import (
    Client,
    Guarded,
    by_loopback,
    by_unix,
    error_of,
    guarded_daemon,
    with_token,
)
from harp_command import harp_environment, run_harp, start_harp

UNKNOWN = "00000000-0000-7000-8000-000000000000"
WRONG = "hct_" + "canary" * 8
ROLES = {
    "writer": ('["submit"]', ""),
    "webwriter": ('["submit"]', 'hosts = ["web*"]\nprocedures = ["ping"]'),
    "reader": ('["read"]', ""),
    "webreader": ('["read"]', 'hosts = ["web*"]'),
    "webcanceller": ('["cancel"]', 'hosts = ["web*"]'),
    "webadmin": ('["admin"]', 'hosts = ["web*"]'),
}


@attrs.frozen
class Known:
    """A dispatcher, and the tokens of those it knows."""

    guarded: Guarded
    tokens: Mapping[str, str]

    def client(self, name: str) -> Client:
        """Return a client who has said who he is."""
        client = self.guarded.by_tls()
        assert client.hello(self.tokens[name])["identity"] == name
        return client

    def job_of(self, name: str, host: str = "web1") -> str:
        """Return a job that somebody submitted."""
        with self.client(name) as client:
            return str(client.submit(host)["job_id"])


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    """Run a dispatcher that has to be told who asks."""
    tables, tokens = "", {}
    for name, (roles, more) in ROLES.items():
        table, tokens[name] = with_token(name, roles, more)
        tables += table
    directory = tmp_path_factory.mktemp("known")
    settings = {"require_identity": True}
    with guarded_daemon(directory, tables, settings=settings) as guarded:
        yield Known(guarded, tokens)


# What each is told of a job of "writer" on web1, one on db1, and of no job at all.
SEEN = {
    "writer": (None, None, "invalid_jobid"),
    "webwriter": ("invalid_jobid", "invalid_jobid", "invalid_jobid"),
    "reader": (None, None, "invalid_jobid"),
    "webreader": (None, "invalid_jobid", "invalid_jobid"),
    "webcanceller": ("forbidden", "forbidden", "forbidden"),
    "webadmin": (None, "invalid_jobid", "invalid_jobid"),
}


@pytest.mark.parametrize("name", ROLES)
def test_a_job_that_one_may_not_see_is_no_job(known: Known, name: str) -> None:
    """Every way to read says the same, in the words for an unknown id."""
    jobs = known.job_of("writer"), known.job_of("writer", "db1"), UNKNOWN

    for verb in ("get_status", "get_result", "read_stream", "follow_stream"):
        with known.client(name) as client:
            replies = [client.ask(**{verb: job}) for job in jobs]
        told = tuple(
            None if error_of(one) == "unknown_host" else error_of(one)
            for one in replies
        )
        assert told == SEEN[name], verb
        for reply, word in zip(replies, SEEN[name], strict=True):
            if word == "invalid_jobid":
                assert reply == replies[-1]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("writer", [None, None, None]),
        ("webwriter", [None, "forbidden", "forbidden"]),
        ("reader", ["forbidden"] * 3),
        ("webreader", ["forbidden"] * 3),
        ("webcanceller", ["forbidden"] * 3),
        ("webadmin", [None, None, "forbidden"]),
    ],
)
def test_calls_are_bounded_by_role_and_lists(
    known: Known, name: str, told: list[str | None]
) -> None:
    """Nothing of a call that is refused is kept."""
    with known.client(name) as client:
        replies = [
            client.submit("web1"),
            client.submit("web1", "reboot"),
            client.submit("db1"),
        ]

    assert [error_of(reply) for reply in replies] == told


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("writer", [False, False, False]),
        ("webwriter", [False, False, False]),
        ("reader", ["forbidden"] * 3),
        ("webcanceller", [False, False, False]),
        ("webadmin", [False, False, False]),
    ],
)
def test_cancels_need_the_role_or_the_own_job(
    known: Known, name: str, told: list[object]
) -> None:
    """What one may not see is answered as what is not there."""
    jobs = known.job_of("writer"), known.job_of("writer", "db1"), UNKNOWN

    with known.client(name) as client:
        replies = [client.ask(cancel=job) for job in jobs]

    assert [error_of(one) or one["cancelled"] for one in replies] == told


def test_nobody_may_say_hello_and_help_and_no_more(known: Known) -> None:
    """By every way in: `require_identity` holds on this machine, too."""
    job = known.job_of("writer")

    for connect in (by_unix, by_loopback, Guarded.by_tls):
        with connect(known.guarded) as client:
            assert "identity" not in client.ask(hello=True)
            asked = [
                client.submit(),
                *(
                    client.ask(**{verb: job})
                    for verb in ("get_status", "get_result", "cancel", "read_stream")
                ),
            ]
        assert {error_of(reply) for reply in asked} == {"unauthorized"}


def test_a_wrong_token_waits_and_leaves_the_connection_as_it_was(known: Known) -> None:
    """Who was somebody stays it; who was nobody can try again."""
    with known.client("writer") as client:
        began = time.monotonic()
        refused = client.hello(WRONG)
        waited_s = time.monotonic() - began
        assert "job_id" in client.submit()

    assert error_of(refused) == "unauthorized"
    assert 0.9 < waited_s < 6


def test_wrong_tokens_slow_down_who_says_them_alone(known: Known) -> None:
    """Twenty guessers at once: who has a right token does not notice."""

    def guess() -> None:
        with by_unix(known.guarded) as client:
            assert error_of(client.hello(WRONG)) == "unauthorized"

    began = time.monotonic()
    with ThreadPoolExecutor(20) as guessers:
        guesses = [guessers.submit(guess) for _ in range(20)]
        time.sleep(0.2)
        right_began = time.monotonic()
        with by_unix(known.guarded) as client:
            client.hello(known.tokens["writer"])
            assert "job_id" in client.submit()
        right_s = time.monotonic() - right_began
        for one in guesses:
            one.result()

    assert right_s < 0.9
    assert time.monotonic() - began > 4
    assert len(known.guarded.log_lines("token.refused")) < 10


def test_a_key_is_its_owners(known: Known) -> None:
    """Two identities may use the same key, and get a job each."""
    call = {"host": "web1", "procedure": "ping", "arguments": [], "key": "k"}

    with known.client("writer") as one, known.client("webwriter") as other:
        first, again, others = one.ask(**call), one.ask(**call), other.ask(**call)

    assert again == {**first, "duplicate": True}
    assert others["job_id"] != first["job_id"]


def test_no_token_is_ever_shown(known: Known, tmp_path: Path) -> None:
    """Neither a right nor a wrong one: P7."""
    token = known.tokens["writer"]
    kept = tmp_path / "token"
    kept.write_text(token + "\n")
    server = f"tls:127.0.0.1:{known.guarded.tls_port}"
    known.guarded.ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    words = ["--server", server, "--ca-file", str(tmp_path / "ca.pem")]
    files = [*words, "--token-file", str(kept)]

    served = run_harp("call", "web1", "ping", *files)
    by_variable = run_harp("call", "web1", "ping", *words, HARPCALLER_TOKEN=token)
    refused = run_harp("call", "web1", "ping", *words, HARPCALLER_TOKEN=WRONG)
    in_clear = run_harp("status", UNKNOWN, "--server=192.0.2.1", HARPCALLER_TOKEN=token)
    with start_harp("call", "web1", "ping", *files) as harp:
        shown = Path(f"/proc/{harp.pid}/cmdline").read_bytes().decode()
        said = "".join(harp.communicate())
    with known.client("writer") as client:
        said += str(client.hello(WRONG))
        said += str(client.ask(hello={"token": token, "tokn": token}))
        said += str(client.ask(get_status=known.job_of("writer")))

    assert (served.returncode, by_variable.returncode) == (3, 3)
    assert "unknown_host" in served.stderr + by_variable.stderr
    assert (refused.returncode, "unauthorized" in refused.stderr) == (3, True)
    assert (in_clear.returncode, "in clear" in in_clear.stderr) == (2, True)
    for done in (served, by_variable, refused, in_clear):
        said += done.stdout + done.stderr
    daemon = known.guarded.daemon
    said += shown + daemon.log.read_text()
    said += Path(f"/proc/{daemon.pid}/cmdline").read_text()
    for secret in (token, WRONG):
        assert secret not in said
    for file in daemon.state_dir.rglob("*"):
        assert not file.is_file() or token.encode() not in file.read_bytes()


def test_without_require_identity_this_machine_keeps_its_rights(tmp_path: Path) -> None:
    """A first identity must not lock out the scripts that are there."""
    table, token = with_token("reader", '["read"]')
    uid = f'[identities.me]\nuid = {os.geteuid()}\nroles = ["read"]\n'

    with guarded_daemon(tmp_path / "a", table) as guarded:
        for connect in (by_unix, by_loopback, Guarded.by_tls):
            with connect(guarded) as client:
                assert "job_id" in client.submit()
        with by_loopback(guarded) as client:
            client.hello(token)
            assert error_of(client.submit()) == "forbidden"
    with (
        guarded_daemon(tmp_path / "b", table + uid) as guarded,
        by_unix(guarded) as client,
    ):
        assert client.ask(hello=True)["identity"] == "me"
        assert error_of(client.submit()) == "forbidden"


def test_a_certificate_or_a_token_is_an_identity(tmp_path: Path) -> None:
    """Where there are tokens a client may come without a certificate."""
    table, token = with_token("worded", '["submit"]')
    table += '[identities.shown]\ncertificate = "Web.example.net"\nroles = ["submit"]\n'

    with guarded_daemon(tmp_path, table, asks_for_certificates=True) as guarded:
        with guarded.by_tls(guarded.ca.issue_cert("web.Example.net")) as client:
            assert client.ask(hello=True)["identity"] == "shown"
            assert "job_id" in client.submit()
        for certificate in (None, guarded.ca.issue_cert("other.example.net")):
            with guarded.by_tls(certificate) as client:
                assert error_of(client.submit()) == "unauthorized"
                assert client.hello(token)["identity"] == "worded"
                assert "job_id" in client.submit()


@contextmanager
def silent_worker(path: Path) -> Iterator[dict[str, str]]:
    """Give the table of a host whose jobs run for ever."""
    with socket.socket(socket.AF_UNIX) as worker:
        worker.bind(str(path))
        worker.listen()
        yield {"unix": str(path)}


def told_of_cancel(known: Known, name: str, job: str) -> object:
    """Return the word of the error, or whether the job was stopped."""
    with known.client(name) as client:
        reply = client.ask(cancel=job)
    return error_of(reply) or reply["cancelled"]


def test_a_running_job_is_cancelled_by_whom_it_may_be(tmp_path: Path) -> None:
    """Who sees a job and may not cancel it is told so; nobody else sees it."""
    asked = {
        "owner": ('["submit"]', ""),
        "watcher": ('["submit", "read"]', ""),
        "elsewhere": ('["cancel"]', 'hosts = ["db*"]'),
        "canceller": ('["cancel"]', 'hosts = ["web*"]'),
        "all": ('["cancel"]', ""),
    }
    tables, tokens = "", {}
    for name, (roles, more) in asked.items():
        table, tokens[name] = with_token(name, roles, more)
        tables += table

    with (
        silent_worker(tmp_path / "worker") as host,
        guarded_daemon(tmp_path, tables, hosts={"web1": host}) as guarded,
    ):
        here = Known(guarded, tokens)
        first, second, third = (here.job_of("owner") for _ in range(3))
        assert told_of_cancel(here, "watcher", first) == "forbidden"
        assert told_of_cancel(here, "elsewhere", first) is False
        assert told_of_cancel(here, "owner", first) is True
        assert told_of_cancel(here, "canceller", second) is True
        assert told_of_cancel(here, "all", third) is True
        assert told_of_cancel(here, "canceller", UNKNOWN) is False


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can join other groups")
def test_a_supplementary_group_is_a_proof(tmp_path: Path) -> None:
    """People are in the group of operators beside their own."""
    table = '[identities.operators]\ngid = 54321\nroles = ["admin"]\n'
    harp = [sys.executable, "-m", "harpcaller.client", "call", "web1", "ping"]

    with guarded_daemon(tmp_path, table, settings={"require_identity": True}) as one:
        server = f"--server=unix:{one.daemon.call_socket}"
        said = [
            subprocess.run(
                [*harp, server],
                extra_groups=groups,
                capture_output=True,
                text=True,
                check=False,
                env=harp_environment(),
            ).stderr
            for groups in ([54321], [54322])
        ]

    assert ["unknown_host" in one for one in said] == [True, False]
    assert "unauthorized" in said[1]
