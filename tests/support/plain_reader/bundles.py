"""A bundle, verified from `schemas/README.md` alone: all but making the answer again.

Of step 9 it checks that the answer shown was given as the line of a campaign, where it is one.
"""

from datetime import datetime
from typing import Any

from tests.support.plain_reader.campaigns import answered
from tests.support.plain_reader.histories import Histories
from tests.support.plain_reader.identities import (
    ZERO,
    committed,
    head_value,
    read_record,
    sha256,
    subject_key,
)
from tests.support.plain_reader.shapes import check, schema_of
from tests.support.plain_reader.signed import COSIGNATURE, ED25519, Key, open_checkpoint, open_token, read_key
from tests.support.plain_reader.texts import Json, RefusedError, read_canonical, require, unbase64, write_json
from tests.support.plain_reader.trees import (
    check_consistency,
    check_inclusion,
    check_map_proof,
    read_entry,
)

LARGEST = 64 * 1024 * 1024


def failing_step(text: str, vkeys: list[str], held: str | None) -> int | None:
    """The first of the steps 1 to 9 that fails, or None."""
    reader = Bundle(vkeys, held)
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

    def __init__(self, vkeys: list[str], held: str | None) -> None:
        self.vkeys, self.held = vkeys, held
        self.said: Json = {}
        self.keys: list[Key] = []
        self.size, self.root = 0, b""
        self.epoch: Json = {}
        self.genesis: Json = {}

    def steps(self, text: str) -> list[Any]:
        """The steps, in their order."""
        later = [self.signatures, self.consistency, self.ends, self.subject_keys, self.map, self.events]
        return [lambda: self.format(text), *later, self.documents, self.campaign]

    def format(self, text: str) -> None:
        """Step 1."""
        require(len(text.encode()) <= LARGEST, "too large")
        schema, said = schema_of("bundle"), read_canonical(text.encode())
        check(said, schema, schema)
        assert isinstance(said, dict)
        self.said = said

    def signatures(self) -> None:
        """Step 2."""
        known, origin = [read_key(vkey) for vkey in self.vkeys], self.said["origin"]
        pinned = [key for key in known if key.kind == ED25519]
        if not pinned:
            pinned = [read_key(read_entry(unbase64(self.said["genesis"]["entry"]))["vkey"])]
        self.keys = [key for key in pinned if (key.name, key.kind) == (origin, ED25519)]
        witnesses = [key for key in known if key.kind == COSIGNATURE]
        opened = open_checkpoint(self.said["checkpoint"], origin, [*self.keys, *witnesses])
        self.size, self.root = opened["size"], bytes.fromhex(opened["root"])
        unsigned = {name: part for name, part in self.said.items() if name != "signature"}
        message = b"clv1/bundle" + sha256(write_json(unsigned).encode())
        signed = self.said["signature"]
        signers = [key for key in self.keys if key.key_id.hex() == signed["key_id"]]
        require(signers, "another key")
        signers[0].check(unbase64(signed["value"]), message)
        if self.said["token"] is not None:
            open_token({"token": self.said["token"], "vkeys": self.vkeys})

    def consistency(self) -> None:
        """Step 3."""
        if self.held is None:
            return
        held = open_checkpoint(self.held, self.said["origin"], self.keys)
        root, shown = bytes.fromhex(held["root"]), self.said.get("consistency")
        if held["size"] == self.size:
            require(root == self.root, "a fork")
        elif held["size"] < self.size and shown is not None and shown["size"] == held["size"]:
            check_consistency((held["size"], self.size), (root, self.root), hashes(shown["proof"]))

    def leaf(self, shown: Json, index: int) -> Json:
        """What an entry says that is leaf `index` of the tree."""
        raw = unbase64(shown["entry"])
        check_inclusion(sha256(b"\0", raw), index, self.size, hashes(shown["proof"]), self.root)
        return read_entry(raw)

    def ends(self) -> None:
        """Step 4."""
        self.epoch = self.leaf(self.said["epoch"], self.size - 1)
        self.genesis = self.leaf(self.said["genesis"], 0)
        require(self.epoch["type"] == "epoch" and self.genesis["type"] == "genesis", "other entries")
        require(self.genesis["origin"] == self.said["origin"], "another log")
        require(self.genesis["prev_leaf_hash"] == ZERO.hex(), "not the first entry")

    def subject_keys(self) -> None:
        """Step 5."""
        subjects, secret = self.said["subjects"], self.said["subject_key_secret"]
        require([each["role"] for each in subjects].count("address") == 1, "not one address")
        named = [write_json(each["address"]) for each in subjects if each["address"] is not None]
        keys = [each["subject_key"] for each in subjects]
        require(len(set(named)) == len(named) and len(set(keys)) == len(keys), "one stands twice")
        for each in subjects:
            kind = each["address"]["kind"] if each["address"] is not None else "unknown"
            require(kind != "unknown" or each["role"] == "linked", "whose history?")
            require((kind == "sender") == (each["role"] == "sender"), "another role")
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
            head, value = each["head"], None
            if head is not None:
                chain = bytes.fromhex(head["chain"])
                value = head_value(head["event_count"], head["last_index"], chain).hex()
            siblings = [each.hex() for each in hashes(each["map_proof"]["siblings"])]
            other = each["map_proof"]["other_leaf"]
            asked = {"key": each["subject_key"], "value": value, "root": self.epoch["map_root"]}
            check_map_proof(asked | {"siblings": siblings, "other_leaf": other})

    def events(self) -> None:
        """Step 7."""
        self.histories = Histories(self.said, self.leaf)
        for each in self.said["subjects"]:
            self.histories.read(each, self.size)
        shown = {event["index"]: event["entry"] for each in self.said["subjects"] for event in each["events"]}
        times = [read_entry(unbase64(shown[index]))["recorded_at_ms"] for index in sorted(shown)]
        times = [self.genesis["recorded_at_ms"], *times, self.epoch["recorded_at_ms"]]
        require(times == sorted(times), "a time goes back")
        self.histories.check_notices()
        campaign = self.said.get("campaign")
        through = campaign["epoch"]["index"] if campaign is not None else None
        self.histories.check_closed(milliseconds, through)

    def documents(self) -> None:
        """Step 8."""
        texts = self.said["documents"]
        for name, text in texts.items():
            require(sha256(text.encode()).hex() == name, "another text")
        needed = {event["form"] for event in self.histories.all_events() if event.get("form") is not None}
        in_force, packs = self._rulebook(), dict[str, str]()
        if self.said["question"] is not None:
            require(in_force in texts, "no rulebook")
            rulebook = read_canonical(texts[in_force].encode())
            assert isinstance(rulebook, dict)
            packs = rulebook["packs"]
            needed |= {in_force, packs["common"]}
        require(needed <= texts.keys() <= needed | {*packs.values()}, "other documents")

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
        then, after = (self.leaf(past[name], past[name]["index"]) for name in ("epoch", "next"))
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
        epoch = self.leaf(shown, shown["index"])
        require(epoch["type"] == "epoch", "another entry")
        require(epoch["recorded_at_ms"] <= asked["at_ms"], "asked before its own state")
        return str(epoch["rulebook_hash"])

    def campaign(self) -> None:
        """Of step 9, that this answer was given as that line."""
        shown = self.said.get("campaign")
        if shown is None:
            return
        record = self._campaign_record(shown["event"])
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

    def _campaign_record(self, event: Json) -> Json:
        entry = self.leaf(event, event["index"])
        require(entry["type"] == "event" and event["record"] and event["opening"], "another entry")
        found = committed(b"clv1/commit", unbase64(event["opening"]).hex(), event["record"])
        require(found.hex() == entry["commitment"], "another record")
        return read_record(event["record"])


def milliseconds(stamp: str) -> int:
    """Milliseconds since 1970 of a recorded time."""
    moment = datetime.fromisoformat(stamp)
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000
