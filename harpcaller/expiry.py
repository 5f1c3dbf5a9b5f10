"""Which certificates have expired or soon will, as the standard library can tell.

It parses no certificate at will: those of authorities are listed by a context that
believes them, and our own is shown in a handshake with ourselves, in memory.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

SOON_S = 30 * 24 * 3600
_HAS_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED: openssl/x509_vfy.h
_FLIGHTS = 4  # of a handshake; TLS 1.2 needs as many


def authorities_expiring(ca_file: Path) -> Iterator[str]:
    """Give a sentence for each authority in the file that believes no longer, or soon.

    Raises:
        OSError: the file cannot be read, or not as certificates (`ssl.SSLError`).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca_file)
    for certificate in context.get_ca_certs():
        sentence = _sentence(certificate)
        if sentence is not None:
            yield f"{_name_of(certificate)}: {sentence}"


def own_expiring(cert_file: Path, key_file: Path) -> str | None:
    """Return a sentence if our own certificate has expired, or soon will.

    What else may be wrong with it is for those to judge who connect.
    """
    try:
        certificate = _own_certificate(cert_file, key_file)
    except ssl.SSLCertVerificationError as error:
        return "it has expired" if error.verify_code == _HAS_EXPIRED else None
    except ssl.SSLError:
        return None
    return _sentence(certificate)


def _own_certificate(cert_file: Path, key_file: Path) -> Mapping[str, Any]:
    """Return our certificate as one who believes it, and no other, sees it."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert_file, key_file, password="")
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(cert_file)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there)
    showing = server.wrap_bio(there, back, server_side=True)
    for _ in range(_FLIGHTS):
        for side in (asking, showing):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return asking.getpeercert() or {}


def _sentence(certificate: Mapping[str, Any]) -> str | None:
    if "notAfter" not in certificate:
        return None
    ends_at = ssl.cert_time_to_seconds(certificate["notAfter"])
    left_s = ends_at - time.time()
    if left_s > SOON_S:
        return None
    if left_s <= 0:
        return "it has expired"
    return f"it expires on {time.strftime('%Y-%m-%d', time.gmtime(ends_at))}"


def _name_of(certificate: Mapping[str, Any]) -> str:
    """Return the most telling part of the subject."""
    subject = dict(pair for part in certificate["subject"] for pair in part)
    for key in ("commonName", "organizationName"):
        if key in subject:
            return str(subject[key])
    return f"number {certificate['serialNumber']}"
