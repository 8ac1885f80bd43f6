"""From a submitted event to what waits for the head row: all that can be done before the lock is taken."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from service.core.canonical import canonical_json
from service.core.errors import EventError
from service.core.events import (
    Form,
    Participant,
    RecordedEvent,
    SubmittedEvent,
    check_times,
    participants,
    record_body,
    recorded_from_body,
)
from service.core.notes import Signer
from service.core.records import body_tag, dedup_key, evidence_commitment, source_tag, subject_key
from service.ledger.addresses import CanonicalAddress, canonical_address
from service.ledger.keys import LedgerKeys
from service.ledger.ports import Randomness

_OPENING_SIZE = 32
_PEOPLE = ("address", "other", "old", "new")
"""The parts that an address of the person plays whom the caller's `external_id` stands for."""
_POINTERS = {"old": "/from/value", "new": "/to/value", "other": "/other_addresses"}


class PendingDocument(Struct, frozen=True, gc=False):
    """A document that is published together with the event that announces it."""

    digest: bytes
    kind: str
    body: bytes


class PendingEntry(Struct, frozen=True, gc=False):
    """One leaf to come: the event as one subject's chain will hold it.

    `external_id`: the tag of the event's source and its own id for the person, which is no part of the leaf.
    """

    subject_key: bytes
    address: bytes
    body: bytes
    recorded: RecordedEvent
    opening: bytes
    evidence: bytes | None
    evidence_commitment: bytes | None
    external_id: tuple[bytes, str] | None = None


class Admitted(Struct, frozen=True, gc=False):
    """An event that needs nothing more but its place in the log."""

    entries: tuple[PendingEntry, ...]
    dedup_key: bytes
    body_tag: bytes
    forms: Mapping[str, Form] = {}
    documents: Sequence[PendingDocument] = ()
    rulebook_hash: bytes | None = None
    successor: Signer | None = None
    """The key that the log's signing key gives way to, right before this event."""


class Admission:
    """Canonicalises, names, commits: pure work over one ledger's keys."""

    def __init__(self, keys: LedgerKeys, random: Randomness) -> None:
        self._keys = keys
        self._random = random

    @property
    def origin(self) -> str:
        """The log that it admits to."""
        return self._keys.origin

    def subject_of(self, address: CanonicalAddress) -> bytes:
        """The subject key of a canonical address."""
        return subject_key(self._keys.subject_key_secret, address.kind, address.value)

    def subject_of_sender(self, sender: str) -> bytes:
        """The subject key of a sender: a sender has a chain of its own."""
        return subject_key(self._keys.subject_key_secret, "sender", sender)

    def admit(
        self,
        event: SubmittedEvent,
        now_ms: int,
        *,
        forms: Mapping[str, Form] | None = None,
        documents: Sequence[PendingDocument] = (),
        rulebook_hash: bytes | None = None,
    ) -> Admitted:
        """Everything the log will hold of this event but its place.

        Raises `EventError` or `AddressError` when it cannot be admitted.
        """
        check_times(event, now_ms)
        secret = self._keys.subject_key_secret
        evidence = _evidence(event)
        sides = [self._side(participant) for participant in participants(event)]
        keys = [subject_key(secret, kind, value) for kind, value, _ in sides]
        entries = []
        named = (source_tag(secret, event.source), event.external_id) if event.external_id else None
        if len(set(keys)) != len(keys):
            raise EventError("two of these addresses are the same", pointer="/address", code="duplicate")
        for position, (kind, value, role) in enumerate(sides):
            body = record_body(event, role, _counterpart(role, position, keys))
            entry = self._entry(keys[position], f"{kind}:{value}".encode(), body, evidence)
            if named is not None and kind != "sender" and role in _PEOPLE:
                entry = replace(entry, external_id=named)
            entries.append(entry)
        return Admitted(
            entries=tuple(entries),
            dedup_key=dedup_key(secret, event.source, event.source_event_id),
            body_tag=_body_tag(secret, entries, evidence),
            forms=forms or {},
            documents=documents,
            rulebook_hash=rulebook_hash,
        )

    def admit_for(self, event: SubmittedEvent, subject: bytes, now_ms: int) -> Admitted:
        """As `admit`, for a subject known by its key alone: a link in a message outlives the address.

        `event` has no address. Raises `EventError` for a time that cannot be.
        """
        check_times(event, now_ms)
        secret, evidence = self._keys.subject_key_secret, _evidence(event)
        entry = self._entry(subject, b"", record_body(event, "address", None), evidence)
        return Admitted(
            entries=(entry,),
            dedup_key=dedup_key(secret, event.source, event.source_event_id),
            body_tag=_body_tag(secret, [entry], evidence),
        )

    @staticmethod
    def _side(participant: Participant) -> tuple[str, str, str]:
        if participant.kind == "sender":
            return "sender", participant.value, participant.role
        pointer = _POINTERS.get(participant.role, "/address/value")
        address = canonical_address(participant.kind, participant.value, pointer=pointer)
        return address.kind, address.value, participant.role

    def _entry(
        self, key: bytes, address: bytes, body: dict[str, object], evidence: bytes | None
    ) -> PendingEntry:
        opening = self._random(_OPENING_SIZE)
        return PendingEntry(
            subject_key=key,
            address=address,
            body=canonical_json(body),
            recorded=recorded_from_body(body),
            opening=opening,
            evidence=evidence,
            evidence_commitment=evidence_commitment(opening, evidence) if evidence is not None else None,
        )


def _evidence(event: SubmittedEvent) -> bytes | None:
    return canonical_json(event.evidence) if event.evidence is not None else None


def _body_tag(secret: bytes, entries: Sequence[PendingEntry], evidence: bytes | None) -> bytes:
    """Over the subjects, then the bodies, then the evidence: what makes two events the same."""
    content = [*(entry.subject_key for entry in entries), *(entry.body for entry in entries), evidence or b""]
    return body_tag(secret, b"".join(content))


def _counterpart(role: str, position: int, keys: list[bytes]) -> str | None:
    """The subject on the other side: a pair names each other, a further address names the first."""
    if role == "other":
        return keys[0].hex()
    if role in ("old", "new", "from", "to"):
        return keys[1 - position].hex()
    return None
