"""What the settings say about clients together: who is asked, and where not."""

from __future__ import annotations

from collections.abc import Iterable

from harpcaller.addresses import ListenAddress, TlsAddress
from harpcaller.config.problems import Problem
from harpcaller.config.values import Config
from harpcaller.identities.known import Identities
from harpcaller.identities.tls import CertificateError, ClientTls, TlsFiles

_OPEN_TO_ALL = (
    "{} can be reached from other machines, and clients there are not asked who they "
    "are: listen on 127.0.0.1, [::1] or unix:/PATH; or on tls:{}, with client_ca_file "
    "or [identities.NAME] with tokens; or set insecure_no_auth = true"
)
_TOKENS_IN_CLEAR = (
    "{} can be reached from other machines, and tokens would be sent there in clear: "
    "listen on tls:{}, or set insecure_no_auth = true"
)
_TLS_TO_ALL = (
    "{} can be reached from other machines, and clients there are not asked who they "
    "are: set client_ca_file, or [identities.NAME] with tokens, or "
    "insecure_no_auth = true"
)
_NO_CA = 'not without "client_ca_file": clients are not asked for certificates'


def identities_of(config: Config) -> Identities:
    """Return the identities in force."""
    return Identities(config.identities, is_required=config.require_identity)


def client_tls(config: Config) -> ClientTls | None:
    """Return how TLS is spoken with clients, if it is.

    Raises:
        CertificateError: a file cannot be used.
    """
    files = tls_files(config)
    return None if files is None else ClientTls(files)


def tls_files(config: Config) -> TlsFiles | None:
    """Return the files that TLS with clients needs, if there are any."""
    if config.cert_file is None:
        return None
    return TlsFiles(
        cert_file=config.cert_file,
        key_file=config.key_file,
        client_ca_file=config.client_ca_file,
        may_show_none=_has_tokens(config),
    )


def complain_of_clients(config: Config) -> list[Problem]:
    """Return what does not go together, but for the addresses."""
    problems = [
        Problem(key=key, message='not without "cert_file"')
        for key in ("key_file", "client_ca_file")
        if getattr(config, key) is not None and config.cert_file is None
    ]
    if config.require_identity and not _may_anybody_prove(config):
        message = "nobody can: set [identities.NAME] or client_ca_file"
        problems.append(Problem(key="require_identity", message=message))
    if config.client_ca_file is None:
        problems += [
            Problem(key=f"identities.{one.name}.certificate", message=_NO_CA)
            for one in config.identities
            if one.proofs.certificates
        ]
    try:
        client_tls(config)
    except CertificateError as error:
        problems.append(Problem(key=error.key, message=str(error)))
    return problems


def complain_of_listeners(config: Config) -> list[Problem]:
    """Return a problem for each address that strangers could reach unasked."""
    listeners = {
        "listen": config.listen,
        "http.listen": config.http_listen,
        "websocket.listen": config.websocket_listen,
    }
    return [
        Problem(key=key, message=message)
        for key, addresses in listeners.items()
        for address in addresses
        for message in _complaints(address, config)
    ]


def _complaints(address: ListenAddress, config: Config) -> Iterable[str]:
    is_tls = isinstance(address, TlsAddress)
    if is_tls and config.cert_file is None:
        yield f"{address} needs cert_file: the certificate that clients are shown"
    if address.is_loopback or config.insecure_no_auth:
        return
    if is_tls:
        if config.client_ca_file is None and not _has_tokens(config):
            yield _TLS_TO_ALL.format(address)
    elif _has_tokens(config):
        yield _TOKENS_IN_CLEAR.format(address, address)
    else:
        yield _OPEN_TO_ALL.format(address, address)


def _has_tokens(config: Config) -> bool:
    return any(identity.proofs.token_digests for identity in config.identities)


def _may_anybody_prove(config: Config) -> bool:
    return bool(config.identities) or config.client_ca_file is not None
