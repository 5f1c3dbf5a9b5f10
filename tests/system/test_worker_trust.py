"""Whom the dispatcher believes: real TLS handshakes with good and bad workers."""

from __future__ import annotations

import datetime
import socket
import ssl
from pathlib import Path

import pytest
import trio
import trustme
from calling import (
    ANSWER,
    ONE,
    Notes,
    a_claim,
    a_host,
    a_runner,
    answer,
    code_of,
)
from fake_worker import (
    FakeWorker,
    Wire,
    open_fake_worker,
    server_context,
)

from harpcaller.hosts.registry import Registry
from harpcaller.runners.harp import HarpRunner
from harpcaller.runners.tls import TrustError, WorkerTls
from protocol.outcome import Failed, Outcome


@pytest.fixture
def ca(tmp_path: Path) -> trustme.CA:
    """Return an authority whose certificate is in `ca.pem`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return authority


def write_known(path: Path, *certificates: trustme.LeafCert) -> Path:
    """Write the list of known certificates."""
    path.write_bytes(
        b"# known\n" + b"".join(one.cert_chain_pems[0].bytes() for one in certificates)
    )
    return path


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return the context of a worker with that certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


async def call(worker: FakeWorker, tls: WorkerTls, name: str | None = None) -> Outcome:
    """Return how one call ends."""
    async with a_runner(a_host(worker, name), tls) as runner:
        return await runner.carry_out(a_claim("w"), Notes().progress)


async def test_a_worker_of_another_authority_is_told_nothing(tmp_path: Path) -> None:
    """Credentials go to nobody who is not known."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = WorkerTls.load(ca_file=tmp_path / "ca.pem")
    async with open_fake_worker(answer, tls=server_context(trustme.CA())) as worker:
        outcome = await call(worker, tls)

    assert code_of(outcome) == ("network_error", "ssl")
    assert isinstance(outcome, Failed)
    assert "certificate not accepted" in outcome.message
    assert worker.requests == []


@pytest.mark.parametrize("verify_hostname", [True, False])
async def test_a_name_is_verified_unless_told_otherwise(
    ca: trustme.CA, tmp_path: Path, verify_hostname: bool
) -> None:
    """One worker's certificate must not open every other worker's credentials."""
    tls = WorkerTls.load(ca_file=tmp_path / "ca.pem", verify_hostname=verify_hostname)
    context = server_context(ca, "other.example.net")
    async with open_fake_worker(answer, tls=context) as worker:
        outcome = await call(worker, tls)

    if verify_hostname:
        assert code_of(outcome) == ("network_error", "ssl")
        assert worker.requests == []
    else:
        assert outcome == ONE


async def test_a_chain_is_verified_even_where_names_are_not(tmp_path: Path) -> None:
    """`verify_hostname = false` is for old names, not for strangers."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = WorkerTls.load(ca_file=tmp_path / "ca.pem", verify_hostname=False)
    async with open_fake_worker(answer, tls=server_context(trustme.CA())) as worker:
        outcome = await call(worker, tls)

    assert code_of(outcome) == ("network_error", "ssl")


async def test_the_certificate_may_bear_another_name(
    ca: trustme.CA, tmp_path: Path
) -> None:
    """A host known by its address still has a name, and it is verified."""
    tls = WorkerTls.load(ca_file=tmp_path / "ca.pem")
    context = server_context(ca, "other.example.net")
    async with open_fake_worker(answer, tls=context) as worker:
        outcome = await call(worker, tls, "other.example.net")

    assert outcome == ONE


async def test_an_expired_certificate_is_not_accepted(
    ca: trustme.CA, tmp_path: Path
) -> None:
    """It is what certificates have an end for."""
    past = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)
    tls = WorkerTls.load(ca_file=tmp_path / "ca.pem")
    certificate = ca.issue_cert("127.0.0.1", not_after=past)
    async with open_fake_worker(answer, tls=context_of(certificate)) as worker:
        outcome = await call(worker, tls)

    assert code_of(outcome) == ("network_error", "ssl")


async def test_a_known_certificate_is_accepted_whoever_signed_it(
    tmp_path: Path,
) -> None:
    """Self-signed, for another name, expired: it is that worker's own."""
    past = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)
    certificate = trustme.CA().issue_cert("other.example.net", not_after=past)
    tls = WorkerTls.load(
        known_certs_file=write_known(tmp_path / "known.pem", certificate)
    )
    async with open_fake_worker(answer, tls=context_of(certificate)) as worker:
        assert await call(worker, tls) == ONE


async def test_another_certificate_of_the_same_authority_is_not_known(
    ca: trustme.CA, tmp_path: Path
) -> None:
    """Known is the certificate, not who signed it."""
    known = write_known(tmp_path / "known.pem", ca.issue_cert("127.0.0.1"))
    tls = WorkerTls.load(known_certs_file=known)
    async with open_fake_worker(answer, tls=server_context(ca)) as worker:
        outcome = await call(worker, tls)

    assert code_of(outcome) == ("network_error", "ssl")
    assert worker.requests == []


@pytest.mark.parametrize("which", ["known", "signed", "neither"])
async def test_with_both_files_either_is_enough(
    ca: trustme.CA, tmp_path: Path, which: str
) -> None:
    """Old workers are listed while new ones are signed."""
    pinned = trustme.CA().issue_cert("old.example.net")
    tls = WorkerTls.load(
        ca_file=tmp_path / "ca.pem",
        known_certs_file=write_known(tmp_path / "known.pem", pinned),
    )
    certificates = {
        "known": pinned,
        "signed": ca.issue_cert("127.0.0.1"),
        "neither": trustme.CA().issue_cert("127.0.0.1"),
    }
    context = context_of(certificates[which])
    async with open_fake_worker(answer, tls=context) as worker:
        first = await call(worker, tls)
        tried = worker.connections
        again = await call(worker, tls)

    if which == "neither":
        assert code_of(first) == code_of(again) == ("network_error", "ssl")
        assert worker.requests == []
    else:
        assert first == again == ONE
        assert tried == (1 if which == "known" else 2)
        assert worker.connections == tried + 1  # what worked is remembered


async def test_without_files_anybody_is_believed() -> None:
    """The original's behaviour; it is warned of."""
    tls = WorkerTls.load()
    context = server_context(trustme.CA(), "other.example.net")
    async with open_fake_worker(answer, tls=context) as worker:
        assert await call(worker, tls) == ONE

    assert "any worker is believed" in tls.warnings[0]


async def test_a_session_of_tls_1_2_is_resumed() -> None:
    """Old workers close after each call: half a handshake is saved."""
    reused: list[bool] = []

    async def script(wire: Wire, line: bytes) -> None:
        assert isinstance(wire.stream, trio.SSLStream)
        reused.append(wire.stream.session_reused)
        await wire.send_all(ANSWER)

    context = server_context(trustme.CA())
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with (
        open_fake_worker(script, tls=context) as worker,
        a_runner(a_host(worker)) as runner,
    ):
        for _ in range(2):
            assert await runner.carry_out(a_claim("w"), Notes().progress) == ONE

    assert reused == [False, True]


async def test_a_worker_that_forgot_the_session_is_no_matter() -> None:
    """It was restarted, with a new key for its tickets."""
    runner_tls = WorkerTls.load()
    certificate = trustme.CA().issue_cert("127.0.0.1")
    contexts = [context_of(certificate), context_of(certificate)]
    for context in contexts:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with open_fake_worker(answer, tls=contexts[0]) as worker:
        host = a_host(worker)
        runner = HarpRunner(Registry([host]), runner_tls)
        first = await runner.carry_out(a_claim("w"), Notes().progress)
    listener = trio.socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    await listener.bind(("127.0.0.1", worker.port))
    listener.listen()

    async with trio.open_nursery() as nursery:

        async def serve_once() -> None:
            accepted, _ = await listener.accept()
            stream = trio.SSLStream(
                trio.SocketStream(accepted), contexts[1], server_side=True
            )
            await stream.receive_some(65536)
            await stream.send_all(ANSWER)
            accepted.close()

        nursery.start_soon(serve_once)
        second = await runner.carry_out(a_claim("w"), Notes().progress)
    listener.close()

    assert (first, second) == (ONE, ONE)


@pytest.mark.parametrize("key", ["ca_file", "known_certs_file"])
@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nx\n"])
def test_a_file_without_certificates_is_refused(
    tmp_path: Path, key: str, content: bytes | None
) -> None:
    """An empty list must not mean that anybody is believed."""
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(TrustError) as caught:
        WorkerTls.load(**{key: path})  # type: ignore[arg-type]  # one of the two files

    assert caught.value.key == key
