"""The full replay (level L3): the log read from its first entry, all that is derived from it derived again.

An incremental state machine without I/O: it is handed entries in order, each with its opened record where one
is held, or with whose it was where that was erased, and the signed checkpoint of that size where there is
one. It never raises on bad data; what is wrong becomes a finding and the replay goes on. Checked for every
entry:

1. it decodes, its index follows, its link is the hash of the entry before, its time never goes back;
2. an event opens its commitment; its record names this log and its place in its subject's chain;
3. a key succession is signed by the key that signs so far and by the one that signs from then on;
4. a record that is missing is one that an erasure notice declares, together with all its person had before;
5. an epoch commits to the map of all heads so far, their number and the rulebook in force;
6. a checkpoint is signed by the log's key of its time, ends in an epoch, and has the root of the tree so far;
7. where time stamps are at hand, an epoch holds the hash of the newest one there was (`core.stamps`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from service.core.checkpoint import open_checkpoint
from service.core.entries import (
    Entry,
    EpochEntry,
    ErasureEntry,
    EventEntry,
    GenesisEntry,
    SuccessionEntry,
    decode_entry,
)
from service.core.erasures import Erasures
from service.core.errors import LedgerError, ProofError
from service.core.events import Form, recorded_from_body
from service.core.law.standing import EMPTY, decode_standing, encode_standing, fold, suppressed
from service.core.merkle import Frontier, TileRoot, hash_leaf
from service.core.notes import Verifier
from service.core.prefix_map import EMPTY_STRATUM, Stratum, root_of, update
from service.core.records import (
    ZERO_HASH,
    Record,
    chain,
    commitment,
    evidence_commitment,
    head_value,
    parse_record,
    secret_commitment,
)
from service.core.stamps import StampTrail
from service.core.succession import SIGNING_KEY, read_succession

FINDINGS_MAX: Final = 1_000
"""A ledger that is wrong everywhere is not described entry by entry."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that is not as it was signed. `index` is the entry's, None where it is no entry's."""

    code: str
    index: int | None
    message: str


class Opened(msgspec.Struct, frozen=True):
    """What is held of an event beside its entry."""

    opening: bytes
    record: bytes
    evidence: bytes | None = None


class Erased(msgspec.Struct, frozen=True):
    """What is held of an event whose contents were erased: whose it was.

    The map's roots show whether that is true. The chain needs no more than it, the index and the entry.
    """

    subject_key: bytes


class SubjectHead(NamedTuple):
    """A subject's chain as the replay derived it; `standing` encoded."""

    event_count: int
    last_index: int
    chain: bytes
    standing: bytes


class Replay:
    """Derives a ledger again. Read `findings`, `subjects`, `strata` and `frontier` when all was fed.

    `verifiers` are trusted: the key that the log was begun with, from which successions lead on. Who trusts a
    later one finds the first by `succession.key_history`. `keys` are those that sign at the end. Time stamps
    are followed where `stamps` is set before anything is fed.
    """

    def __init__(
        self,
        *,
        origin: str,
        verifiers: Sequence[Verifier],
        forms: Mapping[str, Form],
        subject_secret: bytes | None = None,
    ) -> None:
        self._origin = origin
        self._verifiers = tuple(verifiers)
        self._given_up: list[Verifier] = []
        self._forms = forms
        self._secret = subject_secret
        self._touched: set[bytes] = set()
        self._unopened: set[int] = set()
        self._erasures = Erasures()
        self._last_leaf_hash = ZERO_HASH
        self._last_epoch: tuple[int, EpochEntry] | None = None
        self._rulebook_hash: bytes | None = None
        self._map_is_known = True
        self.recorded_at_ms = 0
        self.last_note: bytes | None = None
        self.frontier = Frontier()
        self.subjects: dict[bytes, SubjectHead] = {}
        self.strata: dict[str, Stratum] = {"": EMPTY_STRATUM}
        self.findings: list[Finding] = []
        self.counts: Counter[str] = Counter()
        self.stamps: StampTrail | None = None

    @property
    def size(self) -> int:
        """How many entries were fed."""
        return self.frontier.size

    @property
    def last_leaf_hash(self) -> bytes:
        """Hash of the newest leaf."""
        return self._last_leaf_hash

    @property
    def keys(self) -> tuple[Verifier, ...]:
        """The keys that may sign a checkpoint of this size: one, where the log began with a trusted one."""
        return self._verifiers

    @property
    def map_root(self) -> bytes:
        """The root of the map as derived."""
        return root_of(self.strata[""])

    @property
    def rulebook_hash(self) -> bytes | None:
        """The rulebook that was announced last."""
        return self._rulebook_hash

    def find(self, code: str, index: int | None, message: str) -> None:
        """Note a finding."""
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(Finding(code, index, message))

    def feed(
        self, raw: bytes, opened: Opened | Erased | None, note: bytes | None, stamps: Sequence[bytes] = ()
    ) -> list[TileRoot]:
        """Take the next entry; the tiles it completes are returned.

        `opened` is what is held of an event, if anything; `note` the checkpoint signed for the size after it,
        `stamps` the time stamps of that.
        """
        index = self.size
        leaf_hash = hash_leaf(raw)
        completed = self.frontier.append(leaf_hash)
        try:
            entry = decode_entry(raw)
        except ProofError as error:
            self.find("entry_garbled", index, f"entry {index} is not an entry: {error}")
            self._map_is_known = False
        else:
            self._follow(index, entry)
            self._take(index, entry, opened)
            if note is not None and not isinstance(entry, EpochEntry):
                self.find("checkpoint_off_epoch", index, f"a checkpoint ends at entry {index}, no epoch")
        self._last_leaf_hash = leaf_hash
        if note is not None:
            self._check_note(index, note, stamps)
        return completed

    def _follow(self, index: int, entry: Entry) -> None:
        if entry.prev_leaf_hash != self._last_leaf_hash:
            self.find("link_broken", index, f"entry {index} does not follow the entry before it")
        if entry.recorded_at_ms < self.recorded_at_ms:
            self.find("time_went_back", index, f"entry {index} was recorded before the one before it")
        self.recorded_at_ms = max(self.recorded_at_ms, entry.recorded_at_ms)
        if isinstance(entry, GenesisEntry) != (index == 0):
            self.find("genesis_misplaced", index, f"entry {index}: a log has one genesis entry, its first")

    def _take(self, index: int, entry: Entry, opened: Opened | Erased | None) -> None:
        if isinstance(entry, EventEntry):
            self.counts["events"] += 1
            self._take_event(index, entry, opened)
        elif isinstance(entry, EpochEntry):
            self.counts["epochs"] += 1
            self._take_epoch(index, entry)
        elif isinstance(entry, GenesisEntry):
            self._take_genesis(index, entry)
        elif isinstance(entry, ErasureEntry):
            self._take_erasure(index, entry)
        elif isinstance(entry, SuccessionEntry) and entry.kind == SIGNING_KEY:
            self._take_succession(index, entry)

    def _take_succession(self, index: int, entry: SuccessionEntry) -> None:
        try:
            found = read_succession(index, entry)
        except ProofError as error:
            self.find("succession_invalid", index, f"the key succession at entry {index}: {error}")
            return
        if found.old not in self._verifiers or found.new in self._given_up:
            message = f"the key succession at entry {index} is not from the log's key to a new one"
            self.find("succession_invalid", index, message)
            return
        self.counts["successions"] += 1
        self._given_up.append(found.old)
        self._verifiers = (found.new,)

    def _take_genesis(self, index: int, entry: GenesisEntry) -> None:
        self._rulebook_hash = entry.rulebook_hash
        if entry.origin != self._origin:
            self.find("origin_differs", index, "the genesis entry names another log")
        if self._secret is not None and secret_commitment(self._secret) != entry.secret_commitment:
            self.find("subject_secret_differs", index, "the log was begun with another subject secret")
        begun_with = tuple(verifier for verifier in self._verifiers if verifier.vkey == entry.vkey)
        if not begun_with:
            self.find("key_differs", index, "the log was begun with another signing key")
        self._verifiers = begun_with or self._verifiers

    def _take_erasure(self, index: int, entry: ErasureEntry) -> None:
        """What a notice lists has no contents; of each person it lists, nothing older has any."""
        self.counts["erased"] += len(entry.indices)
        if any(listed not in self._unopened for listed in entry.indices):
            message = f"the notice at entry {index} lists what is no event, or what is still held"
            self.find("erasure_undone", index, message)
        self._unopened.difference_update(entry.indices)
        for key in self._erasures.declare(index, entry.indices, self._event_count):
            standing = encode_standing(suppressed(index=index, at_ms=entry.recorded_at_ms))
            self.subjects[key] = self.subjects[key]._replace(standing=standing)

    def _take_event(self, index: int, entry: EventEntry, opened: Opened | Erased | None) -> None:
        if isinstance(opened, Erased):
            self._unopened.add(index)
            self._erasures.emptied[index] = opened.subject_key
            self._lengthen(opened.subject_key, index, entry, self._head(opened.subject_key).standing)
            return
        if opened is None:
            self._unopened.add(index)
            # Whose event it was cannot be known any more, so neither can the map from here on.
            self._map_is_known = False
            return
        if commitment(opened.opening, opened.record) != entry.commitment:
            message = f"the contents held of entry {index} do not match its commitment"
            self.find("commitment_differs", index, message)
            self._map_is_known = False
            return
        try:
            record = parse_record(opened.record)
            self._extend(index, entry, record)
        except LedgerError as error:
            self.find("record_garbled", index, f"the record of entry {index} cannot be read: {error}")
            self._map_is_known = False
            return
        if opened.evidence is not None and record.evidence != evidence_commitment(
            opened.opening, opened.evidence
        ):
            self.find("evidence_differs", index, f"the evidence of entry {index} is not what was recorded")

    def _extend(self, index: int, entry: EventEntry, record: Record) -> None:
        """Put an event at the end of its subject's chain."""
        key = record.subject_key
        head = self._head(key)
        if record.origin != self._origin:
            self.find("record_of_another_log", index, f"the record of entry {index} names another log")
        if (record.seq, record.prev) != (head.event_count, head.chain):
            message = f"the record of entry {index} does not follow the one before it in its subject's chain"
            self.find("chain_broken", index, message)
        recorded = recorded_from_body(record.event)
        standing = fold(
            decode_standing(head.standing),
            recorded,
            index=index,
            recorded_at_ms=entry.recorded_at_ms,
            forms=self._forms,
        )
        self._lengthen(key, index, entry, encode_standing(standing))
        if recorded.type == "rulebook_published":
            self._rulebook_hash = bytes.fromhex(record.event["rulebook"])

    def _event_count(self, key: bytes) -> int:
        return self._head(key).event_count

    def _head(self, key: bytes) -> SubjectHead:
        return self.subjects.get(key) or SubjectHead(0, 0, ZERO_HASH, encode_standing(EMPTY))

    def _lengthen(self, key: bytes, index: int, entry: EventEntry, standing: bytes) -> None:
        head = self._head(key)
        reached = chain(head.chain, index, entry.commitment)
        self.subjects[key] = SubjectHead(head.event_count + 1, index, reached, standing)
        self._touched.add(key)

    def _take_epoch(self, index: int, entry: EpochEntry) -> None:
        heads = {key: self.subjects[key] for key in self._touched}
        self._touched.clear()
        for notice in self._erasures.incomplete():
            self.find("erasure_incomplete", notice, f"the notice at entry {notice} keeps part of a history")
        values = {
            key: head_value(head.event_count, head.last_index, head.chain) for key, head in heads.items()
        }
        self.strata.update(update(self.strata, values).changed)
        if self._map_is_known and entry.map_root != self.map_root:
            self.find("map_differs", index, f"the epoch at entry {index} commits to another map")
            self._map_is_known = False
        if self._map_is_known and entry.subject_count != len(self.subjects):
            self.find("subject_count_differs", index, f"the epoch at entry {index} counts other subjects")
        if self._map_is_known and entry.rulebook_hash != self._rulebook_hash:
            self.find("rulebook_differs", index, f"the epoch at entry {index} names another rulebook")
        expected = (
            (0, 0) if self._last_epoch is None else (self._last_epoch[1].epoch_no + 1, self._last_epoch[0])
        )
        if (entry.epoch_no, entry.previous_epoch_index) != expected:
            self.find("epoch_out_of_order", index, f"the epoch at entry {index} does not follow the last one")
        self._last_epoch = (index, entry)
        if self.stamps is not None:
            self.stamps.follow(index, entry)

    def _check_note(self, index: int, note: bytes, stamps: Sequence[bytes]) -> None:
        self.counts["checkpoints"] += 1
        self.last_note = note
        try:
            checkpoint, _ = open_checkpoint(note, self._origin, self._verifiers)
        except ProofError as error:
            self.find("checkpoint_unsigned", index, f"the checkpoint of size {index + 1}: {error}")
            return
        if checkpoint.size != index + 1 or checkpoint.root != self.frontier.root():
            self.find("root_differs", index, f"the tree of the first {index + 1} entries is not as signed")
        if self.stamps is not None:
            self.stamps.meet(stamps, checkpoint, self.recorded_at_ms)

    def finish(self) -> None:
        """Say what only the end can tell. Call once, after the last entry."""
        for index in sorted(self._unopened):
            self.find(
                "record_missing", index, f"the record of entry {index} is gone, and no notice declares it"
            )
        self.counts["subjects"] = len(self.subjects)
        if self._last_epoch is None or self._last_epoch[0] != self.size - 1:
            self.find("tail_uncovered", self.size - 1, "the log does not end in an epoch")
