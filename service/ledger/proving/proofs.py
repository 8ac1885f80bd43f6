"""Proofs: the bundle for one question, or for one address, read as one state, built and signed.

Every bundle is verified before it is handed out, as whoever receives it will: what a database was changed
into behind the service's back is never passed off as proof.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from service.core.bundle import (
    BUNDLE_BYTES_MAX,
    Bundle,
    CampaignEvent,
    PlacedEntry,
    ShownAddress,
    ShownCampaign,
    ShownConsistency,
    ShownEvent,
    ShownPast,
    ShownQuestion,
    ShownSubject,
    ShownToken,
    join_hashes,
    shown_map_proof,
    sign_bundle,
)
from service.core.campaign import answer_leaf, decision_bytes, question_hash_of
from service.core.canonical import canonical_json
from service.core.checkpoint import Checkpoint
from service.core.entries import EventEntry, decode_entry
from service.core.errors import ForkError, ProofError, QuestionError
from service.core.history import standings_of
from service.core.law.decision import decide, decision_body
from service.core.law.question import question_body
from service.core.merkle import prove_consistency, prove_multiproof
from service.core.records import commitment, parse_record
from service.core.token import signed_part, token_header
from service.core.verifier import verify_bundle
from service.core.verify_answer import token_claims
from service.ledger.addresses import CanonicalAddress
from service.ledger.answering.checks import Asked
from service.ledger.appending.admission import Admission
from service.ledger.catalogue import Catalogue
from service.ledger.key_following import follow, successions_until
from service.ledger.keys import LedgerKeys
from service.ledger.opening import OpenedEvent, Opener
from service.ledger.ports import UNMETERED, Clock, Head, Meter, Snapshot, Store
from service.ledger.proving.anchors import read_attested
from service.ledger.proving.material import Gatherer, Material, Member, Wanted, links

Documents = Literal["shown", "packs_by_hash", "by_hash"]
"""Which documents a bundle shows: all it needs; forms and rulebook, which are the ledger's own; or none."""


@dataclass(frozen=True, slots=True)
class _Answered:
    """A question with its answer, as a bundle shows them."""

    question: ShownQuestion
    decision: dict[str, Any]
    token: ShownToken | None
    texts: dict[str, str]


@dataclass(frozen=True, slots=True)
class CampaignLine:
    """Line `line` of a campaign: its event, the epoch it was answered from, its leaf hash and audit path."""

    event: OpenedEvent
    line: int
    position: int
    leaf: bytes
    proof: Sequence[bytes]


class Proofs:
    """Builds bundles. What one shows is what the ledger held in the one snapshot it was read from."""

    def __init__(
        self,
        store: Store,
        keys: LedgerKeys,
        admission: Admission,
        catalogue: Catalogue,
        *,
        opener: Opener,
        clock: Clock,
    ) -> None:
        self._store = store
        self._keys = keys
        self._catalogue = catalogue
        self._clock = clock
        self.meter: Meter = UNMETERED
        self._gatherer = Gatherer(admission, opener)

    async def bundle(
        self,
        asked: Asked | CanonicalAddress,
        *,
        disclose: bool,
        held_size: int | None = None,
        campaign: CampaignLine | None = None,
        documents: Documents = "shown",
        snapshot: Snapshot | None = None,
    ) -> bytes:
        """The signed bundle for a question, or for an address alone: then its history, without an answer.

        `disclose` hands out K_sub, by which anybody can find any address in any bundle of this ledger: it is
        for the regulator. `held_size`: the size of a checkpoint the asker holds; its consistency is proved.
        `campaign`: the line of a campaign that asked this. `snapshot`: the state to read, the newest if None.
        `documents`: which texts are shown, and which only named by their hashes, for who holds them.

        Raises `QuestionError` when it cannot be decided as asked, and `ForkError` when the database does not
        say what was signed.
        """
        if isinstance(asked, Asked) and not await self._catalogue.is_sender(asked.question.sender):
            raise QuestionError("no such sender is registered", pointer="/sender", code="unknown_sender")
        try:
            async with nullcontext(snapshot) if snapshot else self._store.snapshot() as state:
                bundle = await self._build(
                    state, asked, disclose=disclose, held_size=held_size, campaign=campaign
                )
        except ProofError as error:
            self.meter.contradicted()
            raise ForkError(f"what is stored cannot be proved: {error}") from error
        texts = bundle.documents
        bundle = msgspec.structs.replace(bundle, documents=_shown(texts, documents))
        raw = sign_bundle(bundle, self._keys.signer)
        if len(raw) > BUNDLE_BYTES_MAX:
            raise QuestionError("this history is too long for one bundle: export it", code="too_large")
        held = [text.encode() for text in texts.values()]
        verdict = verify_bundle(raw, verifiers=[self._keys.signer.verifier], documents=held)
        if not verdict.verified:
            self.meter.contradicted()
            failed = next(check for check in verdict.checks if check.outcome == "failed")
            raise ForkError(f"what is stored does not verify (step {failed.number}): {failed.detail}")
        return raw

    def subject_of(self, address: CanonicalAddress) -> bytes:
        """The subject key of an address."""
        return self._gatherer.subject_of(address)

    async def _build(
        self,
        snapshot: Snapshot,
        asked: Asked | CanonicalAddress,
        *,
        disclose: bool,
        held_size: int | None,
        campaign: CampaignLine | None,
    ) -> Bundle:
        head = await snapshot.head()
        await follow(self._keys, snapshot, head)
        now_ms = max(self._clock(), head.recorded_at_ms)
        wanted = _wanted(asked, head, now_ms, held_size)
        successions = successions_until(self._keys, head)
        wanted = replace(wanted, also=successions)
        if campaign is not None:
            wanted = replace(wanted, through=campaign.position, also=(*successions, campaign.event.index))
        material = await self._gatherer.read(snapshot, head, wanted)
        attested = await read_attested(snapshot, head)
        answered = self._answer(asked, material, wanted, now_ms) if isinstance(asked, Asked) else None
        secret = self._keys.subject_key_secret.hex() if disclose else None
        if campaign is not None and answered is not None:
            _require_leaf(campaign, answered, material)
        bundle = _assemble(self._keys.origin, material, answered, secret, held_size, campaign)
        return attested.shown_in(bundle, tuple(_placed(material, index) for index in successions))

    def _answer(self, asked: Asked, material: Material, wanted: Wanted, now_ms: int) -> _Answered:
        """Decide from the records themselves, as the verifier will."""
        at_ms, known_at_ms = wanted.at_ms, wanted.known_at_ms
        if material.rulebook is None or at_ms is None:
            raise QuestionError("nothing was asked")
        standings = standings_of(
            [member.part for member in material.members], material.forms, at_ms=at_ms, known_at_ms=known_at_ms
        )
        question = ShownQuestion(body=question_body(asked.question), at_ms=at_ms, known_at_ms=known_at_ms)
        decision = decision_body(decide(material.rulebook.rulebook, standings, asked.question, at_ms))
        token = None
        if asked.with_token:
            claims = token_claims(
                Checkpoint(self._keys.origin, material.head.size, material.head.root),
                subject=material.members[0].key.hex(),
                asked=question,
                decision=decision,
                rulebook=material.rulebook.digest,
                issued_at=now_ms // 1000,
            )
            # The key that signs the bundle too: nothing is waited for in between.
            signer = self._keys.signer
            header = token_header(signer.verifier.key_id.hex())
            signature = signer.private.sign(signed_part(header, claims))
            token = ShownToken(iat=now_ms // 1000, signature=signature)
        texts = material.rulebook.needed_for(standings, asked.question, at_ms)
        return _Answered(question, decision, token, texts)


def _shown(texts: dict[str, str], documents: Documents) -> dict[str, str]:
    """Those of the texts that are shown. All but packs are the ledger's own, and JSON."""
    if documents == "by_hash":
        return {}
    return {name: text for name, text in texts.items() if documents == "shown" or text.startswith("{")}


def _wanted(asked: Asked | CanonicalAddress, head: Head, now_ms: int, held_size: int | None) -> Wanted:
    if isinstance(asked, CanonicalAddress):
        return Wanted(asked, held_size=held_size)
    if asked.min_position is not None and asked.min_position > head.position:
        raise QuestionError("this position does not exist", pointer="/min_position", code="in_future")
    return Wanted(
        address=asked.address,
        sender=asked.question.sender,
        at_ms=asked.at_ms if asked.at_ms is not None else now_ms,
        known_at_ms=asked.known_at_ms,
        held_size=held_size,
    )


def _require_leaf(campaign: CampaignLine, answered: _Answered, material: Material) -> None:
    """Refuse what the line did not ask, before it is taken for a database that was altered."""
    leaf = answer_leaf(
        material.members[0].key,
        question_hash_of(canonical_json(answered.question.body)),
        answered.question.at_ms,
        campaign.position,
        decision_bytes(answered.decision),
    )
    if leaf != campaign.leaf:
        raise QuestionError(
            "this line asked something else, or what it was answered from was erased since",
            pointer="/line",
            code="other_line",
        )


def _assemble(
    origin: str,
    material: Material,
    answered: _Answered | None,
    secret: str | None,
    held_size: int | None,
    campaign: CampaignLine | None,
) -> Bundle:
    head, indices = material.head, material.indices
    proof = prove_multiproof(indices, head.size, material.hashes, known=links(indices))
    texts = material.texts | (answered.texts if answered is not None else {})
    bundle = Bundle(
        origin=origin,
        checkpoint=head.checkpoint.decode(),
        genesis=material.entries[0].entry,
        epoch=material.entries[head.epoch_index].entry,
        log_proof=join_hashes(proof),
        subjects=tuple(_subject(member, material) for member in material.members),
        documents=texts,
        question=answered.question if answered is not None else None,
        decision=answered.decision if answered is not None else None,
        token=answered.token if answered is not None else None,
        subject_key_secret=secret,
    )
    if campaign is not None:
        bundle = msgspec.structs.replace(bundle, campaign=_campaign(campaign, material))
    return _with_extras(bundle, material, held_size)


def _placed(material: Material, index: int) -> PlacedEntry:
    return PlacedEntry(index=index, entry=material.entries[index].entry)


def _campaign(campaign: CampaignLine, material: Material) -> ShownCampaign:
    opened = campaign.event
    entry = decode_entry(material.entries[opened.index].entry)
    return ShownCampaign(
        event=CampaignEvent(
            index=opened.index,
            prev_leaf_hash=entry.prev_leaf_hash,
            recorded_at_ms=entry.recorded_at_ms,
            opening=opened.opening,
            record=msgspec.json.decode(opened.record),
        ),
        epoch=_placed(material, campaign.position),
        line=campaign.line,
        proof=join_hashes(campaign.proof),
    )


def _with_extras(bundle: Bundle, material: Material, held_size: int | None) -> Bundle:
    notices = {notice for member in material.members if member.history for notice in member.history.notices}
    consistency = None
    if held_size is not None:
        proof = prove_consistency(held_size, material.head.size, material.hashes)
        consistency = ShownConsistency(size=held_size, proof=join_hashes(proof))
    past = material.past
    return msgspec.structs.replace(
        bundle,
        consistency=consistency or UNSET,
        erasures=tuple(_placed(material, index) for index in sorted(notices)) or UNSET,
        past=ShownPast(epoch=_placed(material, past[0]), next=_placed(material, past[1]))
        if past is not None
        else UNSET,
    )


def _subject(member: Member, material: Material) -> ShownSubject:
    history, address = member.history, member.address
    events: list[ShownEvent] = []
    if history is not None:
        opened = {event.index: event for event in history.events}
        events = [_event(material, index, opened.get(index)) for index in sorted([*opened, *history.erased])]
    return ShownSubject(
        role=member.role,
        subject_key=member.key.hex(),
        address=msgspec.convert({"kind": address.kind, "value": address.value}, ShownAddress)
        if address is not None
        else None,
        map_proof=shown_map_proof(material.map_proofs[member.key]),
        events=tuple(events),
    )


def _event(material: Material, index: int, opened: OpenedEvent | None) -> ShownEvent:
    entry = decode_entry(material.entries[index].entry)
    if not isinstance(entry, EventEntry):
        raise ForkError(f"entry {index} should be an event")
    shown = ShownEvent(
        index=index,
        prev_leaf_hash=entry.prev_leaf_hash,
        recorded_at_ms=entry.recorded_at_ms,
        commitment=entry.commitment,
    )
    if opened is None:
        return shown
    if commitment(opened.opening, opened.record) != entry.commitment:
        # What is shown would follow from the record alone, and hide that the entry was altered.
        raise ForkError(f"entry {index} is not what its record was committed to")
    record = parse_record(opened.record)
    evidence = msgspec.json.decode(opened.evidence) if opened.evidence is not None else UNSET
    return msgspec.structs.replace(
        shown,
        commitment=UNSET,
        opening=opened.opening,
        event=record.event,
        evidence=evidence,
        evidence_hash=UNSET if record.evidence is None or opened.evidence is not None else record.evidence,
    )
