"""A time-stamping authority made with OpenSSL: a root, a certificate for stamping, answers over HTTP."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CONFIG = """
[tsa]
default_tsa = own
[own]
dir = .
serial = $dir/serial
signer_cert = $dir/tsa.pem
signer_key = $dir/tsa.key
signer_digest = sha256
default_policy = 1.3.6.1.4.1.99999.1
digests = sha256, sha512
ordering = yes
tsa_name = no
ess_cert_id_alg = sha256
"""


@dataclass(frozen=True, slots=True)
class Authority:
    """Where it keeps its files, and where it answers."""

    folder: Path
    url: str

    @property
    def root(self) -> Path:
        """What a reader trusts who takes any stamp below this root."""
        return self.folder / "root.pem"

    @property
    def certificates(self) -> Path:
        """What a reader trusts who takes the stamps of this authority alone."""
        return self.folder / "trusted.pem"

    def answer(self, query: bytes) -> bytes:
        """A time-stamp response to this query."""
        return _reply(self.folder, query)


def require_openssl() -> None:
    """Skip where there is none."""
    if shutil.which("openssl") is None:
        pytest.skip("a time-stamping authority needs the program openssl, which is not installed")


@contextmanager
def an_authority(folder: Path) -> Iterator[Authority]:
    """A running authority with certificates of its own."""
    require_openssl()
    folder.mkdir(parents=True, exist_ok=True)
    _certify(folder)
    (folder / "ts.cnf").write_text(_CONFIG)
    (folder / "serial").write_text("01\n")
    turn = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["content-length"]))
            with turn:
                body = _reply(folder, query)
            self.send_response(200)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Authority(folder, f"http://127.0.0.1:{server.server_port}/")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _reply(folder: Path, query: bytes) -> bytes:
    (folder / "query.tsq").write_bytes(query)
    arguments = ["ts", "-reply", "-config", "ts.cnf", "-queryfile", "query.tsq"]
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, check=True, timeout=60)
    return done.stdout


def _certify(folder: Path) -> None:
    root_key, tsa_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name, tsa_name = _name("Test root"), _name("Test time stamps")
    root = (
        _builder(root_name, root_name, root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    stamping = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    tsa = (
        _builder(tsa_name, root_name, tsa_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(stamping, critical=True)
        .sign(root_key, hashes.SHA256())
    )
    for name, certificate in (("root.pem", root), ("tsa.pem", tsa)):
        (folder / name).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pems = [(folder / name).read_bytes() for name in ("root.pem", "tsa.pem")]
    (folder / "trusted.pem").write_bytes(b"".join(pems))
    (folder / "tsa.key").write_bytes(
        tsa_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
    )
