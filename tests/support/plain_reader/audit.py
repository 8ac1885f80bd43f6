"""A whole log, derived again from `schemas/README.md` alone: every code of its table, where it belongs."""

from typing import Any

from tests.support.plain_reader.identities import (
    ZERO,
    chained,
    committed,
    head_value,
    read_record,
    sha256,
)
from tests.support.plain_reader.shapes import schema_of
from tests.support.plain_reader.signed import Key, open_checkpoint, read_key
from tests.support.plain_reader.successions import read_succession
from tests.support.plain_reader.texts import Json, RefusedError, unhex
from tests.support.plain_reader.trees import map_root, read_entry, tree_root

KNOWN_TYPES = frozenset(schema_of("event")["discriminator"]["mapping"])


class Auditor:
    """Reads entry after entry and writes down what is wrong."""

    def __init__(self, origin: str, known: list[Key], secret: bytes) -> None:
        self.origin, self.known, self.secret = origin, known, secret
        self.findings: list[tuple[str, int]] = []
        self.leaves: list[bytes] = []
        self.heads: dict[bytes, tuple[int, int, bytes]] = {}
        self.unheld: list[int] = []
        self.emptied: dict[int, bytes] = {}
        self.declared: dict[bytes, set[int]] = {}
        self.owned: dict[bytes, list[int]] = {}
        self.notices: dict[bytes, int] = {}
        self.latest, self.epochs, self.rulebook = 0, [-1], ""
        self.given_up: list[Key] = []
        self.numbered = -1
        self.map_is_known = True

    def read(self, raw: bytes, contents: Json | None, note: str | None) -> None:
        """The next entry."""
        index, before = len(self.leaves), self.leaves[-1] if self.leaves else ZERO
        self.leaves.append(sha256(b"\0", raw))
        try:
            entry = read_entry(raw)
        except RefusedError:
            self.find("entry_garbled")
            self.map_is_known = False
        else:
            self._order(entry, before, index)
            getattr(self, f"_{entry['type']}")(entry, contents)
            if note is not None and entry["type"] != "epoch":
                self.find("checkpoint_off_epoch")
        if note is not None:
            self._note(note)

    def find(self, code: str, *, unless: object = False) -> None:
        """Write down a finding about the entry being read."""
        if not unless:
            self.findings.append((code, len(self.leaves) - 1))

    def _order(self, entry: Json, before: bytes, index: int) -> None:
        self.find("link_broken", unless=entry["prev_leaf_hash"] == before.hex())
        self.find("time_went_back", unless=entry["recorded_at_ms"] >= self.latest)
        self.latest = max(self.latest, entry["recorded_at_ms"])
        self.find("genesis_misplaced", unless=(entry["type"] == "genesis") == (index == 0))

    def _genesis(self, entry: Json, _contents: Json | None) -> None:
        self.rulebook = entry["rulebook_hash"]
        self.find("origin_differs", unless=entry["origin"] == self.origin)
        said = sha256(b"clv1/ksub", self.secret).hex()
        self.find("subject_secret_differs", unless=entry["secret_commitment"] == said)
        vkeys = []
        for key in self.known:
            try:
                vkeys.append(read_key(entry["vkey"]) == key)
            except RefusedError:
                vkeys.append(False)
        self.find("key_differs", unless=any(vkeys))
        self.known = [key for key, is_it in zip(self.known, vkeys, strict=True) if is_it] or self.known

    def _event(self, entry: Json, contents: Json | None) -> None:
        index = len(self.leaves) - 1
        if contents is None:
            self.unheld.append(index)
            self.map_is_known = False
            return
        if "erased" in contents:
            self.unheld.append(index)
            self.emptied[index] = unhex(contents["erased"], 32)
            self._lengthen(self.emptied[index], index, unhex(entry["commitment"]))
            return
        opening, text = contents["opening"], contents["record"]
        if committed(b"clv1/commit", opening, text).hex() != entry["commitment"]:
            self.find("commitment_differs")
            self.map_is_known = False
            return
        try:
            record = read_record(text)
            if record["event"].get("type") not in KNOWN_TYPES:
                raise RefusedError  # noqa: TRY301 - the same as a record that cannot be read
        except RefusedError:
            self.find("record_garbled")
            self.map_is_known = False
            return
        self._extend(record, index, unhex(entry["commitment"]))
        if "evidence" in contents:
            shown = committed(b"clv1/evidence", opening, contents["evidence"]).hex()
            self.find("evidence_differs", unless=record["evidence"] == shown)

    def _extend(self, record: Json, index: int, commitment: bytes) -> None:
        key = unhex(record["subject"])
        count, _, head = self.heads.get(key, (0, 0, ZERO))
        self.find("record_of_another_log", unless=record["origin"] == self.origin)
        self.find("chain_broken", unless=(record["seq"], record["prev"]) == (count, head.hex()))
        self._lengthen(key, index, commitment)
        if record["event"]["type"] == "rulebook_published":
            self.rulebook = record["event"]["rulebook"]

    def _lengthen(self, key: bytes, index: int, commitment: bytes) -> None:
        count, _, head = self.heads.get(key, (0, 0, ZERO))
        self.heads[key] = (count + 1, index, chained(head, index, commitment))
        self.owned.setdefault(key, []).append(index)

    def _epoch(self, entry: Json, _contents: Json | None) -> None:
        index = len(self.leaves) - 1
        for notice in sorted(set(self._incomplete())):
            self.findings.append(("erasure_incomplete", notice))
        self.notices.clear()
        values = {key: head_value(*head) for key, head in self.heads.items()}
        if self.map_is_known and entry["map_root"] != map_root(values).hex():
            self.find("map_differs")
            self.map_is_known = False
        if self.map_is_known:
            self.find("subject_count_differs", unless=entry["subject_count"] == len(self.heads))
            self.find("rulebook_differs", unless=entry["rulebook_hash"] == self.rulebook)
        expected = (self.numbered + 1, max(0, self.epochs[-1]))
        said = (entry["epoch_no"], entry["previous_epoch_index"])
        self.find("epoch_out_of_order", unless=said == expected)
        self.epochs.append(index)
        self.numbered = entry["epoch_no"]

    def _incomplete(self) -> list[int]:
        return [
            notice
            for key, notice in self.notices.items()
            if any(index < notice and index not in self.declared[key] for index in self.owned[key])
        ]

    def _erasure(self, entry: Json, _contents: Json | None) -> None:
        self.find("erasure_undone", unless=set(entry["indices"]) <= set(self.unheld))
        for index in entry["indices"]:
            if index in self.emptied:
                self.declared.setdefault(self.emptied[index], set()).add(index)
                self.notices[self.emptied[index]] = len(self.leaves) - 1
        self.unheld = [index for index in self.unheld if index not in entry["indices"]]

    def _succession(self, entry: Json, _contents: Json | None) -> None:
        if entry["kind"] != "signing-key":
            return
        try:
            old, new = read_succession(entry, len(self.leaves) - 1)
        except RefusedError:
            self.find("succession_invalid")
            return
        if old not in self.known or new in self.given_up:
            self.find("succession_invalid")
            return
        self.given_up.append(old)
        self.known = [new]

    def _note(self, note: str) -> None:
        try:
            said = open_checkpoint(note, self.origin, self.known)
        except RefusedError:
            self.find("checkpoint_unsigned")
            return
        own = {"size": len(self.leaves), "root": tree_root(self.leaves).hex()}
        self.find("root_differs", unless=said == own)

    def finish(self) -> list[Json]:
        """Everything that was found."""
        found = [*self.findings, *(("record_missing", index) for index in self.unheld)]
        if self.epochs[-1] != len(self.leaves) - 1:
            found.append(("tail_uncovered", len(self.leaves) - 1))
        return [{"code": code, "index": index} for code, index in found]


def _erased(each: Json) -> Json | None:
    return {"erased": each["erased"]} if "erased" in each else None


def audit(given: Json) -> dict[str, Any]:
    """What an audit of a log finds."""
    known = [read_key(vkey) for vkey in given["vkeys"]]
    auditor = Auditor(given["origin"], known, unhex(given["subject_key_secret"], 32))
    for each in given["entries"]:
        auditor.read(unhex(each["entry"]), each.get("contents") or _erased(each), each.get("checkpoint"))
    root = tree_root(auditor.leaves).hex()
    return {"size": len(auditor.leaves), "root": root, "findings": auditor.finish()}
