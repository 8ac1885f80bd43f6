"""What a bundle is made of, read from one snapshot: histories, strata, entries, hashes and documents.

First the subjects are followed (the address, those it is linked with, the sender, those it succeeded), as
their histories say; then everything the proofs take is known and is read at once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from service.core.canonical import parse_canonical
from service.core.entries import EpochEntry, decode_entry, recorded_at_ms
from service.core.errors import ForkError, QuestionError, RootMismatchError
from service.core.events import Form, parse_form
from service.core.history import Part, named_forms, reach, reach_senders
from service.core.law.compiled import PackNotShownError
from service.core.law.context import Standings
from service.core.law.decision import decide
from service.core.law.question import Question
from service.core.law.rulebook import COMMON, Rulebook
from service.core.merkle import HashRange, plan_consistency, plan_multiproof
from service.core.prefix_map import (
    MapProof,
    MissingStrataError,
    Stratum,
    levels_for,
    plan_prefixes,
    prove,
)
from service.core.verify_answer import loaded_rulebook, named_packs
from service.ledger.addresses import CanonicalAddress
from service.ledger.answering.checks import LINKED_SUBJECTS_MAX
from service.ledger.appending.admission import Admission
from service.ledger.opening import History, Opener
from service.ledger.ports import DocumentRow, EntryRow, Head, Snapshot

_RULEBOOKS_KEPT_MAX = 16


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be shown: an address, and for a question its sender and times. `at_ms` None: no question.

    `held_size` is the size of a checkpoint the asker holds, from which the log's growth is to be proved.
    `through`: as the ledger was when it ended at this epoch. `also`: further entries to be shown.
    """

    address: CanonicalAddress
    sender: str | None = None
    at_ms: int | None = None
    known_at_ms: int | None = None
    held_size: int | None = None
    through: int | None = None
    also: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """One subject to be shown, and as of which epoch it counts (`through`; None: the newest).

    `history` is None for a subject the ledger holds nothing of.
    """

    role: Literal["address", "linked", "sender"]
    key: bytes
    address: CanonicalAddress | None
    history: History | None
    through: int | None = None

    @property
    def part(self) -> Part:
        """The subject's part in the question."""
        history = self.history
        part = Part(
            role=self.role,
            subject_key=self.key.hex(),
            name=self.address.value if self.role == "sender" and self.address is not None else None,
            exists=history is not None,
            logged=history.logged if history is not None else (),
            erasure=history.erasure if history is not None else None,
        )
        return part if self.through is None else part.through(self.through)


@dataclass(frozen=True, slots=True)
class RulebookInForce:
    """The rulebook that decides, under its hash, and every text that is needed to load it."""

    digest: bytes
    rulebook: Rulebook
    texts: dict[str, str]

    def needed_for(self, standings: Standings, question: Question, at_ms: int) -> dict[str, str]:
        """The texts that this answer takes: the rulebook, and the packs without which it is refused."""
        name, packs = self.digest.hex(), self.rulebook.document.packs
        body, shown = self.texts[name], {COMMON}
        while True:
            texts = {digest: self.texts[digest] for digest in sorted(packs[pack] for pack in shown)}
            part = loaded_rulebook(
                body.encode(), tuple((digest, text.encode()) for digest, text in texts.items())
            )
            try:
                decide(part, standings, question, at_ms)
            except PackNotShownError as missing:
                covering = self.rulebook.compiled.countries.get(missing.place)
                # That no pack covers a country is seen only where all are shown.
                shown = shown | {covering} if covering is not None else set(packs)
            else:
                return texts | {name: body}


@dataclass(frozen=True, slots=True)
class Material:
    """Everything a bundle is made of. `past`: indices of the epoch of `known_at_ms` and of the next one."""

    head: Head
    members: tuple[Member, ...]
    map_proofs: dict[bytes, MapProof]
    entries: dict[int, EntryRow]
    hashes: dict[HashRange, list[bytes]]
    forms: dict[str, Form]
    texts: dict[str, str]
    rulebook: RulebookInForce | None
    past: tuple[int, int] | None

    @property
    def indices(self) -> list[int]:
        """Every entry that is shown, in order."""
        return sorted(self.entries)


class Gatherer:
    """Reads what a bundle takes; keeps rulebooks, which never change, between calls."""

    def __init__(self, admission: Admission, opener: Opener) -> None:
        self._admission = admission
        self._opener = opener
        self._rulebooks: dict[bytes, RulebookInForce] = {}

    def subject_of(self, address: CanonicalAddress) -> bytes:
        """The subject key of an address."""
        if address.kind == "sender":
            return self._admission.subject_of_sender(address.value)
        return self._admission.subject_of(address)

    async def read(self, snapshot: Snapshot, head: Head, wanted: Wanted) -> Material:
        """Read it all as one state.

        Raises `QuestionError` for a time before the ledger began or a size it never had, and `ForkError` when
        the database contradicts itself.
        """
        members = await self._members(snapshot, wanted)
        past = await self._past(snapshot, head, wanted.known_at_ms)
        indices = {0, head.epoch_index, *(past or ()), *wanted.also}
        decided_at = past[0] if past else head.epoch_index
        if wanted.through is not None:
            decided_at = wanted.through
            indices.add(decided_at)
        for history in (member.history for member in members if member.history is not None):
            indices.update(history.notices, history.erased, (event.index for event in history.events))
        plan = set(plan_multiproof(indices, head.size, known=links(indices)))
        if wanted.held_size is not None:
            plan.update(_consistency_plan(wanted.held_size, head.size))
        entries = await snapshot.entries_at(sorted(indices))
        if entries.keys() != indices:
            raise ForkError("an entry that a proof needs is missing from the database")
        forms, texts = await self._forms(snapshot, members)
        return Material(
            head=head,
            members=members,
            map_proofs=await _map_proofs(snapshot, head, [member.key for member in members]),
            entries=entries,
            hashes=await snapshot.hashes(sorted(plan)),
            forms=forms,
            texts=texts,
            rulebook=await self._rulebook(snapshot, entries[decided_at])
            if wanted.at_ms is not None
            else None,
            past=past,
        )

    async def _members(self, snapshot: Snapshot, wanted: Wanted) -> tuple[Member, ...]:
        start = self._admission.subject_of(wanted.address)
        addresses: dict[bytes, History | None] = {}
        senders: dict[str, History | None] = {}
        new_addresses = {start}
        new_senders = {wanted.sender} if wanted.sender is not None else set()
        while new_addresses or new_senders:
            if len(addresses) + len(senders) + len(new_addresses) + len(new_senders) > LINKED_SUBJECTS_MAX:
                raise QuestionError("more linked addresses than are followed", code="too_many_links")
            keys = {name: self._admission.subject_of_sender(name) for name in new_senders}
            found = await self._opener.histories(snapshot, [*new_addresses, *keys.values()])
            addresses |= {key: found.get(key) for key in new_addresses}
            senders |= {name: found.get(key) for name, key in keys.items()}
            new_addresses, new_senders = _still_missing(start, addresses, senders, wanted)
        linked = [
            Member("linked", key, history.address if history else None, history, wanted.through)
            for key, history in sorted(addresses.items(), key=lambda item: item[0])
            if key != start
        ]
        asked = Member("address", start, wanted.address, addresses[start], wanted.through)
        named = [
            Member(
                role="sender",
                key=self._admission.subject_of_sender(name),
                address=CanonicalAddress("sender", name),
                history=history,
                through=wanted.through,
            )
            for name, history in senders.items()
        ]
        named.sort(key=lambda member: member.key)
        return (asked, *linked, *named)

    @staticmethod
    async def _past(snapshot: Snapshot, head: Head, known_at_ms: int | None) -> tuple[int, int] | None:
        """The epoch that was the newest at this time and the one after it; None when that is the head's."""
        if known_at_ms is None or known_at_ms >= head.recorded_at_ms:
            return None
        low, high = 0, head.size
        # Recorded times never go back, so the first entry after `known_at` is found by halving.
        while low < high:
            middle = (low + high) // 2
            if recorded_at_ms((await snapshot.entries_at([middle]))[middle].entry) <= known_at_ms:
                low = middle + 1
            else:
                high = middle
        if low == 0:
            raise QuestionError("the ledger did not exist then", pointer="/known_at", code="too_old")
        # All entries of a batch carry one time, so the last one of that time is an epoch.
        size, _ = await snapshot.covering_checkpoint(low)
        return low - 1, size - 1

    @staticmethod
    async def _forms(snapshot: Snapshot, members: Iterable[Member]) -> tuple[dict[str, Form], dict[str, str]]:
        names = named_forms(event for member in members for event in member.part.logged)
        rows = await snapshot.documents([bytes.fromhex(name) for name in sorted(names)]) if names else {}
        texts = {row.digest.hex(): row.body.decode() for row in rows.values() if row.kind == "form"}
        if texts.keys() != names:
            raise ForkError("a form that an event names is missing from the database")
        return {name: parse_form(parse_canonical(text.encode())) for name, text in texts.items()}, texts

    async def _rulebook(self, snapshot: Snapshot, epoch: EntryRow) -> RulebookInForce:
        entry = decode_entry(epoch.entry)
        if not isinstance(entry, EpochEntry):
            raise ForkError(f"entry {epoch.index} should be an epoch")
        digest = entry.rulebook_hash
        known = self._rulebooks.get(digest)
        if known is None:
            body = (await _documents(snapshot, [digest], "rulebook"))[digest].body
            names = named_packs(body).values()
            packs = await _documents(snapshot, [bytes.fromhex(name) for name in names], "pack")
            bodies = {row.digest.hex(): row.body for row in packs.values()}
            known = RulebookInForce(
                digest=digest,
                rulebook=loaded_rulebook(body, tuple(sorted(bodies.items()))),
                texts={name: text.decode() for name, text in (bodies | {digest.hex(): body}).items()},
            )
            if len(self._rulebooks) >= _RULEBOOKS_KEPT_MAX:
                self._rulebooks.clear()
            self._rulebooks[digest] = known
        return known


def links(indices: Iterable[int]) -> frozenset[int]:
    """The leaves whose hashes the entries at these indices tell: each names the one before it."""
    return frozenset(index - 1 for index in indices)


def _still_missing(
    start: bytes, addresses: dict[bytes, History | None], senders: dict[str, History | None], wanted: Wanted
) -> tuple[set[bytes], set[str]]:
    """Whom the histories read so far lead to. Links never depend on a form, so none is needed here."""
    times = {"at_ms": wanted.at_ms, "known_at_ms": wanted.known_at_ms}
    linked = {
        key.hex(): Member("linked", key, None, history, wanted.through).part.standing({}, **times)
        for key, history in addresses.items()
    }
    reached = {bytes.fromhex(name) for name in reach(start.hex(), linked).missing}
    if wanted.sender is None:
        return reached, set()
    named = {
        name: Member("sender", b"", None, history, wanted.through).part.standing({}, **times)
        for name, history in senders.items()
    }
    return reached, set(reach_senders(wanted.sender, named).missing)


def _consistency_plan(held_size: int, size: int) -> list[HashRange]:
    if not 0 < held_size <= size:
        raise QuestionError("the log does not have this size", pointer="/held_size", code="in_future")
    return plan_consistency(held_size, size)


async def _map_proofs(snapshot: Snapshot, head: Head, keys: Sequence[bytes]) -> dict[bytes, MapProof]:
    strata: dict[str, Stratum] = {}
    asked: set[str] = set()
    wanted = plan_prefixes(keys, levels_for(head.subject_count))
    while True:
        rows = await snapshot.strata(wanted)
        strata |= {prefix: Stratum.from_bytes(slots, prefix=prefix) for prefix, slots in rows.items()}
        asked |= wanted
        try:
            return {key: prove(strata, key) for key in keys}
        except MissingStrataError as error:
            wanted = set(error.prefixes)
            if wanted <= asked:
                raise ForkError("strata of the map are missing from the database") from error
        except RootMismatchError as error:
            raise ForkError(f"the map was changed behind the service's back: {error}") from error


async def _documents(snapshot: Snapshot, digests: Sequence[bytes], kind: str) -> dict[bytes, DocumentRow]:
    rows = await snapshot.documents(digests)
    if {row.digest for row in rows.values() if row.kind == kind} != set(digests):
        raise ForkError(f"a {kind} that the log names is missing from the database")
    return rows
