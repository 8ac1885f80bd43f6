"""A bundle, verified from `schemas/bundle.md` alone: all but making the answer again.

Of step 9 it checks that the answer shown was given as the line of a campaign, where it is one.
"""

import re
import unicodedata
from datetime import datetime
from typing import Any

from tests.support.plain_reader.campaigns import answered
from tests.support.plain_reader.histories import Histories, event_entry
from tests.support.plain_reader.identities import (
    ZERO,
    committed,
    read_record,
    sha256,
    subject_key,
)
from tests.support.plain_reader.shapes import check, schema_of
from tests.support.plain_reader.signed import (
    COSIGNATURE,
    ED25519,
    Key,
    open_checkpoint,
    read_key,
    token_message,
)
from tests.support.plain_reader.successions import Row
from tests.support.plain_reader.texts import Json, RefusedError, read_canonical, require, unbase64, write_json
from tests.support.plain_reader.trees import (
    check_consistency,
    check_entries,
    check_inclusion,
    check_map_proof,
    read_entry,
)

CANONICAL = {
    "email": r"[^\x00- A-Z\x7f@]{1,64}@[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+",
    "phone": r"\+[1-9][0-9]{3,14}",
    "sender": r"[a-z0-9][a-z0-9._-]{0,63}",
}
UNSEEN = {"Cc", "Cf", "Co", "Zs", "Zl", "Zp"}
HASHES = {"prev_leaf_hash", "opening", "commitment", "evidence_hash"}
LARGEST = 64 * 1024 * 1024


def failing_step(text: str, vkeys: list[str], held: str | None, documents: list[str]) -> int | None:
    """The first of the steps 1 to 9 that fails, or None; `documents` are held beside the bundle."""
    reader = Bundle(vkeys, held, documents)
    for number, step in enumerate(reader.steps(text), start=1):
        try:
            step()
        except RefusedError:
            return number
    return None


def hashes(joined: str) -> list[bytes]:
    """The hashes of a proof."""
    raw = unbase64(joined)
    require(len(raw) % 32 == 0, "part of a hash")
    return [raw[at : at + 32] for at in range(0, len(raw), 32)]


class Bundle:
    """One bundle, step by step."""

    def __init__(self, vkeys: list[str], held: str | None, documents: list[str]) -> None:
        self.vkeys, self.held = vkeys, held
        self.beside = {sha256(text.encode()).hex(): text for text in documents}
        self.said: Json = {}
        self.keys: list[Key] = []
        self.size, self.root = 0, b""
        self.epoch: Json = {}
        self.genesis: Json = {}

    def steps(self, text: str) -> list[Any]:
        """The steps, in their order."""
        later = [self.signatures, self.consistency, self.entries, self.subject_keys, self.map, self.events]
        return [lambda: self.format(text), *later, self.documents, self.answered]

    def format(self, text: str) -> None:
        """Step 1."""
        require(len(text.encode()) <= LARGEST, "too large")
        schema, said = schema_of("bundle"), read_canonical(text.encode())
        check(said, schema, schema)
        assert isinstance(said, dict)
        self.said = said
        for event in (event for subject in said["subjects"] for event in subject["events"]):
            held, erased = {"opening", "event"} & event.keys(), "commitment" in event
            require(len(held) == (0 if erased else 2), "shown in part")
            require(len({"evidence", "evidence_hash"} & event.keys()) <= (not erased), "shown in part")
            for name in HASHES & event.keys():
                require(len(unbase64(event[name])) == 32, "another length")

    def signatures(self) -> None:
        """Step 2."""
        known, origin = [read_key(vkey) for vkey in self.vkeys], self.said["origin"]
        pinned = [key for key in known if key.kind == ED25519]
        # With a pinned key and no successions nothing is taken from the genesis: step 4 reads it.
        first = None if pinned and "successions" not in self.said else self._first_key()
        pinned = pinned or [first] if first is not None else pinned
        own = [key for key in pinned if (key.name, key.kind) == (origin, ED25519)]
        shown = self.said.get("successions")
        if shown is None:
            own = [key for key in own if self._began_with(key)]
        self.row = Row(first, origin, shown) if first is not None and shown is not None else None
        require(self.row is None or set(self.row.keys) & set(own), "no key that is trusted")
        self.keys_at = self.row.at if self.row is not None else lambda _size: own
        self.witnesses = [key for key in known if key.kind == COSIGNATURE]
        opened = self._open(self.said["checkpoint"])
        self.size, self.root = opened["size"], bytes.fromhex(opened["root"])
        self.keys = self.keys_at(self.size)
        unsigned = {name: part for name, part in self.said.items() if name != "signature"}
        message = b"clv1/bundle" + sha256(write_json(unsigned).encode())
        signed = self.said["signature"]
        signers = [key for key in self.keys if key.key_id.hex() == signed["key_id"]]
        require(signers, "another key")
        self.signer = signers[0]
        self.signer.check(unbase64(signed["value"]), message)

    def _began_with(self, key: Key) -> bool:
        try:
            return self._first_key() == key
        except RefusedError:
            return not self._is_genesis()  # garbled: step 4 says so

    def _is_genesis(self) -> bool:
        try:
            return bool(read_entry(unbase64(self.said["genesis"]))["type"] == "genesis")
        except RefusedError:
            return False

    def _first_key(self) -> Key:
        genesis = read_entry(unbase64(self.said["genesis"]))
        require(genesis["type"] == "genesis", "no genesis")
        return read_key(genesis["vkey"])

    def _open(self, note: str) -> Json:
        """A checkpoint of this log, by the key of its size."""
        size = note.split("\n")[1]
        require(size.isascii() and size.isdecimal() and len(size) < 20, "no size")
        return open_checkpoint(note, self.said["origin"], [*self.keys_at(int(size)), *self.witnesses])

    def consistency(self) -> None:
        """Step 3."""
        held = self._open(self.held) if self.held is not None else None
        for anchor in self.said.get("anchors", []):
            older = self._open(anchor["checkpoint"])
            require(older["size"] <= self.size, "newer than the bundle")
            roots = (bytes.fromhex(older["root"]), self.root)
            check_consistency((older["size"], self.size), roots, hashes(anchor["proof"]))
            if held is not None and held["size"] == older["size"]:
                require(held["root"] == older["root"], "a fork")
        if held is None:
            return
        root, shown = bytes.fromhex(held["root"]), self.said.get("consistency")
        if held["size"] == self.size:
            require(root == self.root, "a fork")
        elif held["size"] < self.size and shown is not None and shown["size"] == held["size"]:
            check_consistency((held["size"], self.size), (root, self.root), hashes(shown["proof"]))

    def entries(self) -> None:
        """Step 4."""
        said, self.raw = self.said, dict[int, bytes]()
        self._add(0, unbase64(said["genesis"]))
        self._add(self.size - 1, unbase64(said["epoch"]))
        placed = [*said.get("erasures", []), *said.get("successions", []), *said.get("past", {}).values()]
        if "campaign" in said:
            event = said["campaign"]["event"]
            text = write_json(event["record"])
            commitment = committed(b"clv1/commit", unbase64(event["opening"]).hex(), text)
            self._add(event["index"], event_entry(event, commitment))
            placed.append(said["campaign"]["epoch"])
        for each in placed:
            self._add(each["index"], unbase64(each["entry"]))
        self.histories = Histories(said)
        for subject in said["subjects"]:
            for index, raw in self.histories.put_together(subject):
                self._add(index, raw)
        self.read = {index: read_entry(raw) for index, raw in self.raw.items()}
        check_entries(self.raw, self.size, hashes(said["log_proof"]), self.root)
        self.epoch, self.genesis = self.read[self.size - 1], self.read[0]
        require(self.epoch["type"] == "epoch" and self.genesis["type"] == "genesis", "other entries")
        require(self.genesis["origin"] == said["origin"], "another log")
        require(self.genesis["prev_leaf_hash"] == ZERO.hex(), "not the first entry")

    def _add(self, index: int, raw: bytes) -> None:
        require(self.raw.setdefault(index, raw) == raw, "two for one place")

    def subject_keys(self) -> None:
        """Step 5."""
        subjects, secret = self.said["subjects"], self.said["subject_key_secret"]
        require([each["role"] for each in subjects].count("address") == 1, "not one address")
        named = [write_json(each["address"]) for each in subjects if each["address"] is not None]
        keys = [each["subject_key"] for each in subjects]
        placed = [(each["role"], each["subject_key"]) for each in subjects]
        require(placed == sorted(placed), "another order")
        require(len(set(named)) == len(named) and len(set(keys)) == len(keys), "one stands twice")
        for each in subjects:
            kind = each["address"]["kind"] if each["address"] is not None else "unknown"
            require(kind != "unknown" or each["role"] == "linked", "whose history?")
            require((kind == "sender") == (each["role"] == "sender"), "another role")
            if each["address"] is not None:
                value = each["address"]["value"]
                require(re.fullmatch(CANONICAL[kind], value), "not canonical")
                require(value == unicodedata.normalize("NFC", value) == value.lower(), "another spelling")
                require(not {unicodedata.category(char) for char in value} & UNSEEN, "nobody sees it")
        if secret is None:
            return
        committed = sha256(b"clv1/ksub", bytes.fromhex(secret)).hex()
        require(committed == self.genesis["secret_commitment"], "another secret")
        for each in subjects:
            if each["address"] is not None:
                value = {"kind": each["address"]["kind"], "address": each["address"]["value"]}
                require(subject_key(value | {"secret": secret})["key"] == each["subject_key"], "another key")

    def map(self) -> None:
        """Step 6."""
        for each in self.said["subjects"]:
            value = self.histories.map_value(each)
            proof = each["map_proof"]
            siblings, empty = hashes(proof["siblings"]), proof.get("empty", [])
            require(ZERO not in siblings, "an empty sibling as a hash")
            require(empty == sorted(set(empty)), "out of order")
            for place in empty:
                require(place <= len(siblings), "beyond the path")
                siblings.insert(place, ZERO)
            other = proof.get("other_leaf")
            if other is not None:
                other = {name: unbase64(other[name]).hex() for name in ("key", "value")}
            asked = {"key": each["subject_key"], "value": value, "root": self.epoch["map_root"]}
            check_map_proof(asked | {"siblings": [each.hex() for each in siblings], "other_leaf": other})

    def events(self) -> None:
        """Step 7."""
        self.histories.read_all(self.read)
        places = [event["index"] for one in self.said["subjects"] for event in one["events"]]
        require(len(set(places)) == len(places), "in two histories")
        times = [self.read[index]["recorded_at_ms"] for index in sorted(self.read)]
        require(times == sorted(times), "a time goes back")
        self.histories.check_notices()
        campaign = self.said.get("campaign")
        through = campaign["epoch"]["index"] if campaign is not None else None
        self.histories.check_closed(milliseconds, through)

    def documents(self) -> None:
        """Step 8."""
        shown = self.said["documents"]
        for name, text in shown.items():
            require(sha256(text.encode()).hex() == name, "another text")
        texts, may = self.beside | shown, set[str]()
        needed = {event["form"] for event in self.histories.all_events() if event.get("form") is not None}
        in_force = self._rulebook()
        if self.said["question"] is not None:
            require(in_force in texts, "no rulebook")
            rulebook = read_canonical(texts[in_force].encode())
            assert isinstance(rulebook, dict)
            may = {*rulebook["packs"].values()}
            needed |= {in_force, rulebook["packs"]["common"]}
        require(needed <= texts.keys() and shown.keys() <= needed | may, "other documents")

    def _rulebook(self) -> str:
        asked, past = self.said["question"], self.said.get("past")
        if "campaign" in self.said:
            require(past is None, "not needed")
            return self._campaign_rulebook(asked)
        known_at = asked["known_at_ms"] if asked is not None else None
        if known_at is None or known_at >= self.epoch["recorded_at_ms"]:
            require(past is None, "not needed")
            return str(self.epoch["rulebook_hash"])
        require(past is not None, "left out")
        assert past is not None
        then, after = (self.read[past[name]["index"]] for name in ("epoch", "next"))
        require(then["type"] == after["type"] == "epoch", "no epochs")
        require(after["previous_epoch_index"] == past["epoch"]["index"], "not the next")
        require(after["epoch_no"] == then["epoch_no"] + 1, "not the next")
        require(then["recorded_at_ms"] <= known_at < after["recorded_at_ms"], "not the newest then")
        return str(then["rulebook_hash"])

    def _campaign_rulebook(self, asked: Json | None) -> str:
        """What decided a line: that of the epoch it was answered from."""
        require(asked is not None and asked["known_at_ms"] is None, "a campaign that nothing belongs to")
        assert asked is not None
        shown = self.said["campaign"]["epoch"]
        epoch = self.read[shown["index"]]
        require(epoch["type"] == "epoch", "another entry")
        require(epoch["recorded_at_ms"] <= asked["at_ms"], "asked before its own state")
        return str(epoch["rulebook_hash"])

    def answered(self) -> None:
        """Of step 9, that the log signed this answer as a token, and gave it as that line of a campaign."""
        if self.said["token"] is not None:
            self._check_token(self.said["token"])
        shown = self.said.get("campaign")
        if shown is None:
            return
        record = read_record(write_json(shown["event"]["record"]))
        event, position = record["event"], shown["epoch"]["index"]
        require(record["origin"] == self.said["origin"], "another log")
        require(event["type"] == "campaign_checked", "no campaign")
        require(event["from_position"] <= position <= event["to_position"], "another state")
        require(position < shown["event"]["index"], "answered after it was recorded")
        address = next(each for each in self.said["subjects"] if each["role"] == "address")
        asked = self.said["question"]
        answer = {"subject": address["subject_key"], "question": asked["body"], "at_ms": asked["at_ms"]}
        answer |= {"position": position, "decision": self.said["decision"]}
        leaf, proof = answered(answer), hashes(shown["proof"])
        check_inclusion(leaf, shown["line"] - 1, event["count"], proof, bytes.fromhex(event["root"]))

    def _check_token(self, token: Json) -> None:
        asked = self.said["question"]
        require(asked is not None, "a token for no question")
        address = next(each for each in self.said["subjects"] if each["role"] == "address")
        claims = {"iss": self.said["origin"], "iat": token["iat"], "subject": address["subject_key"]}
        claims |= {"question": asked["body"], "decision": self.said["decision"], "rulebook": self._rulebook()}
        claims |= {"size": self.size, "root": self.root.hex()}
        if asked["known_at_ms"] is not None:
            claims["known_at_ms"] = asked["known_at_ms"]
        self.signer.check(unbase64(token["signature"]), token_message(self.signer, claims))


def milliseconds(stamp: str) -> int:
    """Milliseconds since 1970 of a recorded time."""
    moment = datetime.fromisoformat(stamp)
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000
