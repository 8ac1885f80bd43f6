"""One epoch, computed: from the locked head and what was read under it to every row of the batch. No I/O.

Order of work: `admit_genesis` or `add` for every event (place, record, commitment, chain, standing), then
`map_updates` into the prefix map, then `close` (epoch entry, tree, checkpoint).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from service.core.checkpoint import sign_checkpoint
from service.core.entries import (
    EpochEntry,
    ErasureEntry,
    encode_epoch,
    encode_erasure,
    encode_event,
    encode_succession,
)
from service.core.law.facts import Standing
from service.core.law.standing import EMPTY, decode_standing, encode_standing, fold, suppressed
from service.core.merkle import Frontier, TileRoot, hash_leaf
from service.core.notes import Signer
from service.core.records import ZERO_HASH, chain, commitment, head_value, record_bytes
from service.core.succession import KeyHistory, succession_entry
from service.ledger.appending.admission import Admitted, PendingEntry
from service.ledger.keys import LedgerKeys, Sealer, external_id_context
from service.ledger.ports import (
    Batch,
    Destruction,
    DocumentRow,
    EntryRow,
    Head,
    SealedRow,
    SecretRow,
    SubjectRow,
)

NOTICE_INDICES_MAX = 8_000
"""So many indices fit into one entry of the log with room to spare; more make further notices."""


class Receipt(Struct, frozen=True, gc=False):
    """What an append returns: the place of the event, and the checkpoint that already covers it."""

    index: int
    recorded_at_ms: int
    leaf_hash: bytes
    position: int
    checkpoint: bytes
    replayed: bool = False


@dataclass(slots=True)
class _SubjectState:
    """A subject while an epoch is built on it."""

    event_count: int
    last_index: int
    chain: bytes
    standing: Standing
    cipher: AESGCM
    wrapped_key: bytes
    addressless: bool


class Epoch:
    """The batch under construction."""

    def __init__(
        self, keys: LedgerKeys, sealer: Sealer, before: Head | None, now_ms: int, rulebook_hash: bytes
    ) -> None:
        """Start after `before` (None: at genesis). Recorded time never goes back, whatever the clock does."""
        self._keys = keys
        self._sealer = sealer
        self._before = before
        self._frontier = Frontier.from_bytes(before.frontier) if before else Frontier()
        self._last_leaf_hash = before.last_leaf_hash if before else ZERO_HASH
        self._rulebook_hash = rulebook_hash
        self._subjects: dict[bytes, _SubjectState] = {}
        self._new_subjects = 0
        self._leaves: list[bytes] = []
        self._entries: list[EntryRow] = []
        self._records: list[SealedRow] = []
        self._secrets: dict[bytes, SecretRow] = {}
        self._documents: list[DocumentRow] = []
        self._external_ids: dict[tuple[bytes, bytes], bytes] = {}
        self._tiles: list[TileRoot] = []
        self.signers = keys.signers
        self.history: KeyHistory | None = None
        self.anchor_hash = ZERO_HASH
        self._stored_secrets: set[bytes] = set()
        self._replaced_secrets: set[bytes] = set()
        self._destructions: list[Destruction] = []
        self.recorded_at_ms = max(before.recorded_at_ms, now_ms) if before else now_ms
        self.index = before.size if before else 0

    @property
    def last_leaf_hash(self) -> bytes:
        """Hash of the newest leaf: the link of the next entry."""
        return self._last_leaf_hash

    def load(self, rows: Mapping[bytes, tuple[SubjectRow, SecretRow | None]]) -> None:
        """Take over the touched subjects that exist already."""
        for key, (row, stored) in rows.items():
            if stored is None:
                # Erased: the chain goes on, under a key that opens nothing of what was before.
                cipher, secret = self._sealer.new_subject(key, b"")
                self._secrets[key] = secret
            else:
                secret = stored
                cipher = self._sealer.open_subject(key, secret.wrapped_key)
                self._stored_secrets.add(key)
            self._subjects[key] = _SubjectState(
                event_count=row.event_count,
                last_index=row.last_index,
                chain=row.chain,
                standing=decode_standing(row.standing),
                cipher=cipher,
                wrapped_key=secret.wrapped_key,
                addressless=secret.sealed_address_is_empty,
            )

    def append_entry(
        self, entry: bytes, dedup_key: bytes | None = None, body_tag: bytes | None = None
    ) -> bytes:
        """Put an encoded entry at the end and return its leaf hash."""
        leaf_hash = hash_leaf(entry)
        self._entries.append(EntryRow(self.index, entry, leaf_hash, dedup_key, body_tag))
        self._leaves.append(leaf_hash)
        self._last_leaf_hash = leaf_hash
        self.index += 1
        return leaf_hash

    def succeed(self, new: Signer) -> None:
        """Let the signing key give way: `history` names the new one, and this epoch is signed by both."""
        old = self.signers[0]
        entry = succession_entry(self._last_leaf_hash, self.recorded_at_ms, self.index, old=old, new=new)
        self.history = (self.history or self._keys.history).follow(self.index, entry)
        self.append_entry(encode_succession(entry))
        self.signers = (new, old)

    def erase(self, key: bytes, indices: Sequence[int], reason: int) -> list[int]:
        """Declare these events of a loaded subject destroyed, and go on under a new key without an address.

        `indices` ascend and are all that is held of it. Returns, for each, the index of its notice.
        """
        notices: list[int] = []
        state = self._subjects[key]
        for start in range(0, len(indices), NOTICE_INDICES_MAX):
            listed = tuple(indices[start : start + NOTICE_INDICES_MAX])
            notice = ErasureEntry(self._last_leaf_hash, self.recorded_at_ms, reason, listed)
            notices += [self.index] * len(listed)
            self.append_entry(encode_erasure(notice))
        state.cipher, secret = self._sealer.new_subject(key, b"")
        state.wrapped_key, state.addressless = secret.wrapped_key, True
        state.standing = suppressed(index=self.index - 1, at_ms=self.recorded_at_ms)
        self._put_secret(key, secret)
        return notices

    def destroy(self, destruction: Destruction) -> None:
        """Have this destroyed with the batch."""
        self._destructions.append(destruction)

    def add(self, event: Admitted) -> tuple[int, bytes]:
        """Give the event its place, one entry for each chain it concerns: index and hash of the first."""
        if event.successor is not None:
            self.succeed(event.successor)
        first = self.index
        for position, entry in enumerate(event.entries):
            named = (event.dedup_key, event.body_tag) if position == 0 else (None, None)
            self._add_entry(event, entry, *named)
        self._documents.extend(
            DocumentRow(document.digest, document.kind, first, document.body) for document in event.documents
        )
        if event.rulebook_hash is not None:
            self._rulebook_hash = event.rulebook_hash
        return first, self._leaves[first - self._first_index]

    @property
    def _first_index(self) -> int:
        return self.index - len(self._leaves)

    def _add_entry(
        self, event: Admitted, entry: PendingEntry, dedup_key: bytes | None, body_tag: bytes | None
    ) -> None:
        state = self._subjects.get(entry.subject_key) or self._new_subject(entry)
        if state.addressless and entry.address:
            # Erased, or known by a link alone until now: from here on the address is known again.
            sealed = self._sealer.seal(state.cipher, entry.address, entry.subject_key)
            # Written anew, so under the key that seals now: a process that knows it leaves no other behind.
            wrapped = self._sealer.rewrapped(entry.subject_key, state.wrapped_key)
            self._put_secret(entry.subject_key, SecretRow(wrapped, sealed))
            state.addressless = False
        index = self.index
        record = record_bytes(
            entry.body,
            origin=self._keys.origin,
            subject_key=entry.subject_key,
            seq=state.event_count,
            prev=state.chain,
            evidence=entry.evidence_commitment,
        )
        committed = commitment(entry.opening, record)
        self.append_entry(
            encode_event(self._last_leaf_hash, self.recorded_at_ms, committed), dedup_key, body_tag
        )
        state.chain = chain(state.chain, index, committed)
        state.event_count += 1
        state.last_index = index
        state.standing = fold(
            state.standing, entry.recorded, index=index, recorded_at_ms=self.recorded_at_ms, forms=event.forms
        )
        self._seal(state, entry, index, record)

    def _seal(self, state: _SubjectState, entry: PendingEntry, index: int, record: bytes) -> None:
        context = index.to_bytes(8)
        evidence = entry.evidence
        if entry.external_id is not None:
            tag, value = entry.external_id
            sealed = self._sealer.seal(state.cipher, value.encode(), external_id_context(tag))
            self._external_ids[entry.subject_key, tag] = sealed
        self._records.append(
            SealedRow(
                index=index,
                subject_key=entry.subject_key,
                sealed=self._sealer.seal(state.cipher, entry.opening + record, context),
                evidence=self._sealer.seal(state.cipher, evidence, context) if evidence is not None else None,
            )
        )

    def _new_subject(self, entry: PendingEntry) -> _SubjectState:
        cipher, secret = self._sealer.new_subject(entry.subject_key, entry.address)
        self._secrets[entry.subject_key] = secret
        state = _SubjectState(0, 0, ZERO_HASH, EMPTY, cipher, secret.wrapped_key, not entry.address)
        self._subjects[entry.subject_key] = state
        self._new_subjects += 1
        return state

    def _put_secret(self, key: bytes, secret: SecretRow) -> None:
        self._secrets[key] = secret
        if key in self._stored_secrets:
            self._replaced_secrets.add(key)

    def map_updates(self) -> dict[bytes, bytes]:
        """The map's new value for every subject this epoch touched."""
        return {
            key: head_value(state.event_count, state.last_index, state.chain)
            for key, state in self._subjects.items()
        }

    def close(self, map_root: bytes, strata: Mapping[str, bytes]) -> Batch:
        """End with the epoch entry that commits to the map, sign, and hand over every row."""
        head = self._close_head(map_root)
        return Batch(
            before=self._before,
            head=head,
            entries=self._entries,
            tiles=list(self._tiles),
            records=self._records,
            subjects=self._subject_rows(),
            secrets=self._secrets,
            strata=dict(strata),
            documents=self._documents,
            external_ids=self._external_ids,
            replaced_secrets=sorted(self._replaced_secrets),
            destructions=self._destructions,
        )

    def _close_head(self, map_root: bytes) -> Head:
        """Append the epoch entry, and return the head that the log has then."""
        before = self._before
        epoch = EpochEntry(
            prev_leaf_hash=self._last_leaf_hash,
            recorded_at_ms=self.recorded_at_ms,
            epoch_no=before.epoch_no + 1 if before else 0,
            previous_epoch_index=before.epoch_index if before else 0,
            subject_count=(before.subject_count if before else 0) + self._new_subjects,
            map_root=map_root,
            rulebook_hash=self._rulebook_hash,
            anchor_hash=self.anchor_hash,
        )
        epoch_index = self.index
        self.append_entry(encode_epoch(epoch))
        self._tiles = self._frontier.extend(self._leaves)
        root = self._frontier.root()
        return Head(
            size=self.index,
            epoch_no=epoch.epoch_no,
            epoch_index=epoch_index,
            recorded_at_ms=self.recorded_at_ms,
            subject_count=epoch.subject_count,
            last_leaf_hash=self._last_leaf_hash,
            frontier=self._frontier.to_bytes(),
            root=root,
            map_root=map_root,
            rulebook_hash=self._rulebook_hash,
            checkpoint=sign_checkpoint(self._keys.origin, self.index, root, self.signers),
        )

    def _subject_rows(self) -> dict[bytes, SubjectRow]:
        return {
            key: SubjectRow(state.event_count, state.last_index, state.chain, encode_standing(state.standing))
            for key, state in self._subjects.items()
        }
