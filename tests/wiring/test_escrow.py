"""Keys kept elsewhere: encrypted to certificates, opened by any CMS tool, put back where missing."""

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from service.ledger.keys import LedgerKeys
from service.wiring.keys.escrow import escrow, open_escrow, recover
from service.wiring.keys.files import LINKS, SIGNING, SUBJECT, WRAPPING, KeysError, create_keys, load_keys

ORIGIN = "ledger.example/main/1"


class Recipient(NamedTuple):
    """Somebody who may open an escrow file."""

    certificate: bytes
    private_key: bytes


def recipient(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None
) -> Recipient:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "escrow")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, SHA256())
    )
    locked = BestAvailableEncryption(password) if password else NoEncryption()
    return Recipient(
        certificate.public_bytes(Encoding.PEM), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
    )


@pytest.fixture(scope="module")
def officers() -> list[Recipient]:
    return [recipient(rsa.generate_private_key(65537, 2048)) for _ in range(2)]


@pytest.fixture
def keys(tmp_path: Path) -> LedgerKeys:
    directory = tmp_path / "keys" / "main"
    create_keys(directory, ORIGIN, os.urandom)
    (directory / LINKS).write_text(f"{'ab' * 64}\n{'cd' * 64}\n")
    (directory / LINKS).chmod(0o600)
    with (directory / WRAPPING).open("a") as ring:
        ring.write(f"{os.urandom(32).hex()}\n")
    return load_keys(directory, ORIGIN)


def test_each_recipient_opens_it_and_the_machine_that_lost_everything_goes_on(
    keys: LedgerKeys, officers: list[Recipient], tmp_path: Path
) -> None:
    sealed = escrow(keys, [each.certificate for each in officers])
    for number, officer in enumerate(officers):
        directory = tmp_path / f"new-{number}" / "main"
        held = open_escrow(sealed, *officer, password=None)
        assert (held.origin, held.verifier) == (ORIGIN, keys.signer.verifier.vkey)
        assert recover(held, directory) == [SUBJECT, WRAPPING, LINKS]
        shutil.copy(tmp_path / "keys" / "main" / SIGNING, directory)
        again = load_keys(directory, ORIGIN)
        assert again.subject_key_secret == keys.subject_key_secret
        assert again.wrapping == keys.wrapping
        assert again.link_secrets == keys.link_secrets


def test_no_escrow_holds_a_signing_key(keys: LedgerKeys, officers: list[Recipient]) -> None:
    held = open_escrow(escrow(keys, [officers[0].certificate]), *officers[0], password=None)
    assert keys.signer.skey.split("+", 4)[4] not in repr(held)
    assert keys.signer.private.private_bytes_raw().hex() not in repr(held)
    assert not any(name.startswith("signing") for name in held.files())


def test_nothing_of_it_can_be_read_without_a_key(keys: LedgerKeys, officers: list[Recipient]) -> None:
    sealed = escrow(keys, [officers[0].certificate])
    assert all(key.hex().encode() not in sealed for key in keys.wrapping.keys)
    with pytest.raises(KeysError, match="made for another certificate"):
        open_escrow(sealed, *officers[1], password=None)


def test_openssl_opens_it_too(keys: LedgerKeys, officers: list[Recipient], tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    for name, content in zip(("cert", "key"), officers[0], strict=True):
        (tmp_path / name).write_bytes(content)
    command = [openssl, "cms", "-decrypt", "-inform", "PEM", "-recip", "cert", "-inkey", "key"]
    sealed = escrow(keys, [officers[0].certificate])
    done = subprocess.run(command, cwd=tmp_path, input=sealed, capture_output=True, check=True)
    held = json.loads(done.stdout)["wrapping_key"]
    assert held.split() == [key.hex() for key in keys.wrapping.keys]


def test_a_private_key_may_have_a_password(keys: LedgerKeys) -> None:
    locked = recipient(rsa.generate_private_key(65537, 2048), b"correct horse")
    sealed = escrow(keys, [locked.certificate])
    assert open_escrow(sealed, *locked, password=b"correct horse").origin == ORIGIN
    for wrong in (None, b"wrong"):
        with pytest.raises(KeysError, match="PEM files"):
            open_escrow(sealed, *locked, password=wrong)


def test_another_key_that_is_there_is_never_replaced(
    keys: LedgerKeys, officers: list[Recipient], tmp_path: Path
) -> None:
    held = open_escrow(escrow(keys, [officers[0].certificate]), *officers[0], password=None)
    assert recover(held, tmp_path / "keys" / "main") == []
    (tmp_path / "keys" / "main" / WRAPPING).write_text("00" * 32)
    with pytest.raises(KeysError, match="is another key"):
        recover(held, tmp_path / "keys" / "main")


@pytest.mark.parametrize(
    "bad", [b"", b"hello", recipient(ec.generate_private_key(ec.SECP256R1())).certificate]
)
def test_a_recipient_that_cannot_be_one_is_told(keys: LedgerKeys, bad: bytes) -> None:
    with pytest.raises(KeysError, match="PEM certificate of an RSA key"):
        escrow(keys, [bad])
