"""--admin by TLS: which certificates are refused at start, what clients see, and that the key stays where it is."""

import contextlib
import re
import shutil
import socket
import ssl
import struct
import subprocess
import time
from pathlib import Path

import pytest
from harness import Scene
from harness.bad_clients import SilentClients, ask_raw

from clients import Admin
from servers import Authority, Relay, free_port

USAGE = 64


@pytest.fixture
def authority(scene: Scene) -> Authority:
    return Authority(scene.folder / "authority")


def options_for(pair: Path, **more: str) -> dict[str, str]:
    """The options of a relay that shows this certificate, whose key is in the same file."""
    pair.chmod(0o600)
    return {"admin": f"127.0.0.1:{free_port()}", "admin_certificate": str(pair), "admin_key": str(pair), **more}


def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority.certificate)


def by_tls(relay: Relay, authority: Authority) -> Admin:
    return Admin(relay.options["admin"], tls=trusting(authority))


def serial_shown(relay: Relay) -> str:
    host, port = relay.options["admin"].split(":")
    shown = ssl.get_server_certificate((host, int(port)))
    return subprocess.run(["openssl", "x509", "-noout", "-serial"], input=shown, capture_output=True, text=True, check=True).stdout


def secret_lines(pair: Path) -> list[str]:
    [key] = re.findall(r"-----BEGIN PRIVATE KEY-----\n(.*?)-----END", pair.read_text(), re.S)
    return key.split()


def test_a_right_certificate_serves_and_its_key_stays_secret(scene: Scene, authority: Authority):
    pair = authority.issue("relay")
    token = scene.folder / "token"
    token.write_text("s3cret\n")
    token.chmod(0o600)
    relay = scene.running_relay(log_level="trace", admin_token_file=str(token), **options_for(pair))
    relay.wait_for_log("health at https://127.0.0.1.* valid until 20")
    admin = by_tls(relay, authority)
    scene.wait_until(lambda: admin.status()["source"]["slot"] == scene.slot, 10, "the monitor's next look")
    assert admin.request("POST", "/pause?side=publish")[0] == 401
    assert admin.request("POST", "/pause?side=publish", {"Authorization": "Bearer s3cret"})[0] == 200
    assert admin.request("GET", "/status", {"Host": "rebound.example"})[0] == 421
    assert "<html" in admin.get("/") and len(admin.get("/")) > 10_000
    # The socket in the spool's directory stays plain.
    by_socket = Admin(Path(relay.options["spool"]))
    assert by_socket.request("GET", "/livez")[0] == 200
    expiration = admin.metrics()["bottledwater_admin_certificate_expiration_timestamp_seconds"]
    assert by_socket.metrics()["bottledwater_admin_certificate_expiration_timestamp_seconds"] == expiration
    assert abs(expiration - time.time() - 24 * 3600) < 600
    assert relay.log_text().count("certificate is valid only until") == 1
    said = relay.log_text() + admin.get("/status") + admin.get("/metrics") + Path(f"/proc/{relay.pid}/cmdline").read_text()
    assert not [line for line in secret_lines(pair) if line in said]


def test_clients_see_what_is_wrong_with_a_certificate(scene: Scene, authority: Authority):
    stranger = Authority(scene.folder / "stranger")
    relay = scene.running_relay(**options_for(authority.issue("elsewhere", "DNS:relay.example")))
    with pytest.raises(ssl.SSLCertVerificationError, match="(?i)ip address mismatch"):
        by_tls(relay, authority).get("/livez")
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer|self-signed"):
        by_tls(relay, stranger).get("/livez")
    relay.stop()
    # One that signs itself: only who has it in its own list takes it.
    both = scene.folder / "self-signed.pem"
    both.write_text((authority.certificate.parent / "authority.key").read_text() + authority.certificate.read_text())
    relay = scene.running_relay(**options_for(both))
    with pytest.raises(ssl.SSLCertVerificationError, match="self-signed"):
        by_tls(relay, stranger).get("/livez")


def test_a_certificate_that_expires_while_it_is_shown_is_seen_by_clients_and_a_renewed_one_is_taken(scene: Scene, authority: Authority):
    pair = authority.issue("relay")
    relay = scene.running_relay(**options_for(pair))
    assert by_tls(relay, authority).request("GET", "/livez")[0] == 200
    first = serial_shown(relay)
    # As seen by a client whose clock is two days ahead.
    assert verified_at(relay, authority, days_ahead=2) == "certificate has expired"
    assert verified_at(relay, authority, days_ahead=0) == "ok"
    # A new certificate whose key is not there yet: the former pair stays.
    renewed = authority.issue("renewed")
    text = renewed.read_text()
    certificate = text[text.index("-----BEGIN CERTIFICATE"):]
    key = pair.read_text().partition("-----BEGIN CERTIFICATE")[0]
    replace(pair, key + certificate)
    assert serial_shown(relay) == first
    relay.wait_for_log("--admin-key: the key in .* is not that of .*former certificate stays")
    replace(pair, text)
    second = serial_shown(relay)
    assert second != first and by_tls(relay, authority).request("GET", "/livez")[0] == 200
    relay.wait_for_log("has a new certificate, valid until 20")
    # One that has expired is not taken.
    replace(pair, authority.issue("late", days=0).read_text())
    scene.wait_until(lambda: serial_shown(relay) == second, 20, "an answer")
    assert relay.is_running()


def replace(pair: Path, text: str) -> None:
    """As tools that renew certificates do: at once."""
    new = pair.with_suffix(".new")
    new.write_text(text)
    new.chmod(0o600)
    new.rename(pair)


def verified_at(relay: Relay, authority: Authority, days_ahead: int) -> str:
    """OpenSSL's verdict on what the relay shows, at another time."""
    at = subprocess.run(["date", "-d", f"{days_ahead} days", "+%s"], capture_output=True, text=True, check=True).stdout.strip()
    done = subprocess.run(["openssl", "s_client", "-connect", relay.options["admin"], "-CAfile", str(authority.certificate), "-attime", at],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    [verdict] = set(re.findall(r"Verify return code: \d+ \((.*)\)", done.stdout))
    return verdict


def test_plain_requests_and_old_versions_of_tls_are_refused_on_the_tls_port(scene: Scene, authority: Authority):
    relay = scene.running_relay(**options_for(authority.issue("relay")))
    status, body = Admin(relay.options["admin"]).request("GET", "/status")
    assert (status, body) == (400, "This port speaks TLS: use https\n")
    old = subprocess.run(["openssl", "s_client", "-connect", relay.options["admin"], "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    assert old.returncode != 0 and "alert protocol version" in old.stderr
    new = trusting(authority)
    new.maximum_version = ssl.TLSVersion.TLSv1_2
    assert Admin(relay.options["admin"], tls=new).request("GET", "/livez")[0] == 200
    # Who says nothing, or stops within a hello, is not waited for.
    host, port = relay.options["admin"].split(":")
    parts = (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    silent = [socket.create_connection((host, int(port)), timeout=9) for _ in parts]
    for connection, part in zip(silent, parts):
        connection.sendall(part)
    for connection in silent:
        with connection, contextlib.suppress(ConnectionResetError):
            while connection.recv(4096):
                pass
    assert by_tls(relay, authority).request("GET", "/livez")[0] == 200


@pytest.mark.parametrize("hello", [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
def test_handshakes_that_stall_keep_nobody_out(scene: Scene, authority: Authority, hello: bytes):
    relay = scene.running_relay(**options_for(authority.issue("relay")))
    admin = by_tls(relay, authority)
    silent = SilentClients(relay.options["admin"], 200, hello)
    try:
        for path in ["/livez", "/readyz"] * 3:
            began = time.monotonic()
            assert admin.request("GET", path)[0] == 200
            assert time.monotonic() - began < 2
    finally:
        silent.close()


def shake_hands(relay: Relay) -> tuple[socket.socket, ssl.SSLObject, ssl.MemoryBIO]:
    """A connection after its handshake; what the client writes goes to the buffer, to be sent by hand."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, port = relay.options["admin"].split(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing)
    while True:
        try:
            session.do_handshake()
            return connection, session, outgoing
        except ssl.SSLWantReadError:
            connection.sendall(outgoing.read())
            incoming.write(connection.recv(65536))


def threads(relay: Relay) -> int:
    return len(list(Path(f"/proc/{relay.pid}/task").iterdir()))


def test_clients_that_leave_in_the_middle_keep_no_thread(scene: Scene, authority: Authority):
    """They say that they send no more, and reset the connection: OpenSSL then calls a failed write an end."""
    relay = scene.running_relay(**options_for(authority.issue("relay")))
    scene.settle()  # So that it has all its own threads.
    before = threads(relay)
    for _ in range(40):
        connection, session, outgoing = shake_hands(relay)
        session.write(b"GET / HTTP/1.1\r\n")
        with contextlib.suppress(ssl.SSLError):
            session.unwrap()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(outgoing.read())
        connection.close()
    scene.wait_until(lambda: threads(relay) <= before, 15, "their threads to end")
    by_tls(relay, authority).get("/livez")
    relay.stop()


def test_a_tls_hello_on_a_plain_port_gets_an_end(scene: Scene, authority: Authority):
    relay = scene.running_relay(admin=f"127.0.0.1:{free_port()}")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        by_tls(relay, authority).get("/livez")
    assert ask_raw(relay.options["admin"], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")[:12] in (b"", b"HTTP/1.1 400")
    assert Admin(relay.options["admin"]).request("GET", "/livez")[0] == 200


def test_what_cannot_be_shown_ends_the_start_with_the_remedy(scene: Scene, authority: Authority):
    good = authority.issue("good")
    other = authority.issue("other")
    nothing = scene.folder / "nothing.pem"
    nothing.write_text("nothing\n")
    with_passphrase = scene.folder / "with-passphrase.pem"
    subprocess.run(["openssl", "pkey", "-in", good, "-aes256", "-passout", "pass:planted", "-out", with_passphrase], check=True)
    open_to_all = scene.folder / "open.pem"
    shutil.copy(good, open_to_all)
    missing = scene.folder / "missing.pem"
    late = authority.issue("late", days=0)
    for file in (good, other, nothing, with_passphrase, late):
        file.chmod(0o600)
    open_to_all.chmod(0o644)
    for certificate, key, said in [
        (missing, good, f'--admin-certificate: cannot read "{missing}": No such file'),
        (good, missing, f'--admin-key: cannot read "{missing}": No such file'),
        (nothing, good, f'--admin-certificate: "{nothing}" holds no certificate in PEM'),
        (good, nothing, f'--admin-key: "{nothing}" holds no private key in PEM'),
        (good, with_passphrase, f'--admin-key: the key in "{with_passphrase}" has a passphrase'),
        (good, open_to_all, f'--admin-key: every user of this machine can read "{open_to_all}"; chmod 600 it'),
        (good, other, f'--admin-key: the key in "{other}" is not that of the first certificate in "{good}"'),
        (late, late, f'--admin-certificate: the certificate in "{late}" has expired at 20'),
    ]:
        relay = scene.relay(admin=f"127.0.0.1:{free_port()}", admin_certificate=str(certificate), admin_key=str(key))
        scene.wait_until(lambda: late != certificate or "expired" in verify(certificate, authority), 20, "the certificate's end")
        assert relay.run() == USAGE, said
        assert said in relay.log_text(), relay.log_text()
        assert not [line for line in secret_lines(good) if line in relay.log_text()]
    assert scene.slots() == []


def verify(certificate: Path, authority: Authority) -> str:
    return subprocess.run(["openssl", "verify", "-CAfile", str(authority.certificate), str(certificate)], capture_output=True, text=True).stderr
