"""`harpd passwd`, and the users it writes, of a worker that runs."""

from __future__ import annotations

import os
import pty
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import attrs
import pytest
import trio
import trustme
from fake_worker import client_context
from harp_peer import a_harp_call, connect, outcome_of
from harpd_process import HARPD, running_harpd

from harpcaller.worker.users import read_users
from protocol.harp import HarpCall, request
from protocol.jsontext import JsonText
from protocol.outcome import Failed, Returned

PROCEDURES = "from harpcaller.worker.local import *\n"


def passwd(*words: str, said: str | bytes) -> subprocess.CompletedProcess[bytes]:
    """Run the verb with a password on its input."""
    return subprocess.run(
        [*HARPD, "passwd", *words],
        input=said.encode() if isinstance(said, str) else said,
        capture_output=True,
        timeout=30,
        check=False,
    )


def test_a_user_is_added_and_changed(tmp_path: Path) -> None:
    """Scripts say the password on the input, where no other process sees it."""
    file = tmp_path / "users"

    for said in ("first\n", "zwölf \r\n"):
        done = passwd("--users", str(file), "ops", said=said)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    assert read_users(file)["ops"].fits("zwölf ")
    assert file.stat().st_mode & 0o777 == 0o600


def test_without_a_file_the_line_is_printed() -> None:
    """For `[users]`, and for files that are made elsewhere."""
    done = passwd("ops", said="secret")

    assert done.stdout.startswith(b"ops:$scrypt$ln=")


@pytest.mark.parametrize("said", [b"", b"\n", b"\xff\n"])
def test_what_is_no_password_is_refused(said: bytes) -> None:
    """An empty one would let everybody in."""
    done = passwd("ops", said=said)

    assert done.returncode == 2
    assert done.stdout == b""


def test_a_name_or_a_place_that_will_not_do_is_told(tmp_path: Path) -> None:
    """In one line."""
    named = passwd("--users", str(tmp_path / "users"), "a:b", said="x")
    placed = passwd("--users", "/no/such/users", "a", said="x")

    assert (named.returncode, placed.returncode) == (2, 1)
    assert placed.stderr == b"harpd: /no/such/users: No such file or directory\n"


@pytest.mark.parametrize(("words", "code"), [(("a", "a"), 0), (("a", "b"), 1)])
def test_a_person_is_asked_twice(words: tuple[str, str], code: int) -> None:
    """On a terminal, which does not show what is typed."""
    person, terminal = pty.openpty()
    process = subprocess.Popen(
        [*HARPD, "passwd", "ops"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown = b""
    for word in words:
        time.sleep(1)
        shown += os.read(person, 1000)
        os.write(person, f"canary-{word}\n".encode())
    assert process.wait(20) == code
    os.close(person)

    assert b"Password of ops:" in shown
    assert b"canary" not in shown


def call_of(user: str, password: str, procedure: str = "ping") -> bytes:
    """Return the request of somebody."""
    call: HarpCall = a_harp_call(procedure)
    return request(attrs.evolve(call, user=user, password=password))


async def test_what_was_written_lets_in_and_allows(tmp_path: Path) -> None:
    """Hashed, plain and configured users beside each other; each may call his own."""
    passwd("--users", str(tmp_path / "users"), "ops", said="secret-canary")
    with (tmp_path / "users").open("a") as file:
        file.write("old:plain\n")
    config = tmp_path / "harpd.toml"
    config.write_text('[users]\ndev = "x"\n[allow]\nops = ["p*"]\nold = ["up*"]\n')
    options = ("--config", str(config), "--users", str(tmp_path / "users"))
    with running_harpd(tmp_path, PROCEDURES, *options) as harpd:

        async def outcome(*words: str) -> object:
            async with connect(harpd.path) as stream:
                return await outcome_of(stream, call_of(*words))

        pong = Returned(JsonText(b'"pong"'))
        assert await outcome("ops", "secret-canary") == pong
        assert await outcome("dev", "x") == pong
        refused = [
            await outcome("ops", "secret-canary", "uptime"),
            await outcome("old", "plain"),
            await outcome("ops", "wrong-canary"),
        ]

    assert [isinstance(one, Failed) and one.type for one in refused] == [
        "auth_error"
    ] * 3
    assert "canary" not in harpd.log
    assert '"event":"users.plain"' in harpd.log


async def test_dispatchers_may_have_to_show_certificates(tmp_path: Path) -> None:
    """Then a stolen password alone opens nothing."""
    ca, strangers = trustme.CA(), trustme.CA()
    certificate = ca.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    config = tmp_path / "harpd.toml"
    config.write_text(
        f'cert_file = "{tmp_path}/cert.pem"\nkey_file = "{tmp_path}/key.pem"\n'
        f'client_ca_file = "{tmp_path}/ca.pem"\n[users]\nuser = "pass"\n'
    )
    options = ("--config", str(config))
    with running_harpd(tmp_path, PROCEDURES, *options, listen="127.0.0.1:0") as harpd:
        contexts = [client_context(ca) for _ in range(3)]
        others = []
        ca.issue_cert("dispatcher").configure_cert(contexts[0])
        strangers.issue_cert("dispatcher").configure_cert(contexts[1])
        async with connect(harpd.tcp, contexts[0]) as stream:
            known = await outcome_of(stream, call_of("user", "pass"))
        for context in contexts[1:]:
            async with connect(harpd.tcp, context) as stream:
                with suppress(trio.BrokenResourceError):
                    others.append(await outcome_of(stream, call_of("user", "pass")))

    assert known == Returned(JsonText(b'"pong"'))
    assert all(isinstance(one, Failed) for one in others)  # the connection was closed
    assert "handshake.failed" in harpd.log
