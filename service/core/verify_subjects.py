"""Steps 5 to 7 of the verification: whose histories are shown, that they are whole, that none is missing."""

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final
from unicodedata import category, is_normalized

from msgspec import UNSET

from service.core.bundle import Bundle, ShownAddress, ShownSubject, read_map_proof
from service.core.entries import ErasureEntry, GenesisEntry
from service.core.errors import ProofError
from service.core.events import CONFIGURING, RecordedEvent
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
from service.core.prefix_map import verify_map
from service.core.records import head_value, secret_commitment, subject_key
from service.core.verdict import Report
from service.core.verify_entries import Chain, Shown

_CANONICAL: Final = {
    "email": re.compile(r"[^\x00- A-Z\x7f@]{1,64}@[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+"),
    "phone": re.compile(r"\+[1-9][0-9]{3,14}"),
    "sender": re.compile(r"[a-z0-9][a-z0-9._-]{0,63}"),
}
_UNSEEN: Final = frozenset({"Cc", "Cf", "Co", "Zs", "Zl", "Zp"})
"""What every canonical address looks like, and the Unicode categories of what nobody sees in one.

Under another spelling that looks the same an operator could keep another history.
"""


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
    if sorted(zip(roles, keys, strict=True)) != list(zip(roles, keys, strict=True)):
        raise ProofError("The subjects are shown in another order than theirs.")
    named = [subject.address for subject in bundle.subjects if subject.address is not None]
    if len(set(keys)) != len(keys) or len(set(named)) != len(named):
        raise ProofError("A subject is shown twice.")
    for subject in bundle.subjects:
        if subject.address is None:
            if subject.role != "linked":
                raise ProofError("It is not said whose history is shown.")
        elif (subject.address.kind == "sender") != (subject.role == "sender"):
            raise ProofError("A subject is shown in a part its kind cannot play.")
        elif not _is_canonical(subject.address):
            raise ProofError("An address is not shown in its canonical form.")


def _is_canonical(address: ShownAddress) -> bool:
    value = address.value
    return bool(_CANONICAL[address.kind].fullmatch(value)) and (
        value.isascii()
        or (
            is_normalized("NFC", value)
            and value == value.lower()
            and _UNSEEN.isdisjoint(map(category, value))
        )
    )


def check_map(bundle: Bundle, shown: Shown, report: Report) -> None:
    """Step 6. Raises `ProofError`."""
    for subject, chain in zip(bundle.subjects, shown.chains, strict=True):
        value = None
        if chain.events:
            value = head_value(len(chain.events), chain.events[-1].index, chain.head)
        proof = read_map_proof(subject.map_proof, present=value is not None)
        verify_map(proof, key=bytes.fromhex(subject.subject_key), value=value, root=shown.epoch.map_root)
    present = sum(bool(chain.events) for chain in shown.chains)
    absent = len(bundle.subjects) - present
    report.passed(
        "map",
        f"{present} history(ies) end where the signed map says; of {absent} subject(s) it holds nothing.",
    )


def check_events(bundle: Bundle, shown: Shown, report: Report) -> list[Part]:
    """Step 7, each history for itself. Returns the histories. Raises `ProofError`."""
    notices = _notices(bundle, shown)
    parts = [
        _part(subject, chain, notices) for subject, chain in zip(bundle.subjects, shown.chains, strict=True)
    ]
    _check_counterparts(parts)
    _check_times(shown)
    events = [event for subject in bundle.subjects for event in subject.events]
    if len({event.index for event in events}) != len(events):
        raise ProofError("An event is shown in two histories.")
    report.passed("events", f"{len(events)} event(s) can be read, and follow each other in time.")
    emptied = {event.index for event in events if event.event is UNSET}
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


def _notices(bundle: Bundle, shown: Shown) -> dict[int, ErasureEntry]:
    notices: dict[int, ErasureEntry] = {}
    for placed in bundle.erasures if bundle.erasures is not UNSET else ():
        entry = shown.entries[placed.index]
        if not isinstance(entry, ErasureEntry):
            raise ProofError("What should be an erasure notice is another entry.")
        if notices and placed.index <= max(notices):
            raise ProofError("Erasure notices are shown out of order.")
        notices[placed.index] = entry
    return notices


def _part(subject: ShownSubject, chain: Chain, notices: dict[int, ErasureEntry]) -> Part:
    """One subject's events, read; what was destroyed is explained by a notice."""
    logged: list[LoggedEvent] = []
    covering: set[int] = set()
    for event in chain.events:
        if event.record is None:
            covering.add(_covering(event.index, notices))
        else:
            logged.append(logged_event(event.index, event.recorded_at_ms, event.record))
            _check_whose(subject, logged[-1].recorded)
    return Part(
        role=subject.role,
        subject_key=subject.subject_key,
        name=subject.address.value if subject.role == "sender" and subject.address is not None else None,
        exists=bool(chain.events),
        logged=tuple(logged),
        erasure=_erasure(logged, covering, notices),
    )


def _check_whose(subject: ShownSubject, recorded: RecordedEvent) -> None:
    """Events of senders stand in histories of senders, and name them in clear.

    So a sender's history is its own even where no secret is disclosed.
    """
    event = recorded.event
    if isinstance(event, CONFIGURING) != (subject.role == "sender"):
        raise ProofError("An event is shown in a history that is not of its kind.")
    if subject.role != "sender" or subject.address is None:
        return
    if isinstance(event, SenderRenamed | BusinessTransferred):
        named: str | None = event.from_sender if recorded.role == "from" else event.to_sender
    else:
        named = event.sender
    if named != subject.address.value:
        raise ProofError("An event of another sender is shown.")


def _check_counterparts(parts: Iterable[Part]) -> None:
    """Where a sender's event names another sender, it names the key of that one's history too."""
    keys = {part.name: part.subject_key for part in parts if part.name is not None}
    for event in (logged.recorded for part in parts for logged in part.logged):
        if isinstance(event.event, SenderRenamed | BusinessTransferred):
            other = event.event.to_sender if event.role == "from" else event.event.from_sender
            if keys.get(other, event.counterpart) != event.counterpart:
                raise ProofError("Another sender's history is shown than the one an event leads to.")


def _covering(index: int, notices: dict[int, ErasureEntry]) -> int:
    """The newest notice that says this event's contents were destroyed."""
    for notice in sorted(notices, reverse=True):
        if index < notice and index in notices[notice].indices:
            return notice
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


def _check_times(shown: Shown) -> None:
    """Recorded times never go back along the log."""
    times = [shown.entries[index].recorded_at_ms for index in sorted(shown.entries)]
    if any(later < earlier for earlier, later in pairwise(times)):
        raise ProofError("A recorded time goes back.")
