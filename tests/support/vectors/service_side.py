"""What the service makes of a vector: one function a file of vectors, from its `in` to its `out`.

Each raises the core's own error for what is refused. Bytes are hex, texts are texts.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.core.campaign import answer_leaf, decision_bytes, question_hash_of, refused_leaf
from service.core.canonical import DEPTH_MAX, canonical_json, parse_strict
from service.core.checkpoint import open_checkpoint
from service.core.entries import (
    EpochEntry,
    ErasureEntry,
    EventEntry,
    GenesisEntry,
    SuccessionEntry,
    decode_entry,
    encode_epoch,
    encode_erasure,
    encode_event,
    encode_genesis,
    encode_succession,
)
from service.core.events import form_bytes, form_id, parse_form
from service.core.merkle import hash_leaf, root, verify_consistency, verify_inclusion
from service.core.notes import open_note, parse_verifier
from service.core.prefix_map import MapLeaf, MapProof, MapResult, map_root, verify_map
from service.core.records import (
    ZERO_HASH,
    chain,
    commitment,
    evidence_commitment,
    head_value,
    parse_record,
    record_bytes,
    secret_commitment,
    subject_key,
)
from service.core.replay import Erased, Opened, Replay
from service.core.succession import read_previous_log, read_succession
from service.core.tiles import decode_entries, encode_entries, parse_tile_path, tile_path
from service.core.token import jwk, open_token
from service.core.verify_entries import ShownEntries
from service.ledger.addresses import canonical_address

Json = dict[str, Any]
unhex = bytes.fromhex


def address(kind: str, given: Json) -> Json:
    return {"canonical": canonical_address(kind, given["value"]).value}


def canonical(given: Json) -> Json:
    raw = unhex(given["bytes"]) if "bytes" in given else given["text"].encode()
    return {"canonical": canonical_json(parse_strict(raw, max_depth=DEPTH_MAX)).decode()}


def subject(given: Json) -> Json:
    return {"key": subject_key(unhex(given["secret"]), given["kind"], given["address"]).hex()}


def secret(given: Json) -> Json:
    return {"commitment": secret_commitment(unhex(given["secret"])).hex()}


def record_written(given: Json) -> Json:
    record = record_bytes(
        canonical_json(given["event"]),
        origin=given["origin"],
        subject_key=unhex(given["subject"]),
        seq=given["seq"],
        prev=unhex(given["prev"]),
        evidence=unhex(given["evidence"]) if given["evidence"] is not None else None,
    )
    assert parse_record(record).seq == given["seq"]
    return {"record": record.decode()}


def record_read(given: Json) -> Json:
    record = parse_record(given["record"].encode())
    return {
        "event": record.event,
        "evidence": record.evidence.hex() if record.evidence is not None else None,
        "origin": record.origin,
        "prev": record.prev.hex(),
        "seq": record.seq,
        "subject": record.subject_key.hex(),
    }


def record_committed(given: Json) -> Json:
    return {"commitment": commitment(unhex(given["opening"]), given["record"].encode()).hex()}


def evidence_committed(given: Json) -> Json:
    return {"commitment": evidence_commitment(unhex(given["opening"]), given["evidence"].encode()).hex()}


def subject_chain(given: Json) -> Json:
    heads = [ZERO_HASH]
    for event in given["events"]:
        heads.append(chain(heads[-1], event["index"], unhex(event["commitment"])))
    return {"heads": [each.hex() for each in heads]}


def head(given: Json) -> Json:
    return {"value": head_value(given["event_count"], given["last_index"], unhex(given["chain"])).hex()}


def form(given: Json) -> Json:
    read = parse_form(given["form"])
    text = form_bytes(read)
    assert hashlib.sha256(text).hexdigest() == form_id(read)
    return {"text": text.decode(), "id": form_id(read)}


_TYPES: Final[dict[type, tuple[str, Callable[[Any], bytes]]]] = {
    GenesisEntry: ("genesis", encode_genesis),
    EventEntry: ("event", lambda e: encode_event(e.prev_leaf_hash, e.recorded_at_ms, e.commitment)),
    EpochEntry: ("epoch", encode_epoch),
    ErasureEntry: ("erasure", encode_erasure),
    SuccessionEntry: ("succession", encode_succession),
}


def entry(given: Json) -> Json:
    raw = unhex(given["entry"])
    read = decode_entry(raw)
    kind, encode = _TYPES[type(read)]
    assert encode(read) == raw, "what was read is written back as it was"
    fields = {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in msgspec.structs.asdict(read).items()
    }
    if isinstance(read, ErasureEntry):
        fields["indices"] = list(read.indices)
    if isinstance(read, SuccessionEntry):
        fields["payload"] = read.payload.decode()
    return {"type": kind, "leaf_hash": hash_leaf(raw).hex(), **fields}


def _succession(given: Json) -> SuccessionEntry:
    read = decode_entry(unhex(given["entry"]))
    assert isinstance(read, SuccessionEntry)
    return read


def key_succession(given: Json) -> Json:
    found = read_succession(given["index"], _succession(given))
    return {"old": found.old.vkey, "new": found.new.vkey}


def previous_log(given: Json) -> Json:
    found, key = read_previous_log(_succession(given))
    return {"origin": found.origin, "size": found.size, "root": found.root.hex(), "vkey": key.vkey}


def tree_root(given: Json) -> Json:
    return {"root": root([unhex(leaf) for leaf in given["leaves"]]).hex()}


def inclusion(given: Json) -> Json:
    proof = [unhex(each) for each in given["proof"]]
    leaf, tree = unhex(given["leaf"]), unhex(given["root"])
    verify_inclusion(leaf, proof, index=given["index"], size=given["size"], root=tree)
    return {}


def multiproof(given: Json) -> Json:
    entries = ShownEntries()
    for each in given["entries"]:
        entries.add(each["index"], unhex(each["entry"]))
    proof = [unhex(each) for each in given["proof"]]
    entries.require_in(given["size"], unhex(given["root"]), proof)
    return {}


def consistency(given: Json) -> Json:
    proof = [unhex(each) for each in given["proof"]]
    sizes = {"size1": given["size1"], "size2": given["size2"]}
    verify_consistency(proof, root1=unhex(given["root1"]), root2=unhex(given["root2"]), **sizes)
    return {}


def whole_map(given: Json) -> Json:
    return {"root": map_root([(unhex(leaf["key"]), unhex(leaf["value"])) for leaf in given["leaves"]]).hex()}


def map_proof(given: Json) -> Json:
    siblings = tuple(unhex(each) for each in given["siblings"])
    shown, value = given["other_leaf"], given["value"]
    other = MapLeaf(unhex(shown["key"]), unhex(shown["value"])) if shown is not None else None
    absent = MapResult.NON_INCLUSION_PARENT if other is None else MapResult.NON_INCLUSION_LEAF
    proof = MapProof(MapResult.INCLUSION if value is not None else absent, len(siblings), siblings, other)
    claimed = unhex(value) if value is not None else None
    verify_map(proof, key=unhex(given["key"]), value=claimed, root=unhex(given["root"]))
    return {}


def verifier_key(given: Json) -> Json:
    verifier = parse_verifier(given["vkey"])
    return {
        "name": verifier.name,
        "type": verifier.kind,
        "public": verifier.public.hex(),
        "key_id": verifier.key_id.hex(),
    }


def web_key(given: Json) -> Json:
    verifier = parse_verifier(given["vkey"])
    return {"jwk": jwk(verifier.key_id.hex(), Ed25519PublicKey.from_public_bytes(verifier.public))}


def note(given: Json) -> Json:
    opened, attested = open_note(given["note"].encode(), [parse_verifier(vkey) for vkey in given["vkeys"]])
    signers = [
        {"name": each.verifier.name, "key_id": each.verifier.key_id.hex(), "time": each.time}
        for each in attested
    ]
    return {"text": opened.text, "signers": signers}


def checkpoint(given: Json) -> Json:
    verifiers = [parse_verifier(vkey) for vkey in given["vkeys"]]
    opened, _ = open_checkpoint(given["note"].encode(), given["origin"], verifiers)
    return {"size": opened.size, "root": opened.root.hex()}


def tile(given: Json) -> Json:
    read = parse_tile_path(given["path"])
    assert tile_path(read) == given["path"]
    level = "entries" if read.is_entries else read.level
    return {"level": level, "index": read.index, "width": read.width}


def entry_bundle(given: Json) -> Json:
    entries = decode_entries(unhex(given["bundle"]))
    assert encode_entries(entries).hex() == given["bundle"]
    return {"entries": [each.hex() for each in entries]}


def campaign_answer(given: Json) -> Json:
    question = canonical_json(given["question"])
    decision = decision_bytes(given["decision"])
    assert decision == canonical_json(given["decision"]), "a decision is written canonically either way"
    leaf = answer_leaf(
        unhex(given["subject"]), question_hash_of(question), given["at_ms"], given["position"], decision
    )
    return {"leaf": leaf.hex()}


def campaign_refusal(given: Json) -> Json:
    return {"leaf": refused_leaf(given["refused"]).hex()}


def _campaign_leaf(line: Json) -> bytes:
    return unhex((campaign_refusal(line) if "refused" in line else campaign_answer(line["answer"]))["leaf"])


def campaign_root(given: Json) -> Json:
    return {"root": root([_campaign_leaf(line) for line in given["lines"]]).hex()}


def campaign_line(given: Json) -> Json:
    leaf, proof = unhex(campaign_answer(given)["leaf"]), [unhex(each) for each in given["proof"]]
    verify_inclusion(leaf, proof, index=given["line"] - 1, size=given["count"], root=unhex(given["root"]))
    return {}


def token(given: Json) -> Json:
    verifiers = [parse_verifier(vkey) for vkey in given["vkeys"]]
    keys = {each.key_id.hex(): Ed25519PublicKey.from_public_bytes(each.public) for each in verifiers}
    return {"payload": open_token(given["token"], keys)}


def log(given: Json) -> Json:
    replay = Replay(
        origin=given["origin"],
        verifiers=[parse_verifier(vkey) for vkey in given["vkeys"]],
        forms={},
        subject_secret=unhex(given["subject_key_secret"]),
    )
    for each in given["entries"]:
        replay.feed(unhex(each["entry"]), _opened(each), (each.get("checkpoint") or "").encode() or None)
    replay.finish()
    return {
        "size": replay.size,
        "root": replay.frontier.root().hex(),
        "findings": [{"code": finding.code, "index": finding.index} for finding in replay.findings],
    }


def _opened(each: Json) -> Opened | Erased | None:
    if "erased" in each:
        return Erased(unhex(each["erased"]))
    if (shown := each.get("contents")) is None:
        return None
    evidence = shown["evidence"].encode() if "evidence" in shown else None
    return Opened(unhex(shown["opening"]), shown["record"].encode(), evidence)


READ: Final[Mapping[str, Callable[[Json], Json]]] = {
    "address/email": lambda given: address("email", given),
    "address/phone": lambda given: address("phone", given),
    "campaign/answer": campaign_answer,
    "campaign/line": campaign_line,
    "campaign/refusal": campaign_refusal,
    "campaign/root": campaign_root,
    "canonical-json/value": canonical,
    "chain/subject": subject_chain,
    "checkpoint/open": checkpoint,
    "commitment/evidence": evidence_committed,
    "commitment/record": record_committed,
    "entry/epoch": entry,
    "entry/erasure": entry,
    "entry/event": entry,
    "entry/genesis": entry,
    "entry/succession": entry,
    "form/id": form,
    "head/value": head,
    "key/jwk": web_key,
    "key/vkey": verifier_key,
    "log/audit": log,
    "map/proof": map_proof,
    "map/root": whole_map,
    "note/open": note,
    "record/read": record_read,
    "record/write": record_written,
    "subject-key/key": subject,
    "subject-key/secret": secret,
    "succession/key": key_succession,
    "succession/previous-log": previous_log,
    "tile/entries": entry_bundle,
    "tile/path": tile,
    "token/open": token,
    "tree/consistency": consistency,
    "tree/inclusion": inclusion,
    "tree/multiproof": multiproof,
    "tree/root": tree_root,
}
"""By the name of the file of vectors, below `schemas/vectors`."""
