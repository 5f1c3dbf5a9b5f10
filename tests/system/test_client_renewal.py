"""Identities and certificates that are replaced while clients are connected."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trustme
from dispatching import a_dispatcher
from guarded_daemon import write_certificate
from scripted_runner import ScriptedRunner
from visit import HELLO

from harpcaller.addresses import TcpAddress, TlsAddress
from harpcaller.front.conversation import Bounds
from harpcaller.front.listen import Caps, Front
from harpcaller.front.session import Terms
from harpcaller.front.sockets import open_listeners
from harpcaller.identities.identity import Identity, Proofs
from harpcaller.identities.known import Identities
from harpcaller.identities.reception import Reception
from harpcaller.identities.tls import CertificateError, ClientTls, TlsFiles
from harpcaller.identities.tokens import digest_of, new_token
from harpcaller.roles import Role

READ = b'{"harpcaller":1,"get_status":"00000000-0000-7000-8000-000000000000"}\n'


@asynccontextmanager
async def a_front(reception: Reception) -> AsyncIterator[int]:
    """Serve on a TLS port of loopback while the block runs."""
    listenings = await open_listeners([TlsAddress(TcpAddress("127.0.0.1", 0))])
    async with (
        a_dispatcher(ScriptedRunner()) as dispatcher,
        trio.open_nursery() as all_,
    ):
        terms = Terms(bounds=Bounds(), hello=HELLO)
        front = Front(dispatcher, terms, Caps(max_connections=10), reception)
        all_.start_soon(front.keep_time)
        all_.start_soon(front.serve, listenings, all_)
        yield listenings[0].sock.getsockname()[1]
        all_.cancel_scope.cancel()
    for listening in listenings:
        listening.close()


async def connect(port: int, ca: trustme.CA) -> trio.SSLStream[trio.SocketStream]:
    """Return a connection of a client that believes `ca`."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    plain = await trio.open_tcp_stream("127.0.0.1", port)
    stream = trio.SSLStream(plain, context, server_hostname="127.0.0.1")
    await stream.do_handshake()
    return stream


async def ask(stream: trio.SSLStream[trio.SocketStream], line: bytes) -> bytes:
    """Return the answer to one line."""
    await stream.send_all(line)
    return bytes(await stream.receive_some())


def files(folder: Path) -> TlsFiles:
    """Return where the certificate is."""
    return TlsFiles(cert_file=folder / "cert.pem", key_file=folder / "key.pem")


async def test_a_new_certificate_is_shown_to_the_next_client(tmp_path: Path) -> None:
    """Those who are connected go on; a file that is broken changes nothing."""
    old, new = trustme.CA(), trustme.CA()
    write_certificate(old, tmp_path)
    reception = Reception(tls=ClientTls(files(tmp_path)))

    async with a_front(reception) as port:
        first = await connect(port, old)
        write_certificate(new, tmp_path)
        reception.renew((), ClientTls(files(tmp_path)))
        second = await connect(port, new)
        (tmp_path / "cert.pem").write_text("nonsense")
        with pytest.raises(CertificateError, match="not a certificate"):
            ClientTls(files(tmp_path))
        reception.renew((), None)
        third = await connect(port, new)
        for stream in (first, second, third):
            assert b"invalid_jobid" in await ask(stream, READ)
            await trio.aclose_forcefully(stream)


async def test_rights_that_are_taken_away_are_gone_at_once(tmp_path: Path) -> None:
    """Whoever is connected must not keep what he may not have any more."""
    ca, token = trustme.CA(), new_token()
    write_certificate(ca, tmp_path)
    me = Identity(
        name="me",
        roles=frozenset({Role.READ}),
        proofs=Proofs(token_digests=(digest_of(token),)),
    )
    other = Identity(name="other", roles=frozenset(), proofs=Proofs(uids=(7,)))
    tls = ClientTls(files(tmp_path))
    reception = Reception(Identities([me], is_required=True), tls)

    async with a_front(reception) as port:
        stream = await connect(port, ca)
        hello = b'{"harpcaller":1,"hello":{"token":"%b"}}\n' % token.encode()
        assert b'"identity":"me"' in await ask(stream, hello)
        assert b"invalid_jobid" in await ask(stream, READ)
        reception.renew([other], tls, is_required=True)
        assert b"unauthorized" in await ask(stream, READ)
        await trio.aclose_forcefully(stream)
