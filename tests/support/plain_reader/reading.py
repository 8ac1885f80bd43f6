"""A second reader of every format, written from `schemas/README.md` alone; no code is the service's.

That it agrees on every vector shows that the page suffices. It imports the standard library, `cryptography`
for Ed25519, and two tables (see `identities`).
"""

from collections.abc import Callable, Mapping
from typing import Final

from tests.support.plain_reader import audit, campaigns, identities, signed, successions, trees
from tests.support.plain_reader.identities import committed, head_value
from tests.support.plain_reader.texts import Json, read_json, require, unhex, write_json


def _canonical(given: Json) -> Json:
    raw = unhex(given["bytes"]) if "bytes" in given else given["text"].encode()
    return {"canonical": write_json(read_json(raw))}


def _inclusion(given: Json) -> Json:
    proof = [unhex(each, 32) for each in given["proof"]]
    trees.check_inclusion(
        unhex(given["leaf"], 32), given["index"], given["size"], proof, unhex(given["root"], 32)
    )
    return {}


def _multiproof(given: Json) -> Json:
    entries: dict[int, bytes] = {}
    for each in given["entries"]:
        raw = unhex(each["entry"])
        require(entries.setdefault(each["index"], raw) == raw, "two for one place")
    proof = [unhex(each, 32) for each in given["proof"]]
    trees.check_entries(entries, given["size"], proof, unhex(given["root"], 32))
    return {}


def _consistency(given: Json) -> Json:
    proof = [unhex(each, 32) for each in given["proof"]]
    roots = unhex(given["root1"], 32), unhex(given["root2"], 32)
    trees.check_consistency((given["size1"], given["size2"]), roots, proof)
    return {}


def _map_root(given: Json) -> Json:
    leaves = {unhex(leaf["key"], 32): unhex(leaf["value"], 32) for leaf in given["leaves"]}
    require(len(leaves) == len(given["leaves"]), "a key twice")
    return {"root": trees.map_root(leaves).hex()}


def _checkpoint(given: Json) -> Json:
    known = [signed.read_key(vkey) for vkey in given["vkeys"]]
    return signed.open_checkpoint(given["note"], given["origin"], known)


def _head(given: Json) -> Json:
    return {"value": head_value(given["event_count"], given["last_index"], unhex(given["chain"], 32)).hex()}


READ: Final[Mapping[str, Callable[[Json], Json]]] = {
    "address/email": lambda given: {"canonical": identities.email(given["value"])},
    "address/phone": lambda given: {"canonical": identities.phone(given["value"])},
    "campaign/answer": lambda given: {"leaf": campaigns.answered(given).hex()},
    "campaign/line": campaigns.line,
    "campaign/refusal": lambda given: {"leaf": campaigns.refused(given).hex()},
    "campaign/root": campaigns.root,
    "canonical-json/value": _canonical,
    "chain/subject": identities.chain,
    "checkpoint/open": _checkpoint,
    "commitment/evidence": lambda given: {
        "commitment": committed(b"clv1/evidence", given["opening"], given["evidence"]).hex()
    },
    "commitment/record": lambda given: {
        "commitment": committed(b"clv1/commit", given["opening"], given["record"]).hex()
    },
    "entry/epoch": trees.entry,
    "entry/erasure": trees.entry,
    "entry/event": trees.entry,
    "entry/genesis": trees.entry,
    "entry/succession": trees.entry,
    "form/id": identities.form,
    "head/value": _head,
    "key/jwk": signed.jwk,
    "key/vkey": signed.vkey,
    "log/audit": audit.audit,
    "map/proof": trees.check_map_proof,
    "map/root": _map_root,
    "note/open": lambda given: signed.open_note(given["note"], [*map(signed.read_key, given["vkeys"])]),
    "record/read": lambda given: identities.read_record(given["record"]),
    "record/write": identities.write_record,
    "subject-key/key": identities.subject_key,
    "subject-key/secret": identities.secret_commitment,
    "succession/key": successions.key,
    "succession/previous-log": successions.previous_log,
    "tile/entries": signed.entries,
    "tile/path": signed.tile,
    "token/open": signed.open_token,
    "tree/consistency": _consistency,
    "tree/inclusion": _inclusion,
    "tree/multiproof": _multiproof,
    "tree/root": lambda given: {"root": trees.tree_root([unhex(leaf, 32) for leaf in given["leaves"]]).hex()},
}
"""By the name of the file of vectors, below `schemas/vectors`."""
