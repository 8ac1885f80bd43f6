"""A ledger whose key gave way to another, and whose checkpoints others attested: bundles out of it."""

import base64
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.core.canonical import canonical_json, parse_canonical
from service.core.checkpoint import sign_checkpoint
from service.core.entries import SuccessionEntry, decode_entry, encode_succession
from service.core.notes import Cosigner, Signer, parse_note
from service.ledger.appending.epoch import Receipt
from service.ledger.appending.rotation import rotate
from service.ledger.stamps import TimestampRow, timestamp_digest
from tests.support.forgery import Json, opened, run, signed
from tests.support.reproving import leaves_of, reprove
from tests.support.small_ledger import GRANT, SmallLedger

WITNESS = Cosigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(b"\x03" * 32))
OTHER_WITNESS = Cosigner("other.example/w2", Ed25519PrivateKey.from_private_bytes(b"\x04" * 32))
STAMP = b"a time-stamp response"
WITNESSED_AT = 1_795_000_100


@dataclass(frozen=True)
class TrustedWorld:
    """`before`: of before the rotation; `rotated`: after it; `anchored`: with older checkpoints attested.

    `cosigned`: with a cosignature on its own checkpoint. `old` and `new` are the log's keys.
    """

    ledger: SmallLedger
    old: Signer
    new: Signer
    held: bytes
    before: bytes
    rotated: bytes
    anchored: bytes
    cosigned: bytes
    stamped_size: int


@cache
def trusted_world() -> TrustedWorld:
    """The ledger and its bundles, made once."""
    return run(_world())


async def _world() -> TrustedWorld:
    ledger = await SmallLedger().begin("acme")
    old = ledger.keys.signer
    new = Signer(old.name, Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))
    await ledger.record("consent_granted", "jane@example.org", **GRANT)
    jane = ledger.ask("jane@example.org")
    held, size = ledger.mark.note or b"", ledger.mark.size
    before = await ledger.proofs.bundle(jane, disclose=True)
    ledger.now_ms += 1_000
    receipt = await rotate(ledger.appender, ledger.keys, ledger.admission, new, ledger.now_ms)
    ledger.keys.take_up(ledger.keys.history)  # the old key is not kept
    await ledger.record("purchase", "jane@example.org", sender="acme", seller="acme")
    rotated = await ledger.proofs.bundle(jane, disclose=True, held_size=size)
    stamped_size = _attest(ledger, receipt)
    await ledger.record("contact_by_recipient", "jane@example.org", sender="acme")
    anchored = await ledger.proofs.bundle(jane, disclose=True)
    text = parse_note(ledger.mark.note or b"").text
    ledger.store.cosignatures[ledger.mark.size] = [WITNESS.cosign(text, WITNESSED_AT)]
    cosigned = await ledger.proofs.bundle(jane, disclose=True)
    return TrustedWorld(ledger, old, new, held, before, rotated, anchored, cosigned, stamped_size)


def _attest(ledger: SmallLedger, receipt: Receipt) -> int:
    """A witness has cosigned the checkpoint over the rotation; an authority has stamped the newest one."""
    over = receipt.position + 1
    text = parse_note(receipt.checkpoint).text
    ledger.store.cosignatures[over] = [WITNESS.cosign(text, WITNESSED_AT)]
    size = ledger.mark.size
    stamp = TimestampRow(size, timestamp_digest(STAMP), STAMP, ledger.now_ms)
    ledger.store.timestamps.append(stamp)
    return size


def changed(raw: bytes, edit: Any, signer: Signer | None = None) -> bytes:  # noqa: ANN401 - an edit in place
    """A bundle of this world, changed and signed again by its log."""
    value = opened(raw)
    proof = value["log_proof"]
    edit(value)
    if value["log_proof"] == proof:
        reprove(value, leaves_of(trusted_world().ledger))
    return signed(value, signer or trusted_world().new)


def succession_signed_once(bundle: Json) -> None:
    """The new key alone has signed the succession, twice."""
    shown = bundle["successions"][0]
    entry = decode_entry(base64.b64decode(shown["entry"]))
    assert isinstance(entry, SuccessionEntry)
    said: Any = parse_canonical(entry.payload)
    said["old_signature"] = said["new_signature"]
    forged = SuccessionEntry(entry.prev_leaf_hash, entry.recorded_at_ms, entry.kind, canonical_json(said))
    shown["entry"] = base64.b64encode(encode_succession(forged)).decode()


def by_the_old_key(bundle: Json) -> None:
    """The thief of the old key signs a checkpoint of after its succession."""
    origin, size, root = bundle["checkpoint"].split("\n")[:3]
    note = sign_checkpoint(origin, int(size), base64.b64decode(root), [trusted_world().old])
    bundle["checkpoint"] = note.decode()


def anchor_with_another_root(bundle: Json) -> None:
    """An anchor that the log has signed, and that is of another history."""
    anchor = bundle["anchors"][-1]
    origin, size, _ = anchor["checkpoint"].split("\n")[:3]
    anchor["checkpoint"] = sign_checkpoint(origin, int(size), b"\1" * 32, [trusted_world().new]).decode()


def cosignature_of_another_text(bundle: Json) -> None:
    """The witness's line of one checkpoint under another."""
    first, last = bundle["anchors"]
    last["checkpoint"] += first["checkpoint"].rstrip("\n").split("\n")[-1] + "\n"
