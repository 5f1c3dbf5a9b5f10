"""Planted secrets come out nowhere: logs, errors, lists, metrics, /proc, files."""

from __future__ import annotations

import json
import socket
import stat
import subprocess
import sys
from typing import Any

import attrs
import pytest
from canaries import Aviary, Canaries, descendants, open_aviary, shown_by_proc
from eventually import wait_until
from fake_worker import client_context
from guarded_daemon import Client, by_loopback, by_unix, error_of, heard
from web_client import web_address

from indira.client import AdminClient

WAYS = (by_unix, by_loopback, lambda guarded: guarded.by_tls())
LOGS = ("the dispatcher's log", "the worker's log")
RESULTS = "results"
ADMIN = "lists"
PLACES = {
    *(RESULTS, ADMIN, *LOGS, "packets", "errors", "http", "completions"),
    *("/proc", "the backup", "the store"),
}


@attrs.define
class Heard:
    """All that came out, by where; and what the files held at the end."""

    canaries: Canaries
    said: dict[str, str] = attrs.field(factory=dict)
    modes: dict[str, str] = attrs.field(factory=dict)

    def add(self, where: str, *texts: object) -> None:
        """Note what came out there."""
        self.said[where] = "\n".join([self.said.get(where, ""), *map(str, texts)])


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Heard:
    """Do everything once, and stop both daemons in order."""
    folder = tmp_path_factory.mktemp("aviary")
    with open_aviary(folder) as aviary:
        heard_ = Heard(aviary.canaries)
        call_all(aviary, heard_)
        call_in_vain(aviary, heard_)
        look_while_one_runs(aviary, heard_)
        be_rude(aviary, heard_)
        ask_the_worker(aviary, heard_)
        make_mistakes(aviary, heard_)
        ask_over_http(aviary, heard_)
        administer(aviary, heard_)
        heard_.modes = modes_of(aviary)
        daemon = aviary.guarded.daemon
        daemon.terminate()
        assert daemon.wait() == 0
        files = [path for path in daemon.state_dir.rglob("*") if path.is_file()]
        held = b"".join(path.read_bytes() for path in files)
        heard_.add("the store", held.decode(errors="replace"))
        heard_.add(LOGS[0], daemon.log.read_text())
    heard_.add(LOGS[1], aviary.harpd.log)
    return heard_


def call(
    client: Client, heard_: Heard, host: str, procedure: str, **more: Any
) -> dict[str, Any]:
    """Return how a call with an ordinary and a sealed argument ended."""
    arguments = more.pop("arguments", {"value": heard_.canaries.sealed})
    asked: dict[str, Any] = {"sealed": ["/value"], "info": "i", **more}
    reply = client.ask(
        host=host, procedure=procedure, arguments=arguments, session=True, **asked
    )
    if "job_id" not in reply:
        heard_.add("errors", reply)
        return reply
    ended = client.ask(get_result=reply["job_id"], wait=True, session=True)
    status = client.ask(get_status=reply["job_id"], session=True)
    heard_.add("errors" if "error" in ended else RESULTS, ended)
    heard_.add(RESULTS, status)
    return ended


def call_all(aviary: Aviary, heard_: Heard) -> None:
    """Have calls end well, by every way in."""
    canaries = aviary.canaries
    both = {"value": canaries.sealed, "note": canaries.argument}
    for way in WAYS:
        with way(aviary.guarded) as client:
            heard_.add(RESULTS, client.hello(aviary.token))
            for host in ("plain", "filed", "beside"):
                ended = call(client, heard_, host, "measure", arguments=both)
                assert ended == {"result": len(canaries.sealed)}
            echoed = {"arguments": [canaries.argument], "sealed": []}
            ended = call(client, heard_, "plain", "echo", **echoed)
            assert ended == {"result": canaries.argument}


def call_in_vain(aviary: Aviary, heard_: Heard) -> None:
    """Have calls fail in every way."""
    with by_unix(aviary.guarded) as client:
        heard_.add("errors", client.hello(aviary.canaries.wrong_token))
        client.hello(aviary.token)
        assert "exception" in call(client, heard_, "plain", "fail")
        call(client, heard_, "plain", "crash")
        call(client, heard_, "plain", "no_such")
        more = {"value": aviary.canaries.sealed, "more": 1}
        call(client, heard_, "plain", "measure", arguments=more)
        for host in ("wrong", "nobody", "unknown"):
            assert error_of(call(client, heard_, host, "echo"))
        queue = {"name": {"pool": "db"}, "concurrency": 1}
        call(client, heard_, "filed", "measure", queue=queue, key="k", retries=1)


def look_while_one_runs(aviary: Aviary, heard_: Heard) -> None:
    """Look at the processes, the lists and a backup in the middle of a call."""
    go = aviary.folder / "go"
    daemon = aviary.guarded.daemon
    with by_unix(aviary.guarded) as client:
        client.hello(aviary.token)
        job = client.ask(
            host="plain",
            procedure="hold",
            arguments={"value": aviary.canaries.sealed, "path": str(go)},
            sealed=["/value"],
            queue={"name": {"pool": "held"}},
            session=True,
        )["job_id"]
        wait_until(lambda: aviary.harpd.verb("calls").stdout != "")
        for pid in (daemon.pid, aviary.harpd.process.pid):
            heard_.add("/proc", *map(shown_by_proc, descendants(pid)))
        heard_.add(ADMIN, verb(aviary, heard_, "list").stdout)
        heard_.add(ADMIN, verb(aviary, heard_, "info", job).stdout)
        for kind in ("jobs", "queues", "hosts"):
            completed = verb(aviary, heard_, "complete", kind)
            assert completed.stdout.strip()
            heard_.add("completions", completed.stdout)
        for words in (("calls",), ("status", "--json"), ("procedures",)):
            heard_.add(ADMIN, aviary.harpd.verb(*words).stdout)
        go.touch()
        heard_.add("packets", client.ask(get_result=job, wait=True, session=True))


def verb(
    aviary: Aviary, heard_: Heard, *words: str
) -> subprocess.CompletedProcess[str]:
    """Run one of the dispatcher's verbs; its errors are noted."""
    socket_words = ["--socket", str(aviary.guarded.daemon.admin_socket)]
    done = subprocess.run(
        [sys.executable, "-m", "harpcaller", *socket_words, *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    heard_.add("errors", done.stderr)
    return done


def be_rude(aviary: Aviary, heard_: Heard) -> None:
    """Send every kind of listener what it does not expect, with secrets in it."""
    canaries, token = aviary.canaries, aviary.token
    lines = [
        f'{{"harpcaller":1,"host":"plain","arguments":["{canaries.sealed}"',
        f'{{"harpcaller":1,"hello":{{"token":"{token}","tokn":"{token}"}}}}',
        f'{{"harpcaller":1,"hello":{{"token":["{token}"]}}}}',
        f'{{"harpcaller":1,"hello":"{token}"}}',
        f'{{"harpcaller":1,"host":"plain","procedure":"echo","session":true,'
        f'"arguments":{{"value":"{canaries.sealed}"}},"sealed":["/valeu"]}}',
        f'{{"harpcaller":1,"host":"plain","procedure":"echo","argument":'
        f'["{canaries.sealed}"],"sealed":["/0"]}}',
        f"GET /?token={token} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n",
        f"{canaries.sealed}",
    ]
    for line in lines:
        for way in (aviary.guarded.connect_plain, aviary.guarded.daemon.connect):
            with way() as sock:
                sock.sendall(line.encode() + b"\n")
                sock.shutdown(socket.SHUT_WR)
                heard_.add("errors", heard(sock))
        with aviary.guarded.connect_plain() as plain:
            tls = aviary.guarded.context().wrap_socket(
                plain, server_hostname="127.0.0.1"
            )
            with tls:
                tls.sendall(line.encode() + b"\n")
                heard_.add("errors", tls.recv(65536))
    with aviary.guarded.connect_plain():
        pass


def ask_the_worker(aviary: Aviary, heard_: Heard) -> None:
    """Come to the worker as strangers and with mistakes."""
    canaries = aviary.canaries
    auth = f'"auth":{{"user":"one","password":"{canaries.wrong_password}"}}'
    right = f'"auth":{{"user":"one","password":"{canaries.in_config}"}}'
    lines = [
        f'{{"harp":1,"procedure":"echo","arguments":["{canaries.sealed}"],{auth}}}',
        f'{{"harp":1,"procedure":"echo","arguments":["{canaries.sealed}"],{right}',
        f'{{"harp":1,"procedure":"echo","arguments":"{canaries.sealed}",{right}}}',
        f'{{"harp":1,"procedure":"nothing","arguments":["{canaries.sealed}"],{right}}}',
        f"POST / HTTP/1.1\r\nAuthorization: Basic {canaries.in_config}\r\n",
    ]
    context = client_context(aviary.worker_ca)
    for line in lines:
        with (
            socket.create_connection(aviary.harpd.tcp, 15) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as tls,
        ):
            tls.sendall(line.encode() + b"\n")
            heard_.add("errors", heard(tls))
    users = aviary.folder / "worker" / "users"
    good = users.read_text()
    for bad in (f"{good}{canaries.user_key}\n", f"{good}one:{canaries.user_key}\n"):
        users.write_text(bad)
        done = aviary.harpd.verb("reload")
        heard_.add("errors", done.stdout, done.stderr)
    users.write_text(good)


def make_mistakes(aviary: Aviary, heard_: Heard) -> None:
    """Check and reload configurations whose mistakes are beside secrets."""
    config = aviary.guarded.daemon.config
    good = config.read_text()
    password = f'"{aviary.canaries.in_config}"'
    for bad in (
        good.replace(f"password = {password}", f"passwort = {password}"),
        good.replace(f"password = {password}", f"password = [{password}]"),
        good.replace(f"password = {password}", f"password = {password[:-1]}"),
        good.replace('cert_file = "cert.pem"', 'cert_file = "key.pem"'),
        good.replace("token_sha256 = ", f'token = "{aviary.token}"\ntoken_sha256 = '),
        good.replace("token_sha256 = ", f'token_sha256 = "{aviary.token}"\n# '),
    ):
        assert bad != good
        config.write_text(bad)
        done = verb(aviary, heard_, "check", "--config", str(config), "--json")
        assert done.returncode == 1
        heard_.add("errors", done.stdout, reload(aviary))
    config.write_text(good)
    assert reload(aviary)["result"] == "ok"


def reload(aviary: Aviary) -> dict[str, Any]:
    """Return what the dispatcher answers when it is to read its configuration again."""
    with AdminClient(aviary.guarded.daemon.admin_socket, timeout_s=30) as client:
        return client.send("reload_config")


def ask_over_http(aviary: Aviary, heard_: Heard) -> None:
    """Ask for all there is, and show a token that nobody asked for."""
    token = aviary.token
    for path in ("/metrics", "/readyz", "/healthz", f"/x?token={token}"):
        with socket.create_connection(web_address(aviary.guarded.daemon), 15) as sock:
            head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            sock.sendall(f"{head}Authorization: Bearer {token}\r\n\r\n".encode())
            heard_.add("http", heard(sock))
    assert "harpcaller_" in heard_.said["http"]


def administer(aviary: Aviary, heard_: Heard) -> None:
    """Look at everything that an administrator can look at."""
    backup = aviary.folder / "backup.db"
    for words in (
        ("list", "--all"),
        ("status", "--json"),
        ("queue-list", "--json"),
        ("hosts-list",),
        ("version", "--json"),
        ("check-store", "--json"),
        ("backup", str(backup), "--json"),
    ):
        heard_.add(ADMIN, verb(aviary, heard_, *words).stdout)
    heard_.add("the backup", backup.read_bytes().decode(errors="replace"))
    for words in (("status", "--json"), ("version",), ("kill", "12345")):
        done = aviary.harpd.verb(*words)
        heard_.add(ADMIN, done.stdout)
        heard_.add("errors", done.stderr)


def modes_of(aviary: Aviary) -> dict[str, str]:
    """Return the kinds and rights of what the daemons have made."""
    daemon = aviary.guarded.daemon
    places = [daemon.state_dir, *daemon.state_dir.rglob("*"), daemon.call_socket]
    places += [daemon.admin_socket, aviary.harpd.path, aviary.harpd.admin]
    places.append(aviary.folder / "backup.db")
    return {
        str(place.relative_to(aviary.folder)): stat.filemode(place.stat().st_mode)
        for place in places
    }


SECRETS = sorted({*Canaries().secret(), "token", "dispatcher_key", "worker_key"})


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_comes_out_nowhere(told: Heard, name: str) -> None:
    """Not even where only administrators look: what they see is copied elsewhere."""
    secret = told.canaries.secret()[name]

    found = [where for where, text in told.said.items() if secret in text]

    assert found == []


def test_arguments_and_results_come_out_where_they_are_asked_for(told: Heard) -> None:
    """Who may read a job sees them; who reads logs, metrics or /proc does not."""
    found = {w for w, text in told.said.items() if told.canaries.argument in text}

    assert found == {RESULTS, ADMIN, "the backup", "the store"}


def test_everything_was_driven(told: Heard) -> None:
    """A search in nothing finds nothing."""
    assert told.said.keys() == PLACES
    for where, text in told.said.items():
        assert text.strip(), where
    events = {
        json.loads(line)["event"] for line in told.said[LOGS[0]].split("\n") if line
    }
    assert events >= {"job.ended", "token.refused", "daemon.stopped"}


def test_nobody_else_may_open_what_the_daemons_made(told: Heard) -> None:
    """The folder 0700, the files 0600, the sockets 0660 at most."""
    state = {name: mode for name, mode in told.modes.items() if "state" in name}

    assert set(state.values()) == {"drwx------", "-rw-------"}
    others = {mode for name, mode in told.modes.items() if name not in state}
    assert others <= {"srw-rw----", "srw-------", "-rw-------"}
