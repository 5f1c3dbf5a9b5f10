"""What a reload may change, and what it has to keep."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from guarded_daemon import write_certificate
from trustme import CA

from harpcaller.addresses import TcpAddress, TlsAddress
from harpcaller.config import Config, ConfigError
from harpcaller.identities.identity import Identity, Proofs
from harpcaller.identities.tokens import digest_of, new_token
from harpcaller.renewal import AT_START, Renewal, Renewed
from harpcaller.roles import Role

PUBLIC = TlsAddress(TcpAddress("192.0.2.1", 3502))
HAND_DOWN = {"source", "warnings"}


@pytest.fixture(name="guarded")
def fixture_guarded(tmp_path: Path) -> Config:
    """Return a configuration with an address that strangers can reach by TLS."""
    write_certificate(CA(), tmp_path)
    proofs = Proofs(token_digests=(digest_of(new_token()),))
    someone = Identity(name="someone", proofs=proofs, roles=frozenset({Role.READ}))
    return Config(
        listen=(PUBLIC,),
        cert_file=tmp_path / "cert.pem",
        key_file=tmp_path / "key.pem",
        identities=(someone,),
    )


async def test_a_listener_that_stays_keeps_its_guard(guarded: Config) -> None:
    """The file may name another listener, which is opened at the next start only."""
    renewed: list[Renewed] = []
    open_one = Config(listen=(TcpAddress("127.0.0.1", 3502),))
    renewal = Renewal(guarded, lambda: open_one, renewed.append)

    with pytest.raises(ConfigError, match="clients there are not asked who they are"):
        await renewal.renew()

    assert renewed == []
    assert renewal.config is guarded


async def test_what_needs_a_restart_is_named_and_kept(guarded: Config) -> None:
    """All else is handed on."""
    renewed: list[Renewed] = []
    other = attrs.evolve(
        guarded, listen=(TcpAddress("127.0.0.1", 1),), max_queued=1, linger_s=7.0
    )
    renewal = Renewal(guarded, lambda: other, renewed.append)

    assert await renewal.renew() == ["listen", "max_queued"]

    [handed] = renewed
    assert handed.config == attrs.evolve(guarded, linger_s=7.0)
    assert handed.client_tls is not None
    assert renewal.config == handed.config


def test_what_is_kept_are_settings() -> None:
    """A misspelt one would be changed in silence."""
    assert AT_START.keys() <= attrs.fields_dict(Config).keys() - HAND_DOWN
