"""Keys, notes, checkpoints, tokens and tiles, from `schemas/README.md` alone."""

import base64
import re
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.support.plain_reader.identities import sha256
from tests.support.plain_reader.texts import (
    Json,
    RefusedError,
    read_canonical,
    require,
    unbase64,
    unbase64url,
    write_json,
)

ED25519, COSIGNATURE = 1, 4
KEY_SIZES = {ED25519: 32, COSIGNATURE: 32, 6: 1312}
_CONTROL = "".join(chr(code) for code in range(0x20) if code != 0x0A)
_NAME = r"[^\s+\x00-\x1f\x7f]{1,255}"


class Key(NamedTuple):
    """A key that is known."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Its four bytes."""
        return sha256(self.name.encode(), b"\n", bytes([self.kind]), self.public)[:4]

    def check(self, signature: bytes, message: bytes) -> None:
        """Refuse a signature that is wrong."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            raise RefusedError("a wrong signature") from None


def read_key(vkey: str) -> Key:
    """A verifier key."""
    found = re.fullmatch(rf"({_NAME})\+([0-9a-f]{{8}})\+([^+].*)", vkey)
    require(found, "not name+id+key")
    assert found is not None
    raw = unbase64(found[3])
    require(raw and len(raw) - 1 == KEY_SIZES.get(raw[0]), "not a key of a known type")
    key = Key(found[1], raw[0], raw[1:])
    require(key.key_id.hex() == found[2], "another key's id")
    return key


def vkey(given: Json) -> Json:
    """What a verifier key says."""
    key = read_key(given["vkey"])
    public, name = key.public.hex(), key.name
    return {"name": name, "type": key.kind, "public": public, "key_id": key.key_id.hex()}


def jwk(given: Json) -> Json:
    """The same key as a JSON Web Key."""
    key = read_key(given["vkey"])
    x = base64.urlsafe_b64encode(key.public).decode().rstrip("=")
    fixed = {"alg": "EdDSA", "crv": "Ed25519", "kty": "OKP", "use": "sig"}
    return {"jwk": fixed | {"kid": key.key_id.hex(), "x": x}}


def open_note(note: str, known: list[Key]) -> Json:
    """The text of a note, and who of the known keys signed it."""
    require(len(note.encode()) <= 1_000_000, "too long")
    above, empty, below = note.rpartition("\n\n")
    require(empty and below.endswith("\n"), "no text, empty line and signatures")
    text, lines = above + "\n", below[:-1].split("\n")
    require(not set(text) & set(_CONTROL), "a control character")
    require(len(lines) <= 100, "too many signatures")
    signers: list[Json] = []
    for line in lines:
        found = re.fullmatch(rf"\u2014 ({_NAME}) (\S+)", line)
        require(found, "not a signature line")
        assert found is not None
        raw = unbase64(found[2])
        require(len(raw) > 4, "no signature")
        for key in known:
            if (key.name, key.key_id) == (found[1], raw[:4]):
                signer = {"name": key.name, "key_id": raw[:4].hex(), "time": _signed_at(key, raw[4:], text)}
                signers += [] if signer in signers else [signer]
    require(signers, "nobody known has signed")
    return {"text": text, "signers": signers}


def _signed_at(key: Key, signature: bytes, text: str) -> int | None:
    if key.kind == ED25519:
        key.check(signature, text.encode())
        return None
    time = int.from_bytes(signature[:8], "big")
    require(time < 2**63, "no such time")
    key.check(signature[8:], f"cosignature/v1\ntime {time}\n{text}".encode())
    return time


def open_checkpoint(note: str, origin: str, known: list[Key]) -> Json:
    """Size and root of a checkpoint."""
    opened = open_note(note, known)
    found = re.fullmatch(r"(.+)\n(0|[1-9][0-9]*)\n(.+)\n", opened["text"])
    require(found, "not three lines")
    assert found is not None
    root = unbase64(found[3])
    require(len(root) == 32 and int(found[2]) < 2**63, "no such tree")
    require(found[1] == origin, "another log")
    own = {key.key_id.hex() for key in known if (key.name, key.kind) == (origin, ED25519)}
    require(own & {signer["key_id"] for signer in opened["signers"]}, "the log has not signed")
    return {"size": int(found[2]), "root": root.hex()}


def open_token(given: Json) -> Json:
    """The payload of a token."""
    known = {key.key_id.hex(): key for key in map(read_key, given["vkeys"])}
    parts = given["token"].split(".")
    require(len(parts) == 3, "not three parts")
    header = read_canonical(unbase64url(parts[0]))
    kid = header.get("kid") if isinstance(header, dict) else None
    require(header == {"alg": "EdDSA", "kid": kid, "typ": "clv1-decision+jwt"}, "another header")
    require(kid in known, "an unknown key")
    known[str(kid)].check(unbase64url(parts[2]), f"{parts[0]}.{parts[1]}".encode())
    payload = read_canonical(unbase64url(parts[1]))
    require(isinstance(payload, dict), "not an object")
    return {"payload": payload}


def token_message(key: Key, payload: Json) -> bytes:
    """What is signed of a decision token."""
    header = {"alg": "EdDSA", "kid": key.key_id.hex(), "typ": "clv1-decision+jwt"}
    return b".".join(
        base64.urlsafe_b64encode(write_json(part).encode()).rstrip(b"=") for part in (header, payload)
    )


def tile(given: Json) -> Json:
    """Which tile a path names."""
    number = "0|[1-9][0-9]*"
    found = re.fullmatch(
        rf"tile/(entries|{number})/((?:x[0-9]{{3}}/)*[0-9]{{3}})(?:\.p/([1-9][0-9]*))?", given["path"]
    )
    require(found, "not a path")
    assert found is not None
    groups = found[2].replace("x", "").split("/")
    require(len(groups) == 1 or groups[0] != "000", "zeros in front")
    level = found[1] if found[1] == "entries" else int(found[1])
    require(level == "entries" or int(level) <= 63, "no such level")
    require(len(groups) <= 6, "no such index")
    require(found[3] is None or int(found[3]) < 256, "no such width")
    return {"level": level, "index": int("".join(groups)), "width": int(found[3] or 256)}


def entries(given: Json) -> Json:
    """The entries of a bundle of them."""
    raw, found = bytes.fromhex(given["bundle"]), []
    while raw:
        require(len(raw) >= 2, "half a length")
        size = 2 + int.from_bytes(raw[:2], "big")
        require(len(raw) >= size, "cut off")
        found.append(raw[2:size].hex())
        raw = raw[size:]
    require(len(found) <= 256, "too many")
    return {"entries": found}
