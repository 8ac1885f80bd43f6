"""Steps 5 to 7 of the verification: whose history is shown, that it is whole, that it is in the log."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from msgspec import UNSET

from service.core.bundle import (
    Bundle,
    PlacedLeaf,
    ShownEvent,
    ShownLeaf,
    ShownSubject,
    read_map_proof,
    split_hashes,
)
from service.core.entries import (
    EpochEntry,
    ErasureEntry,
    EventEntry,
    GenesisEntry,
    decode_entry,
    recorded_at_ms,
)
from service.core.errors import ProofError
from service.core.events import RecordedEvent
from service.core.events.configuration import BusinessTransferred, SenderRenamed
from service.core.history import (
    Erasure,
    LoggedEvent,
    Part,
    Reach,
    logged_event,
    reach,
    reach_senders,
)
from service.core.law.facts import Standing
from service.core.merkle import hash_leaf, verify_inclusion
from service.core.prefix_map import verify_map
from service.core.records import (
    ZERO_HASH,
    Record,
    chain,
    commitment,
    evidence_commitment,
    head_value,
    parse_record,
    secret_commitment,
    subject_key,
)
from service.core.verdict import Report


@dataclass(frozen=True, slots=True)
class Tree:
    """The signed tree: at `size` leaves it has this root."""

    size: int
    root: bytes

    def require(self, leaf: ShownLeaf | PlacedLeaf | ShownEvent, index: int) -> None:
        """Raise `ProofError` unless the entry shown is leaf `index`."""
        proof = split_hashes(leaf.proof)
        verify_inclusion(hash_leaf(leaf.entry), proof, index=index, size=self.size, root=self.root)


def check_keys(bundle: Bundle, genesis: GenesisEntry, report: Report) -> None:
    """Step 5. Raises `ProofError`."""
    _check_roles(bundle)
    if bundle.subject_key_secret is None:
        report.not_checked(
            "key binding",
            "The subject key secret is not disclosed: that the histories shown are those of the addresses and"
            " senders named is not checked.",
        )
        return
    secret = bytes.fromhex(bundle.subject_key_secret)
    if secret_commitment(secret) != genesis.secret_commitment:
        raise ProofError("The disclosed secret is not the one the log was begun with.")
    named = [(subject.subject_key, subject.address) for subject in bundle.subjects]
    for key, address in named:
        if address is not None and subject_key(secret, address.kind, address.value).hex() != key:
            raise ProofError("A history is shown under another subject's address or name.")
    report.passed("key binding", "Every address and sender shown leads to its subject key.")
    unknown = sum(address is None for _, address in named)
    if unknown:
        report.not_checked("erased addresses", f"{unknown} linked address(es) are not known any more.")


def _check_roles(bundle: Bundle) -> None:
    roles = [subject.role for subject in bundle.subjects]
    if roles.count("address") != 1:
        raise ProofError("A bundle is about exactly one address.")
    keys = [subject.subject_key for subject in bundle.subjects]
    named = [subject.address for subject in bundle.subjects if subject.address is not None]
    if len(set(keys)) != len(keys) or len(set(named)) != len(named):
        raise ProofError("A subject is shown twice.")
    for subject in bundle.subjects:
        if subject.address is None:
            if subject.role != "linked":
                raise ProofError("It is not said whose history is shown.")
        elif (subject.address.kind == "sender") != (subject.role == "sender"):
            raise ProofError("A subject is shown in a part its kind cannot play.")


def check_map(bundle: Bundle, epoch: EpochEntry, report: Report) -> None:
    """Step 6. Raises `ProofError`."""
    for subject in bundle.subjects:
        key, head = bytes.fromhex(subject.subject_key), subject.head
        value = None
        if head is not None:
            value = head_value(head.event_count, head.last_index, bytes.fromhex(head.chain))
        proof = read_map_proof(subject.map_proof, present=value is not None)
        verify_map(proof, key=key, value=value, root=epoch.map_root)
    present = sum(subject.head is not None for subject in bundle.subjects)
    absent = len(bundle.subjects) - present
    report.passed("map", f"{present} subject(s) stand in the signed map with this head, {absent} do not.")


def check_events(bundle: Bundle, tree: Tree, report: Report) -> list[Part]:
    """Step 7, each history for itself. Returns the histories, found whole. Raises `ProofError`."""
    notices = _notices(bundle, tree)
    parts = [_check_chain(subject, bundle.origin, tree, notices) for subject in bundle.subjects]
    _check_times(bundle)
    events = [event for subject in bundle.subjects for event in subject.events]
    report.passed(
        "events",
        f"{len(events)} event(s) open, follow each other without a gap up to the head, and are in the log.",
    )
    emptied = {event.index for event in events if event.record is None}
    if any(emptied.isdisjoint(notice.indices) for notice in notices.values()):
        raise ProofError("An erasure notice is shown that explains nothing.")
    if emptied:
        report.not_checked(
            "erased events",
            f"The contents of {len(emptied)} event(s) were destroyed, as a notice in the log says; they count"
            " as a no to everything.",
        )
    evidence = sum(event.evidence is not UNSET for event in events)
    if evidence:
        report.passed("evidence", f"{evidence} piece(s) of evidence are the ones recorded.")
    return parts


def check_links(bundle: Bundle, parts: Iterable[Part], report: Report) -> None:
    """Step 7, all histories together: everybody a decision needs is shown, and nobody else.

    Raises `ProofError`.
    """
    question = bundle.question
    at_ms, known_at_ms = (question.at_ms, question.known_at_ms) if question is not None else (None, None)
    addresses: dict[str, Standing | None] = {}
    senders: dict[str, Standing | None] = {}
    start = ""
    for part in parts:
        # Links never depend on a form, so none is needed before step 8 has checked them.
        standing = part.standing({}, at_ms=at_ms, known_at_ms=known_at_ms) if part.exists else None
        if part.role == "sender":
            senders[part.name or ""] = standing
        else:
            addresses[part.subject_key] = standing
            start = part.subject_key if part.role == "address" else start
    _check_reach(reach(start, addresses), addresses, "address")
    asked = question.body.get("sender") if question is not None else None
    needed = reach_senders(asked, senders) if isinstance(asked, str) else Reach(frozenset(), frozenset())
    _check_reach(needed, senders, "sender")
    report.passed("completeness", "Everybody whose history is needed is shown, and nobody else.")


def _check_reach(needed: Reach, shown: Mapping[str, Standing | None], what: str) -> None:
    if needed.missing:
        raise ProofError(f"A linked {what} is left out.")
    if needed.reached != shown.keys():
        raise ProofError(f"A {what} is shown that has no link to the question.")


def _notices(bundle: Bundle, tree: Tree) -> dict[int, ErasureEntry]:
    notices: dict[int, ErasureEntry] = {}
    for leaf in bundle.erasures if bundle.erasures is not UNSET else ():
        tree.require(leaf, leaf.index)
        entry = decode_entry(leaf.entry)
        if not isinstance(entry, ErasureEntry):
            raise ProofError("What should be an erasure notice is another entry.")
        if notices and leaf.index <= max(notices):
            raise ProofError("Erasure notices are shown out of order.")
        notices[leaf.index] = entry
    return notices


def _check_chain(subject: ShownSubject, origin: str, tree: Tree, notices: dict[int, ErasureEntry]) -> Part:
    """One subject: every event opens, links to the one before, stands in the log, and leads to the head."""
    head, reached, last = ZERO_HASH, len(subject.events), -1
    logged: list[LoggedEvent] = []
    covering: set[int] = set()
    for seq, event in enumerate(subject.events):
        if not last < event.index < tree.size - 1:
            raise ProofError("Events are shown out of order, or beyond the last epoch.")
        last = event.index
        entry = decode_entry(event.entry)
        if not isinstance(entry, EventEntry):
            raise ProofError("What should be an event is another entry.")
        if event.record is not None and event.opening is not None:
            record = open_record(event, event.opening, event.record, entry)
            if (record.seq, record.prev) != (seq, head):
                raise ProofError("A record does not follow the one before it.")
            if record.origin != origin or record.subject_key.hex() != subject.subject_key:
                raise ProofError("A record belongs to another log or another subject.")
            logged.append(logged_event(event.index, entry.recorded_at_ms, record))
            _check_named(subject, logged[-1].recorded)
        else:
            covering.add(_covering(event, notices))
        tree.require(event, event.index)
        head = chain(head, event.index, entry.commitment)
    _check_head(subject, reached, last, head)
    return Part(
        role=subject.role,
        subject_key=subject.subject_key,
        name=subject.address.value if subject.role == "sender" and subject.address is not None else None,
        exists=subject.head is not None,
        logged=tuple(logged),
        erasure=_erasure(logged, covering, notices),
    )


def open_record(event: ShownEvent, opening: bytes, text: str, entry: EventEntry) -> Record:
    """The record that an entry commits to. Raises `ProofError` when this is another one."""
    raw = text.encode()
    if commitment(opening, raw) != entry.commitment:
        raise ProofError("A record is not the one its entry commits to.")
    record = parse_record(raw)
    if event.evidence is not UNSET and record.evidence != evidence_commitment(
        opening, event.evidence.encode()
    ):
        raise ProofError("A piece of evidence is not the one recorded.")
    return record


def _check_named(subject: ShownSubject, recorded: RecordedEvent) -> None:
    """A sender's events name it in clear, so its history is its own even where no secret is disclosed."""
    if subject.role != "sender" or subject.address is None:
        return
    event = recorded.event
    if isinstance(event, SenderRenamed | BusinessTransferred):
        named: str | None = event.from_sender if recorded.role == "from" else event.to_sender
    else:
        named = event.sender
    if named != subject.address.value:
        raise ProofError("An event of another sender is shown.")


def _covering(event: ShownEvent, notices: dict[int, ErasureEntry]) -> int:
    """The notice that says this event's contents were destroyed."""
    if event.record is not None or event.opening is not None or event.evidence is not UNSET:
        raise ProofError("An event is shown in part.")
    for index in sorted(notices, reverse=True):
        if event.index < index and event.index in notices[index].indices:
            return index
    raise ProofError("An event is shown without contents, and no erasure notice explains it.")


def _erasure(
    logged: list[LoggedEvent], covering: set[int], notices: dict[int, ErasureEntry]
) -> Erasure | None:
    """The newest notice about this subject. Whoever erases, erases everything: nothing is picked out."""
    if not covering:
        return None
    newest = max(covering)
    if any(event.index < newest for event in logged):
        raise ProofError("Part of a history was destroyed and an older part was kept.")
    return Erasure(newest, notices[newest].recorded_at_ms)


def _check_head(subject: ShownSubject, count: int, last: int, reached: bytes) -> None:
    head = subject.head
    if head is None:
        if count:
            raise ProofError("Events are shown of a subject that is said to have none.")
        return
    if (head.event_count, head.last_index) != (count, last):
        raise ProofError("The events shown are not as many, or not up to the one, that the head says.")
    if bytes.fromhex(head.chain) != reached:
        raise ProofError("The events shown do not lead to the head of the chain.")


def _check_times(bundle: Bundle) -> None:
    """Recorded times never go back along the log."""
    placed = {event.index: event.entry for subject in bundle.subjects for event in subject.events}
    times = [recorded_at_ms(placed[index]) for index in sorted(placed)]
    times = [recorded_at_ms(bundle.genesis.entry), *times, recorded_at_ms(bundle.epoch.entry)]
    if any(later < earlier for earlier, later in pairwise(times)):
        raise ProofError("A recorded time goes back.")
