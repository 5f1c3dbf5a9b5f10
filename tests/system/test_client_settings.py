"""What the configuration says about clients: what it refuses, and the way out."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from guarded_daemon import with_token, write_certificate

from harpcaller.addresses import TcpAddress, TlsAddress
from harpcaller.config import Config, ConfigError, load_config
from harpcaller.config.clients import tls_files
from harpcaller.identities.known import Identities
from harpcaller.roles import Role

FILES = 'cert_file = "cert.pem"\nkey_file = "key.pem"\n'
CA = 'client_ca_file = "client-ca.pem"\n'
EVERYWHERE = 'listen = "tls:*:3503"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with certificates."""
    ca = trustme.CA()
    write_certificate(ca, tmp_path)
    ca.cert_pem.write_to_path(tmp_path / "client-ca.pem")
    return tmp_path


def load(folder: Path, text: str) -> Config:
    """Return the configuration that `text` is."""
    path = folder / "harpcaller.toml"
    path.write_text(text)
    path.chmod(0o600)
    return load_config(path)


def complaint(folder: Path, text: str) -> str:
    """Return what is wrong with a configuration."""
    with pytest.raises(ConfigError) as raised:
        load(folder, text)
    return str(raised.value)


def test_a_listener_may_speak_tls(folder: Path) -> None:
    """Files are found from the folder of the configuration."""
    config = load(folder, 'listen = ["[::1]:1", "tls:[::1]:2"]\n' + FILES)

    assert config.listen == (TcpAddress("::1", 1), TlsAddress(TcpAddress("::1", 2)))
    assert [str(address) for address in config.listen] == ["[::1]:1", "tls:[::1]:2"]
    files = tls_files(config)
    assert files is not None
    assert (files.cert_file, files.key_file) == (
        folder / "cert.pem",
        folder / "key.pem",
    )


@pytest.mark.parametrize("way", ["certificates", "tokens", "unasked"])
def test_there_are_ways_to_be_reached_from_other_machines(
    folder: Path, way: str
) -> None:
    """Each of those that the refusal names."""
    table, _ = with_token("me", '["read"]')
    text = {
        "certificates": EVERYWHERE + FILES + CA,
        "tokens": EVERYWHERE + FILES + table,
        "unasked": 'listen = "*:3502"\ninsecure_no_auth = true\n' + table,
    }[way]

    assert load(folder, text).listen


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (EVERYWHERE + FILES, "set client_ca_file, or [identities.NAME] with tokens"),
        (EVERYWHERE + CA, "needs cert_file"),
        (CA, 'client_ca_file: not without "cert_file"'),
        ('listen = "*:3502"', "or on tls:*:3502, with client_ca_file"),
        ('listen = "tls:unix:/x"', "listen: expected"),
        ("require_identity = true", "require_identity: nobody can"),
        ('cert_file = "client-ca.pem"', "cert_file: not a certificate with its key"),
        ('cert_file = "nowhere.pem"', "cert_file: certificate or key cannot be read"),
        (FILES + 'client_ca_file = "key.pem"', "client_ca_file: holds no certificate"),
    ],
)
def test_what_leaves_clients_unasked_is_refused_with_the_way_out(
    folder: Path, text: str, told: str
) -> None:
    """A dispatcher that starts must not be open by mistake."""
    assert told in complaint(folder, text)


def test_tokens_in_clear_to_other_machines_are_refused(folder: Path) -> None:
    """Whoever listens in between would have them."""
    table, _ = with_token("me", '["read"]')

    assert "sent there in clear: listen on tls:*:3502" in complaint(
        folder, f'listen = "*:3502"\n{table}'
    )


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('roles = ["read"]', 'expected one of "token_sha256"'),
        ("uid = 1", 'expected "roles"'),
        ('uid = 1\nroles = ["root"]', 'roles: expected a list of "submit"'),
        ('uid = 1\nroles = ["read"]\nhost = ["a"]', 'did you mean "hosts"?'),
        ('uid = -1\nroles = ["read"]', "uid: expected an integer"),
        ('user = "no such user"\nroles = ["read"]', "there is no user of this name"),
        ('group = 7\nroles = ["read"]', "expected the name of a group"),
        ('token_sha256 = "canary"\nroles = ["read"]', "64 hexadecimal digits"),
        ('token_file = "short"\nroles = ["read"]', "at least 32 ASCII characters"),
        ('certificate = "a"\nroles = ["read"]', 'not without "client_ca_file"'),
    ],
)
def test_a_wrong_table_is_told_without_its_secrets(
    folder: Path, table: str, told: str
) -> None:
    """One sentence, which names the key."""
    (folder / "short").write_text("canary")
    (folder / "short").chmod(0o600)

    message = complaint(folder, f"[identities.me]\n{table}\n")

    assert "identities.me" in message
    assert told in message
    assert "canary" not in message


def test_a_proof_of_two_is_refused(folder: Path) -> None:
    """Nobody could say who that is; and nobody is called anonymous."""
    one = '[identities.one]\nuid = 7\nroles = ["read"]\n'

    assert 'the same user as "one"' in complaint(
        folder, one + one.replace("one", "two")
    )
    assert "see require_identity" in complaint(folder, one.replace("one", "anonymous"))


def test_a_table_becomes_an_identity(folder: Path) -> None:
    """A token in a file proves the same as a digest; names of users are looked up."""
    table, token = with_token("digest", '["read"]', 'hosts = ["web*"]')
    kept = folder / "token"
    assert new_token("--file", str(kept)).count("\n") == 1
    assert kept.stat().st_mode & 0o777 == 0o600
    user = pwd.getpwuid(os.geteuid()).pw_name
    table += (
        f'[identities.file]\ntoken_file = "token"\nuser = "{user}"\nroles = ["admin"]'
    )

    config = load(folder, table)

    identities = Identities(config.identities)
    by_digest, by_file = (
        identities.by_token(token),
        identities.by_token(kept.read_text().strip()),
    )
    assert by_digest is not None
    assert (by_digest.name, by_digest.hosts) == ("digest", ["web*"])
    assert by_file is not None
    assert by_file.has(Role.CANCEL)
    assert identities.by_peer(os.geteuid(), ()) is by_file
    assert token not in repr(config)


def test_a_new_token_comes_with_the_line_that_makes_it_known(folder: Path) -> None:
    """One is for the client, the other for the configuration."""
    token, line = new_token().splitlines()

    [identity] = load(folder, f'[identities.me]\nroles = ["read"]\n{line}').identities

    assert Identities([identity]).by_token(token) is identity


def new_token(*words: str) -> str:
    """Return what `harpcallerd new-token` prints."""
    command = [sys.executable, "-m", "harpcaller", "new-token", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
