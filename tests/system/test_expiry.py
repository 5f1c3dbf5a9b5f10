"""`harpcallerd check` tells of certificates before their end is an outage."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

NOW = datetime.datetime.now(datetime.UTC)


def in_days(days: float) -> datetime.datetime:
    """Return the moment so many days from now."""
    return NOW + datetime.timedelta(days=days)


def warnings_of(folder: Path, text: str, *more: str) -> str:
    """Return what `check` warns of in a configuration that is right."""
    config = folder / "harpcaller.toml"
    config.write_text(f'state_dir = "state"\nlisten = ["unix:{folder}/calls"]\n{text}')
    done = subprocess.run(
        [sys.executable, "-m", "harpcaller", "check", "--config", str(config), *more],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def write_own(folder: Path, ends: datetime.datetime) -> str:
    """Write a certificate with its key; return the lines that name them."""
    authority = trustme.CA()
    own = authority.issue_cert("a.example", not_before=in_days(-400), not_after=ends)
    own.private_key_pem.write_to_path(folder / "key.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    pems = [pem.bytes() for pem in own.cert_chain_pems]
    (folder / "cert.pem").write_bytes(b"".join(pems))
    return 'cert_file = "cert.pem"\nkey_file = "key.pem"\nca_file = "ca.pem"\n'


def signed_by_itself(
    name: str, ends: datetime.datetime, extension: x509.ExtensionType
) -> tuple[bytes, bytes]:
    """Return a certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(in_days(-400))
        .not_valid_after(ends)
        .add_extension(extension, critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return certificate.public_bytes(pem), key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (-1, "warning: cert_file: it has expired\n"),
        (20, f"warning: cert_file: it expires on {in_days(20):%Y-%m-%d}\n"),
        (40, ""),
    ],
)
def test_our_own_certificate_is_looked_at(tmp_path: Path, days: int, told: str) -> None:
    """On the day itself every client would be turned away."""
    assert warnings_of(tmp_path, write_own(tmp_path, in_days(days))) == told


@pytest.mark.parametrize("key", ["ca_file", "client_ca_file"])
def test_every_authority_is_looked_at(tmp_path: Path, key: str) -> None:
    """One file may hold many, and one of them is forgotten."""
    text = write_own(tmp_path, in_days(400))
    authority = x509.BasicConstraints(ca=True, path_length=None)
    pems = [
        signed_by_itself(name, in_days(days), authority)[0]
        for name, days in (("old", -1), ("ageing", 29), ("young", 31))
    ]
    (tmp_path / "some.pem").write_bytes(b"".join(pems))
    text = text.replace('ca_file = "ca.pem"\n', "") + f'{key} = "some.pem"\n'
    text += 'ca_file = "ca.pem"\n' if key == "client_ca_file" else ""

    told = warnings_of(tmp_path, text, "--json")

    assert [json.loads(line)["warning"] for line in told.splitlines()] == [
        f"{key}: old: it has expired",
        f"{key}: ageing: it expires on {in_days(29):%Y-%m-%d}",
    ]


def test_what_else_is_wrong_with_a_certificate_is_not_said_here(
    tmp_path: Path,
) -> None:
    """One that is for clients alone would fail later, and is no crash now."""
    text = write_own(tmp_path, in_days(400))
    for_clients = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    certificate, key = signed_by_itself("a.example", in_days(400), for_clients)
    (tmp_path / "cert.pem").write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(key)

    assert warnings_of(tmp_path, text) == ""
