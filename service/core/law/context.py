"""What every rule looks at while one question is answered, and the shape of a rule's outcome."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from service.core.law.calendar import DAY_MS, window_end
from service.core.law.compiled import Compiled, Plan, RuleRef
from service.core.law.facts import Grant, Mailing, Relation, Standing
from service.core.law.keeping import no_of_erasure
from service.core.law.question import Question

YES: Final = 1
NO: Final = 0
UNKNOWN: Final = 2

HOPS_MAX: Final = 64
"""How many changes of address, or successions of senders, are followed."""


class Standings(Struct, frozen=True):
    """The standings a decision needs.

    `linked`: the subjects that `links` names, and theirs, by subject_key in hex. `senders`: the standing of
    the asking
    sender and, where there are any, of the senders it followed.
    """

    address: Standing
    linked: tuple[tuple[str, Standing], ...] = ()
    senders: Mapping[str, Standing] = {}


class Try(NamedTuple):
    """How one rule came out: YES with an allow's code, UNKNOWN, or NO with a deny's code or none.

    `human`: the point is open in law (LAW section 3), so a person should look at the deny.
    """

    status: int
    code: str
    basis: str
    ref: RuleRef | None
    events: tuple[int, ...] = ()
    missing: tuple[str, ...] = ()
    group: int = 9
    human: bool = False


GROUP_CONSENT: Final = 1
GROUP_RELATION: Final = 2
GROUP_ADDRESS: Final = 3
GROUP_SOURCE: Final = 4
GROUP_REGISTER: Final = 0
GROUP_EXIT: Final = -1
"""Which failing attempt reports: the smallest (LAW 0.1.5)."""


class Context:
    """One question, at one instant, against one subject's standing."""

    __slots__ = (
        "at_ms",
        "bought",
        "compiled",
        "day",
        "flips",
        "floor",
        "plan",
        "promotional",
        "question",
        "recipient",
        "same",
        "sender_registered",
        "sender_type",
        "standing",
        "unmoved",
    )

    def __init__(
        self,
        compiled: Compiled,
        standings: Standings,
        question: Question,
        plan: Plan,
        recipient: str,
        at_ms: int,
    ) -> None:
        self.compiled = compiled
        self.question = question
        self.plan = plan
        self.recipient = recipient
        self.at_ms = at_ms
        self.day = at_ms // DAY_MS
        self.flips: list[int] = [] if plan.next_change_ms is None else [plan.next_change_ms]
        self.floor = (-1, -1)
        self.standing = standings.address
        self.unmoved: tuple[Grant, ...] = ()
        if standings.address.origins:
            self.standing, self.unmoved = moved(standings, at_ms)
        self.same, self.bought = succession(standings.senders, question.sender, at_ms)
        known = compiled.settings.senders.get(question.sender)
        registered = standings.senders.get(question.sender)
        if known is not None:
            self.sender_type: str = known[1]
            self.sender_registered = known[2] if known[2] is not None else question.sender_registered
        else:
            said = registered.registration if registered is not None else None
            self.sender_type = said.kind if said is not None else question.sender_type or "business"
            self.sender_registered = question.sender_registered

    def within(self, ms: int, months: int) -> bool:
        """Tell whether the day of `ms` lies in the window of `months` before now, and note when that ends."""
        end = window_end(ms // DAY_MS, months)
        if self.day < end:
            self.flips.append(end * DAY_MS)
            return True
        return False

    def has_happened(self, ms: int) -> bool:
        """Tell whether a fact of this time exists yet, and note when it will."""
        if ms <= self.at_ms:
            return True
        self.flips.append(ms)
        return False

    def covers_category(self, names: tuple[str, ...], category: str | None = None) -> bool:
        """Tell whether a category (None: the question's) is one of `names` or lies below one."""
        category = category or self.question.category
        if category in names:
            return True
        line = self.compiled.settings.ancestors.get(category)
        return line is not None and not line.isdisjoint(names)

    def product(self) -> str | None:
        """Return what the message is about: the question's product, else its category's."""
        question = self.question
        return question.product_category or self.compiled.settings.products.get(question.category)

    def uses(self, grant: Grant) -> list[Mailing]:
        """Return our mailings that rested on a consent: what it covers, and not before it."""
        return [
            m
            for m in self.standing.mailings
            if grant.ms <= m.last_ms <= self.at_ms
            and self.ours(m.sender)
            and m.channel in grant.channels
            and self.covers_category(grant.categories, m.category)
        ]

    def ours(self, party: str | None) -> bool:
        """Tell whether a fact about `party` is about the asking sender; None is about every sender."""
        return party is None or party in self.same

    def promotes_others(self) -> bool:
        """Tell whether the message promotes somebody else than its sender."""
        promotes = self.question.promotes
        return promotes is not None and promotes not in self.same

    def usable(self, relation: Relation) -> bool:
        """Tell whether a relation has begun, and not before a no that a later consent lifted."""
        return self.has_happened(relation.ms) and (relation.ms, relation.index) > self.floor

    def mailed_since(self, ms: int, index: int, category: str | None = None) -> bool:
        """Tell whether the sender mailed after an event, in one category or in any."""
        return any(
            (m.last_ms, m.index) > (ms, index) and m.last_ms <= self.at_ms
            for m in self.standing.mailings
            if self.ours(m.sender) and category in (None, m.category)
        )

    def last_contact(self) -> int:
        """Return when the person last did anything with this sender, -1 for never."""
        times = [mark.ms for mark in self.standing.contacts if self.ours(mark.sender)]
        times += [max(r.ms, r.ended_ms or 0) for r in self.standing.relations if r.party in self.same]
        times += [g.ms for g in self.standing.grants if not self.same.isdisjoint(g.senders)]
        return max((ms for ms in times if ms <= self.at_ms), default=-1)

    def has_open_relation(self) -> bool:
        """Tell whether a contract or membership with the sender is running."""
        return any(
            r.kind in ("contract", "membership") and r.party in self.same and self.is_open(r)
            for r in self.standing.relations
        )

    def is_open(self, relation: Relation) -> bool:
        """Tell whether a relation has begun and not ended."""
        if relation.one_off or not self.has_happened(relation.ms):
            return False
        if relation.ended_ms is None:
            return True
        return not self.has_happened(relation.ended_ms)


def succession(
    senders: Mapping[str, Standing], sender: str, at_ms: int
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the ids of the same legal entity, and those whose business it bought, as of `at_ms`."""
    own = senders.get(sender)
    if own is None or not own.successions:
        return frozenset((sender,)), frozenset()
    same, bought, waiting = {sender}, set[str](), [(sender, True)]
    while waiting and len(same) + len(bought) < HOPS_MAX:
        name, entity = waiting.pop()
        standing = senders.get(name)
        for step in standing.successions if standing is not None else ():
            if step.ms > at_ms or step.successor != name or step.predecessor in same | bought:
                continue
            kept = entity and step.same_entity
            (same if kept else bought).add(step.predecessor)
            waiting.append((step.predecessor, kept))
    return frozenset(same), frozenset(bought)


def moved(standings: Standings, at_ms: int) -> tuple[Standing, tuple[Grant, ...]]:
    """Join the standing of the person's former addresses to that of the present one.

    A no always follows the person. What is positive follows where the person gave and verified the new
    address;
    grants that did not follow are returned apart. A broker's word moves nothing.
    """
    linked = dict(standings.linked)
    merged, unmoved = standings.address, list[Grant]()
    seen = set[str]()
    waiting = [(move, True) for move in standings.address.origins]
    while waiting and len(seen) < HOPS_MAX:
        move, verified = waiting.pop()
        old = linked.get(move.other)
        if move.by == "broker" or move.ms > at_ms or old is None or move.other in seen:
            continue
        seen.add(move.other)
        follows = verified and move.verified
        waiting += [(earlier, follows) for earlier in old.origins]
        nos = merged.nos + old.nos
        if merged.erased is not None and old.erased is not None:
            nos = (*nos, no_of_erasure(old.erased))
        merged = replace(merged, nos=nos, erased=merged.erased or old.erased)
        if follows:
            merged = replace(
                merged,
                grants=merged.grants + old.grants,
                relations=merged.relations + old.relations,
                mailings=merged.mailings + old.mailings,
                contacts=merged.contacts + old.contacts,
                endings=merged.endings + old.endings,
            )
        else:
            unmoved += old.grants
    return merged, tuple(unmoved)
