"""TLS of a server: which versions, which clients, and files that change while it serves."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.certificates import Authority, Pair
from tests.serving.client import Client, post, shut_out, until
from vedette.serving.limits import Limits
from vedette.serving.message import Reply, Request
from vedette.serving.server import Server
from vedette.serving.tls import BadCertificates, Certificates, TlsFiles, subject

Start = Callable[[TlsFiles], Server]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that is trusted."""
    return Authority(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another one."""
    return Authority(tmp_path_factory.mktemp("theirs"), "other-ca")


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts servers that answer with the client's subject, and stops them after the test."""
    servers: list[Server] = []

    def starts(files: TlsFiles) -> Server:
        server = Server(
            "127.0.0.1",
            0,
            lambda request: Reply(200, request.subject.encode()),
            tls=files,
            limits=Limits(head_seconds=0.5),
            look_every=0.05,
        )
        server.start()
        servers.append(server)
        return server

    yield starts
    for server in servers:
        server.close(grace=1.0)


def trusting(authority: Authority, client: Pair | None = None) -> ssl.SSLContext:
    """A client's side."""
    context = ssl.create_default_context(cafile=authority.cert)
    if client:
        context.load_cert_chain(client.cert, client.key)
    return context


def test_a_client_is_served_over_tls(start: Start, ours: Authority) -> None:
    """Who trusts the authority is served, over TLS 1.2 or 1.3, and offers of HTTP/2 are turned down."""
    server = start(TlsFiles(*ours.server()))
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = trusting(ours)
        context.set_alpn_protocols(["h2", "http/1.1"])
        context.minimum_version = context.maximum_version = version
        with Client(server.port, context) as client:
            assert isinstance(client.socket, ssl.SSLSocket)
            assert client.socket.selected_alpn_protocol() == "http/1.1"
        assert post(server.port, b"", context=context).status == 200


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_old_tls_is_refused(start: Start, ours: Authority) -> None:
    """TLS 1.1 is not spoken."""
    server = start(TlsFiles(*ours.server()))
    context = trusting(ours)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    assert shut_out(server.port, context)
    until(lambda: server.refused["handshake"], "the handshake is counted")


def test_plain_http_is_refused_on_a_tls_port(start: Start, ours: Authority) -> None:
    """Who speaks HTTP without TLS, and who says nothing at all, is hung up on and counted."""
    server = start(TlsFiles(*ours.server()))
    with Client(server.port) as plain, Client(server.port) as silent:
        plain.send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        assert not plain.ends().startswith(b"HTTP/1.1 200")
        assert silent.ends() == b""
    until(lambda: server.refused["handshake"] == 2, "both are counted")
    assert post(server.port, b"", context=trusting(ours)).status == 200


def test_a_client_certificate_names_the_client(start: Start, ours: Authority, theirs: Authority) -> None:
    """A verified certificate gives the subject, none gives none, and another authority's fails the handshake."""
    server = start(TlsFiles(*ours.server(), ours.cert))
    admin = ours.client("/O=system:masters/CN=admin")
    assert post(server.port, b"", context=trusting(ours, admin)).body == b"O=system:masters, CN=admin"
    assert post(server.port, b"", context=trusting(ours)).body == b""
    assert shut_out(server.port, trusting(ours, theirs.client("/CN=admin")))


def test_a_server_certificate_is_no_client_certificate(start: Start, ours: Authority, theirs: Authority) -> None:
    """Where a certificate is demanded, a client without one fails the handshake, and one that may not be a client's."""
    server = start(TlsFiles(*ours.server(), ours.cert, demanded=True))
    assert post(server.port, b"", context=trusting(ours, ours.client("/CN=api"))).body == b"CN=api"
    assert shut_out(server.port, trusting(ours))
    until(lambda: server.refused["handshake"] >= 1, "the handshake is counted")


@pytest.fixture
def served(tmp_path: Path, ours: Authority) -> TlsFiles:
    """Copies of the files, to be changed."""
    files = TlsFiles(str(tmp_path / "tls.crt"), str(tmp_path / "tls.key"), str(tmp_path / "ca.crt"))
    put(files, ours)
    return files


def put(files: TlsFiles, authority: Authority) -> None:
    """Replace all files by an authority's, each by a rename."""
    pair = authority.server()
    for source, target in (
        (pair.cert, files.cert_file),
        (pair.key, files.key_file),
        (authority.cert, files.client_ca_file),
    ):
        shutil.copy(source, target + ".new")
        Path(target + ".new").rename(target)


def test_new_files_are_taken_up(start: Start, served: TlsFiles, ours: Authority, theirs: Authority) -> None:
    """After the files change new connections have the new certificate, and old clients' certificates are worth nothing."""
    server = start(served)
    old, new = ours.client("/CN=old"), theirs.client("/CN=new")
    with Client(server.port, trusting(ours, old)) as kept:
        kept.send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        assert kept.answer().body == b"CN=old"
        put(served, theirs)
        # A look may fall between two renames.
        until(lambda: not shut_out(server.port, trusting(theirs, new)), "the new files are in force")
        assert shut_out(server.port, trusting(ours, old))
        assert post(server.port, b"", context=trusting(theirs, new)).body == b"CN=new"
        assert shut_out(server.port, trusting(theirs, old))
        # The one from before may finish what it is about, and then has to prove itself anew.
        kept.send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        assert kept.answer().headers["connection"] == "close"
        assert kept.ends() == b""
    assert server.trouble == ""


@pytest.mark.parametrize("broken", ["", "no certificate", None])
def test_broken_files_keep_the_old_ones(start: Start, served: TlsFiles, ours: Authority, broken: str | None) -> None:
    """A new file that is empty, no PEM or gone leaves the old certificate in force, and is told until it is mended."""
    server = start(served)
    path = Path(served.cert_file)
    good = path.read_bytes()
    if broken is None:
        path.unlink()
    else:
        path.write_text(broken)
    until(lambda: server.trouble, "the trouble is told")
    assert served.cert_file in server.trouble
    assert post(server.port, b"", context=trusting(ours)).status == 200
    path.write_bytes(good)
    until(lambda: not server.trouble, "the trouble is over")
    assert post(server.port, b"", context=trusting(ours)).status == 200


def test_a_key_that_does_not_fit_is_told(served: TlsFiles, theirs: Authority) -> None:
    """The certificate of one and the key of another cannot be served, and the message names both."""
    shutil.copy(theirs.server().key, served.key_file)
    with pytest.raises(BadCertificates, match=r"tls\.crt with .*tls\.key: the key is not the certificate's"):
        Certificates(served)


def test_an_encrypted_key_is_told_and_nobody_is_asked(served: TlsFiles) -> None:
    """A key under a password is refused; the terminal is not asked for it."""
    text = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIBVAIBADANBgkqhkiG9w0BAQEFAASCAT4wggE6AgEAAkEA\n-----END ENCRYPTED PRIVATE KEY-----\n"
    Path(served.key_file).write_text(text)
    with pytest.raises(BadCertificates, match=r"tls\.key"):
        Certificates(served)


def test_an_authority_without_certificates_is_told(served: TlsFiles) -> None:
    """A file of authorities in which there is none is refused by name."""
    Path(served.client_ca_file).write_text("nothing\n")
    with pytest.raises(BadCertificates, match=r"ca\.crt: "):
        Certificates(served)


def test_a_certificate_without_subject_is_a_subject_all_the_same() -> None:
    """Who is named in the alternative names only is known by the serial number; no certificate is nobody."""
    assert subject({"subject": (), "serialNumber": "0A"}) == "serialNumber=0A"
    assert subject(None) == ""
    assert subject({}) == ""


def test_a_request_is_made_with_the_peer(start: Start, ours: Authority) -> None:
    """The peer's address is the connection's, with TLS as without."""
    seen: list[Request] = []

    def keep(request: Request) -> Reply:
        seen.append(request)
        return Reply(200)

    server = Server("127.0.0.1", 0, keep, tls=TlsFiles(*ours.server()))
    server.start()
    try:
        assert post(server.port, b"x", context=trusting(ours)).status == 200
    finally:
        server.close()
    assert (seen[0].peer, seen[0].subject, seen[0].body) == ("127.0.0.1", "", b"x")
