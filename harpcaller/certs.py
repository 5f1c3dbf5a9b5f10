"""Makes certificates for laboratories: an authority, and what it signs."""

from __future__ import annotations

import datetime
import errno
import ipaddress
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_SLOW_CLOCKS = datetime.timedelta(hours=1)  # those of other machines
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_EMAIL = re.compile(rf"[A-Za-z0-9_.+-]+@{_HOST.pattern}")
_MAX_COMMON_NAME = 64  # RFC 5280, ub-common-name


class WrongName(Exception):
    """No certificate can bear that name."""


@attrs.frozen(kw_only=True)
class Wanted:
    """Whom to make certificates for, and how long they are good.

    `hosts` are host names and IP addresses, `clients` host names and e-mail addresses.
    """

    hosts: Sequence[str]
    clients: Sequence[str]
    days: int


@attrs.frozen
class _Pair:
    """A certificate and its key, and the names of their files."""

    name: str
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def files(self) -> Iterator[tuple[str, int, bytes]]:
        """Yield name, mode and text of each file: the certificate, then the key."""
        yield f"{self.name}.pem", 0o644, self.certificate.public_bytes(Encoding.PEM)
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        yield f"{self.name}.key", 0o600, key


def generate(directory: Path, wanted: Wanted) -> Sequence[Path]:
    """Write an authority and what it signs into `directory`; return the new files.

    `ca`, the name of each host and `client-` with the name of each client, as `.pem`
    and as `.key`; keys can be read by their owner only. Nothing is written if one of
    the files exists.

    Raises:
        WrongName: a name is of none of the kinds, or given twice.
        OSError: a file exists or cannot be written.
    """
    pairs = list(_pairs(wanted))
    files = [file for pair in pairs for file in pair.files()]
    names = [name for name, _, _ in files]
    for name in names:
        if names.count(name) > 1:
            raise WrongName(f"{name} would be written twice")
        if (directory / name).exists():
            raise FileExistsError(errno.EEXIST, "exists already", directory / name)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, mode, text in files:
        _write_new(directory / name, mode, text)
    return [directory / name for name in names]


def _pairs(wanted: Wanted) -> Iterator[_Pair]:
    authority = _authority(wanted.days)
    yield authority
    for host in wanted.hosts:
        usage = ExtendedKeyUsageOID.SERVER_AUTH
        yield _signed(authority, host, _host_name(host), usage, wanted.days)
    for client in wanted.clients:
        usage = ExtendedKeyUsageOID.CLIENT_AUTH
        name = _client_name(client)
        pair = _signed(authority, client, name, usage, wanted.days)
        yield attrs.evolve(pair, name=f"client-{client}")


def _authority(days: int) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject("HarpCaller laboratory CA")
    builder = (
        _builder(subject, key, days)
        .issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(is_authority=True), critical=True)
    )
    return _Pair("ca", builder.sign(key, hashes.SHA256()), key)


def _signed(
    authority: _Pair,
    text: str,
    name: x509.GeneralName,
    usage: x509.ObjectIdentifier,
    days: int,
) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(
        authority.key.public_key()
    )
    builder = (
        _builder(_subject(text), key, days)
        .issuer_name(authority.certificate.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(issuer_key, critical=False)
    )
    return _Pair(text, builder.sign(authority.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    own_key = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLOW_CLOCKS)
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(own_key, critical=False)
    )


def _subject(text: str) -> x509.Name:
    common = text[:_MAX_COMMON_NAME]
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _host_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    if _HOST.fullmatch(text):
        return x509.DNSName(text)
    raise WrongName(f"expected a host name or an IP address, not {text}")


def _client_name(text: str) -> x509.GeneralName:
    if _EMAIL.fullmatch(text):
        return x509.RFC822Name(text)
    if _HOST.fullmatch(text):
        return x509.DNSName(text)
    raise WrongName(
        f"expected a client's name such as ci or me@example.net, not {text}"
    )


def _write_new(path: Path, mode: int, text: bytes) -> None:
    """Write a file that was not there; nobody else sees a key meanwhile."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
