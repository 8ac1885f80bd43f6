"""What surrounds a yes or a no: moves, bounces, erasure, registers, mailings, successions of senders."""

from typing import Any, Final

from msgspec.structs import replace

from service.core.events import configuration as c
from service.core.events import vocabulary as v
from service.core.law.calendar import MAILING_GAP_MONTHS, day_of, window_end
from service.core.law.entry import Entry, Fold
from service.core.law.facts import Introduction, Mailing, Mark, Move, No, Registration, Standing, Succession
from service.core.law.keeping import kept, latest_mark, no_of_erasure, with_no, without


def as_alive(standing: Standing, entry: Entry) -> Standing:
    """Note that the person used this address."""
    if entry.recorded.imported or (standing.alive is not None and standing.alive.ms > entry.ms):
        return standing
    return replace(standing, alive=Mark(entry.index, entry.ms))


def refused_everything(standing: Standing, sender: str | None, entry: Entry) -> Standing:
    """Note an objection to all marketing of `sender`, or of every sender."""
    no = No("objection", "all_marketing", (), (), sender, None, entry.ms, entry.ms, entry.index)
    return replace(standing, nos=with_no(standing.nos, no))


def _changed(standing: Standing, event: v.AddressChanged, entry: Entry) -> Standing:
    recorded = entry.recorded
    if event.by == "broker" and recorded.role == "old":
        return standing  # a broker's word moves nothing
    move = Move(entry.index, entry.ms, recorded.counterpart or "", event.by, event.verified)
    if recorded.role == "old":
        known = standing.replaced
        return replace(standing, replaced=move if known is None or move.ms >= known.ms else known)
    origins = kept(standing.origins, move, _move_key, _later_fact)
    return replace(standing, origins=origins)


def _move_key(move: Move) -> tuple[str, str, bool]:
    return (move.other, move.by, move.verified)


def _later_fact(known: Any, new: Any) -> Any:  # noqa: ANN401 - any fact with a time
    return new if new.ms >= known.ms else known


def _bounced(standing: Standing, event: v.AddressBounced, entry: Entry) -> Standing:
    if not event.hard or (standing.bounced is not None and standing.bounced.ms > entry.ms):
        return standing
    return replace(standing, bounced=Mark(entry.index, entry.ms))


def _erasure_requested(standing: Standing, event: v.ErasureRequested, entry: Entry) -> Standing:
    return refused_everything(standing, event.sender, entry)


def _erased(standing: Standing, event: v.ErasureExecuted, entry: Entry) -> Standing:
    if not event.suppression_hash_kept:
        return standing
    new = Mark(entry.index, entry.ms, event.sender)
    known = standing.erased
    if known is None:
        return replace(standing, erased=new)
    kept_one, other = (known, new) if known.ms > new.ms else (new, known)
    return replace(standing, erased=kept_one, nos=with_no(standing.nos, no_of_erasure(other)))


def _registered(standing: Standing, event: v.RegisterListed | v.RegisterChecked, entry: Entry) -> Standing:
    listed = event.listed if isinstance(event, v.RegisterChecked) else True
    mark = Mark(entry.index, entry.ms, None, event.register, listed)
    return replace(standing, registers=latest_mark(standing.registers, mark))


def _referred(standing: Standing, event: v.Referral, entry: Entry) -> Standing:
    new = Introduction(
        entry.index, entry.ms, event.sender, event.relationship_to_sender, event.relationship_to_recipient
    )
    return replace(standing, introductions=kept(standing.introductions, new, _introduction_key, _later_fact))


def _introduction_key(introduction: Introduction) -> tuple[str | None, ...]:
    return (introduction.sender, introduction.to_sender, introduction.to_recipient)


def _mailed(standing: Standing, event: v.MessageSent, entry: Entry) -> Standing:
    new = Mailing(event.sender, event.category, event.channel, entry.ms, entry.ms, entry.index)
    return replace(standing, mailings=kept(standing.mailings, new, _mailing_key, _continued))


def _mailing_key(mailing: Mailing) -> tuple[str | None, str, str]:
    return (mailing.sender, mailing.category, mailing.channel)


def _continued(known: Mailing, new: Mailing) -> Mailing:
    """Join a mailing to the run it continues, or begin another run after a gap."""
    earlier, later = (known, new) if new.last_ms >= known.last_ms else (new, known)
    unbroken = day_of(later.run_start_ms) < window_end(day_of(earlier.last_ms), MAILING_GAP_MONTHS)
    start = min(earlier.run_start_ms, later.run_start_ms) if unbroken else later.run_start_ms
    return replace(later, run_start_ms=start)


def _flagged(standing: Standing, event: v.PreferenceFlagChanged, entry: Entry) -> Standing:
    # A flag may take away, never give: only an act of the person gives.
    return refused_everything(standing, event.sender, entry) if event.new_value == "opted_out" else standing


def _assessed(standing: Standing, event: v.HumanAssessment, entry: Entry) -> Standing:
    mark = Mark(entry.index, entry.ms, event.sender, event.subject, event.outcome == "present")
    return replace(standing, assessments=latest_mark(standing.assessments, mark))


def _contacted(standing: Standing, event: v.ContactByRecipient, entry: Entry) -> Standing:
    mark = Mark(entry.index, entry.ms, event.sender)
    return as_alive(replace(standing, contacts=latest_mark(standing.contacts, mark)), entry)


def _corrected(standing: Standing, event: v.Correction, _entry: Entry) -> Standing:
    """Take back what one entry said, unless it was a no."""
    index = event.corrects
    changes = without(standing, index)
    # A listing is the person's word; that a number was free to call is only the caller's.
    changes["registers"] = tuple(m for m in standing.registers if m.value or m.index != index)
    for name in ("replaced", "bounced", "alive", "registration"):
        fact = getattr(standing, name)
        if fact is not None and fact.index == index:
            changes[name] = None
    return replace(standing, **changes)


def _succeeded(standing: Standing, event: c.BusinessTransferred | c.SenderRenamed, entry: Entry) -> Standing:
    same = event.deal == "share_deal" if isinstance(event, c.BusinessTransferred) else event.same_legal_entity
    new = Succession(entry.index, entry.ms, event.from_sender, event.to_sender, same)
    return replace(standing, successions=kept(standing.successions, new, _succession_key, _first_succession))


def _succession_key(succession: Succession) -> tuple[str, str, bool]:
    return (succession.predecessor, succession.successor, succession.same_entity)


def _first_succession(known: Succession, new: Succession) -> Succession:
    return known if known.ms <= new.ms else new


def _sender_registered(standing: Standing, event: c.SenderRegistered, entry: Entry) -> Standing:
    known = standing.registration
    if known is not None and known.ms > entry.ms:
        return standing
    return replace(standing, registration=Registration(entry.index, entry.ms, event.country, event.kind))


CIRCUMSTANCES: Final[dict[type, Fold]] = {
    v.AddressChanged: _changed,
    v.AddressBounced: _bounced,
    v.ErasureRequested: _erasure_requested,
    v.ErasureExecuted: _erased,
    v.RegisterListed: _registered,
    v.RegisterChecked: _registered,
    v.Referral: _referred,
    v.MessageSent: _mailed,
    v.PreferenceFlagChanged: _flagged,
    v.HumanAssessment: _assessed,
    v.ContactByRecipient: _contacted,
    v.Correction: _corrected,
    c.BusinessTransferred: _succeeded,
    c.SenderRenamed: _succeeded,
    c.SenderRegistered: _sender_registered,
}
