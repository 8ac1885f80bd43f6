"""Vectors of what is signed: keys, notes, checkpoints, tokens; and of the paths and content of tiles."""

import base64
import json
import struct
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.core.checkpoint import Checkpoint
from service.core.cosignatures import COSIGNATURE
from service.core.notes import Signer, Verifier, sign_note
from service.core.token import encode_base64url, sign_token, token_header
from tests.support.log_writer import ORIGIN, SIGNER, small_log
from tests.support.vectors.case import Vectors

VKEY = SIGNER.verifier.vkey
STRANGER = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"\x02" * 32))
WITNESS = Ed25519PrivateKey.from_private_bytes(b"\x03" * 32)
WITNESS_KEY = Verifier("witness.example/w1", COSIGNATURE, WITNESS.public_key().public_bytes_raw())
ROOT = b"\x44" * 32
TEXT = Checkpoint(ORIGIN, 1043, ROOT).text


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _signed(text: str, *signers: Signer) -> str:
    return sign_note(text, signers or [SIGNER]).decode()


def _signed_anyhow(text: str) -> str:
    """Signed although no writer of ours would sign it."""
    return f"{text}\n\u2014 {ORIGIN} {_b64(SIGNER.verifier.key_id + SIGNER.sign(text))}\n"


def _cosigned(note: str, time: int, *, said: int | None = None) -> str:
    text = note[: note.rindex("\n\n") + 1]
    signature = WITNESS.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
    blob = WITNESS_KEY.key_id + struct.pack(">Q", time if said is None else said) + signature
    return f"{note}\u2014 {WITNESS_KEY.name} {_b64(blob)}\n"


def keys() -> Iterator[Vectors]:
    """Verifier keys, their ids, and the same key as a JSON Web Key."""
    vkey = Vectors("key/vkey", "A verifier key (C2SP signed-note) and what it says.")
    vkey.accept("the log's", vkey=VKEY)
    vkey.accept("a witness's", vkey=WITNESS_KEY.vkey)
    key_id = SIGNER.verifier.key_id.hex()
    public = SIGNER.verifier.public
    for name, (bad, reason) in {
        "nothing": ("", "name+id+key"),
        "without its id": (VKEY.replace(f"+{key_id}", ""), "name+id+key"),
        "another id": (VKEY.replace(key_id, "00000000"), "the id is the key's"),
        "another name": (VKEY.replace("acme", "beta"), "the id covers the name"),
        "id in upper case": (VKEY.replace(key_id, key_id.upper()), "an id is lower-case hex"),
        "key cut off": (VKEY[:-4], "a key has 32 bytes"),
        "unknown type": (Verifier(ORIGIN, 2, public).vkey, "type 1, 4 or 6"),
        "space in the name": (VKEY.replace("acme", "ac me"), "a name holds no space"),
        "line feed at the end": (VKEY + "\n", "name+id+key"),
    }.items():
        vkey.refuse(name, reason, vkey=bad)
    web = Vectors("key/jwk", "The same key as it stands in /.well-known/jwks.json (RFC 8037).")
    web.accept("the log's", vkey=VKEY)
    yield from (vkey, web)


def notes() -> Vectors:
    """Signed notes."""
    vectors = Vectors("note/open", "A signed note, the keys that are known, and who of them signed.")
    note = _signed(TEXT)
    known = {"vkeys": [VKEY]}
    line = note.rpartition("\n\n")[2]
    vectors.accept("one signature", note=note, **known)
    vectors.accept("an empty line within the text", note=_signed("a\n\nb\n"), **known)
    vectors.accept("an unknown key beside the known one", note=_signed(TEXT, STRANGER, SIGNER), **known)
    vectors.accept("one key twice counts once", note=note + line, **known)
    both = {"vkeys": [VKEY, WITNESS_KEY.vkey]}
    vectors.accept("a witness's cosignature", note=_cosigned(note, 1_795_000_000), **both)
    for name, (bad, reason) in _bad_notes(note, line).items():
        vectors.refuse(name, reason, note=bad, **known)
    vectors.refuse(
        "cosignature that says another time",
        "the time is signed too",
        note=_cosigned(note, 1_795_000_000, said=1_795_000_001),
        **both,
    )
    return vectors


def _bad_notes(note: str, line: str) -> dict[str, tuple[str, str]]:
    """A good note, whose one signature line this is, in every way wrong; and why each is."""
    blob = line.split(" ")[2].rstrip("\n")
    return {
        "bad signature": (note.replace("1043", "1044"), "the signature is wrong"),
        "a second signature, which is wrong": (
            note + line.replace(blob, _b64(_flipped(blob))),
            "a known key signed wrongly",
        ),
        "signed by a stranger": (_signed(TEXT, STRANGER), "nobody known has signed"),
        "no signature": (TEXT + "\n", "a note has a signature line"),
        "no empty line": (TEXT + line, "an empty line stands before the signatures"),
        "malformed base64": (note.replace(blob, blob[:-1] + "!"), "not base64"),
        "base64 without padding": (note.replace(blob, blob.rstrip("=")), "not base64 in its only spelling"),
        "signature of four bytes": (
            note.replace(blob, _b64(b"1234")),
            "a signature is longer than its key id",
        ),
        "signature cut short": (
            note.replace(blob, _b64(base64.b64decode(blob)[:-1])),
            "the signature is wrong",
        ),
        "hyphen for the dash": (note.replace("\u2014", "-"), "a signature line begins with an em dash"),
        "text after the signatures": (note + "more\n", "a signature line begins with an em dash"),
        "no line feed at the end": (note[:-1], "every line ends in a line feed"),
        "control character in the text": (_signed_anyhow("a\tb\n"), "no control characters"),
        "carriage returns": (_signed_anyhow(TEXT.replace("\n", "\r\n")), "no control characters"),
    }


def _flipped(blob: str) -> bytes:
    raw = bytearray(base64.b64decode(blob))
    raw[-1] ^= 1
    return bytes(raw)


def checkpoints() -> Vectors:
    """Checkpoints."""
    vectors = Vectors("checkpoint/open", "A signed checkpoint, and the size and root that it says.")
    asked: dict[str, Any] = {"origin": ORIGIN, "vkeys": [VKEY]}
    vectors.accept("a checkpoint", note=_signed(TEXT), **asked)
    vectors.accept("a checkpoint of a real log", note=(small_log().lines[-1].note or b"").decode(), **asked)
    largest = Checkpoint(ORIGIN, 2**53 - 1, ROOT).text
    vectors.accept("a large tree", note=_signed(largest), **asked)
    for name, (text, reason) in _bad_checkpoints().items():
        vectors.refuse(name, reason, note=_signed_anyhow(text), **asked)
    vectors.refuse(
        "bad signature", "the signature is wrong", note=_signed(TEXT).replace("1043", "1044"), **asked
    )
    cosigned = _cosigned(_signed(TEXT, STRANGER), 1_795_000_000)
    vectors.refuse(
        "a witness alone",
        "the log itself has not signed",
        note=cosigned,
        **asked | {"vkeys": [VKEY, WITNESS_KEY.vkey]},
    )
    other = Signer("ledger.example/other/1", Ed25519PrivateKey.from_private_bytes(b"\x04" * 32))
    vectors.refuse(
        "signed by another log's key",
        "the log itself has not signed",
        note=_signed(TEXT, other),
        **asked | {"vkeys": [other.verifier.vkey]},
    )
    return vectors


def _bad_checkpoints() -> dict[str, tuple[str, str]]:
    """The text of a checkpoint in every way wrong; and why each is."""
    root = _b64(ROOT)
    return {
        "another origin": (TEXT.replace("acme/1", "acme/2"), "of another log"),
        "no origin": (TEXT.replace(ORIGIN, ""), "the first line is the origin"),
        "extra line": (TEXT + "more\n", "three lines"),
        "two lines": (f"{ORIGIN}\n1043\n", "three lines"),
        "size with a leading zero": (TEXT.replace("1043", "01043"), "a size in its only spelling"),
        "size with a sign": (TEXT.replace("1043", "+1043"), "a size in its only spelling"),
        "size in hex": (TEXT.replace("1043", "0x413"), "a size in its only spelling"),
        "size of 2^63": (TEXT.replace("1043", str(2**63)), "a size is at most 2^63 - 1"),
        "root in hex": (TEXT.replace(root, ROOT.hex()), "a root is the base64 of 32 bytes"),
        "root of 31 bytes": (TEXT.replace(root, _b64(ROOT[1:])), "a root is the base64 of 32 bytes"),
        "root without padding": (TEXT.replace(root, root.rstrip("=")), "base64 in its only spelling"),
        "root with bits to spare": (TEXT.replace(root, root[:-2] + "F="), "base64 in its only spelling"),
    }


def tokens() -> Vectors:
    """Decision tokens. What a payload must hold is the bundle's matter; here it only has to be an object."""
    vectors = Vectors("token/open", "A token, the keys that are known (by kid), and its payload.")
    key_id = SIGNER.verifier.key_id.hex()
    header = token_header(key_id)
    payload = {"iss": ORIGIN, "iat": 1_795_000_000, "subject": "ab" * 32, "decision": {"decision": "deny"}}
    token = sign_token(SIGNER.private, header, payload)
    known = {"vkeys": [VKEY]}
    vectors.accept("a token", token=token, **known)
    first, second, third = token.split(".")

    def anyhow(head: str, body: str) -> str:
        signature = SIGNER.private.sign(f"{head}.{body}".encode())
        return f"{head}.{body}.{encode_base64url(signature)}"

    def encoded(value: object, **spelling: Any) -> str:  # noqa: ANN401 - options of json.dumps
        return encode_base64url(json.dumps(value, **{"separators": (",", ":"), **spelling}).encode())

    said = {"alg": "EdDSA", "kid": key_id, "typ": "clv1-decision+jwt"}
    for name, (bad, reason) in {
        "bad signature": (f"{first}.{encoded({'decision': 'allow'})}.{third}", "the signature is wrong"),
        "two parts": (f"{first}.{second}", "three parts"),
        "four parts": (f"{token}.", "three parts"),
        "no algorithm": (anyhow(encoded(said | {"alg": "none"}), second), "alg is EdDSA"),
        "another algorithm": (anyhow(encoded(said | {"alg": "HS256"}), second), "alg is EdDSA"),
        "another type": (anyhow(encoded(said | {"typ": "JWT"}), second), "typ is clv1-decision+jwt"),
        "a further header": (anyhow(encoded(said | {"crit": []}), second), "exactly alg, kid and typ"),
        "unknown key": (anyhow(encoded(said | {"kid": "00000000"}), second), "a key that is not known"),
        "header not canonical": (anyhow(encoded(said, separators=None), second), "not canonical"),
        "payload not canonical": (anyhow(first, encoded({"b": 1, "a": 2})), "not canonical"),
        "payload that is a list": (anyhow(first, encoded([1])), "a payload is an object"),
        "padding": (f"{first}.{second}.{third}==", "base64url without padding"),
        "plain base64": (f"{first}.{second}.{third[:10]}+{third[11:]}", "base64url without padding"),
    }.items():
        vectors.refuse(name, reason, token=bad, **known)
    return vectors


def tiles() -> Iterator[Vectors]:
    """Paths of tiles, and bundles of entries."""
    path = Vectors("tile/path", "The path of a tile, below /log/<ledger>/, and the tile it names.")
    for name, text in {
        "first tile": "tile/0/000",
        "a thousand": "tile/0/x001/000",
        "a million and more": "tile/2/x001/x234/067",
        "partial": "tile/1/000.p/17",
        "one hash": "tile/0/x001/234.p/1",
        "nearly full": "tile/0/000.p/255",
        "entries": "tile/entries/x012/345",
        "some entries": "tile/entries/000.p/112",
        "highest level": "tile/63/000",
    }.items():
        path.accept(name, path=text)
    for name, (text, reason) in {
        "index not padded": ("tile/0/0", "groups of three digits"),
        "index padded too far": ("tile/0/x000/001", "no group of zeros in front"),
        "without the x": ("tile/0/001/234", "x before every group but the last"),
        "an x before the last": ("tile/0/x001", "x before every group but the last"),
        "level with a leading zero": ("tile/00/000", "a level in its only spelling"),
        "level 64": ("tile/64/000", "no log is as high"),
        "width 0": ("tile/0/000.p/0", "a width of 1 to 255"),
        "width 256": ("tile/0/000.p/256", "a full tile has no width"),
        "width with a leading zero": ("tile/0/000.p/017", "a width in its only spelling"),
        "slash in front": ("/tile/0/000", "no other spelling"),
        "line feed at the end": ("tile/0/000\n", "no other spelling"),
        "upwards": ("tile/0/../000", "no other spelling"),
    }.items():
        path.refuse(name, reason, path=text)
    bundle = Vectors("tile/entries", "The content of tile/entries/<N> (hex) and its entries.")
    lines = small_log().lines[:3]
    raw = b"".join(struct.pack(">H", len(line.entry)) + line.entry for line in lines)
    bundle.accept("three entries", bundle=raw.hex())
    bundle.accept("an empty entry", bundle="0000")
    bundle.accept("256 entries", bundle="0001aa" * 256)
    bundle.refuse("257 entries", "at most 256", bundle="0001aa" * 257)
    bundle.refuse("last entry cut off", "an entry is shorter than its length", bundle=raw[:-1].hex())
    bundle.refuse("half a length", "a length has two bytes", bundle=raw.hex() + "00")
    yield from (path, bundle)


def all_of_them() -> Iterator[Vectors]:
    """Every file of this module."""
    yield from (*keys(), notes(), checkpoints(), tokens(), *tiles())
