"""What a standing keeps of the events of one subject: one small struct per kind of fact.

Facts that differ only in time are kept once, with the latest time, so a standing stays small however many
events
there were. Times are milliseconds since 1970; `index` is the log index of the event relied on.
"""

from msgspec import Struct


class No(Struct, array_like=True, frozen=True, gc=False):
    """The person said no. `first_ms` and `last_ms` bound when; `sender` None means every sender.

    `categories`: those refused where `scope` is "category", else the one whose message was answered.
    """

    kind: str  # "objection" or "withdrawal"
    scope: str
    categories: tuple[str, ...]
    channels: tuple[str, ...]
    sender: str | None
    person: str | None
    first_ms: int
    last_ms: int
    index: int


class Grant(Struct, array_like=True, frozen=True, gc=False):
    """The person said yes, with the defects that no jurisdiction overlooks already named, worst first."""

    index: int
    ms: int
    categories: tuple[str, ...]
    channels: tuple[str, ...]
    senders: tuple[str, ...]
    unnamed: str
    defects: tuple[str, ...]
    unknown: tuple[str, ...]
    pending: bool
    by_addressee: bool
    age: int | None
    parental: bool | None
    person: str | None
    indirect: bool
    expires: str
    ends_with_service: bool
    contents_complete: bool | None
    method: str
    evidence_items: tuple[str, ...]
    imported: bool
    confirmed_index: int | None = None


class Collected(Struct, array_like=True, frozen=True, gc=False):
    """How an address was taken; None is "not known"."""

    informed: bool | None
    refusable: bool | None
    by: str | None


class Relation(Struct, array_like=True, frozen=True, gc=False):
    """A relation or request: `kind` purchase, contract, account, membership, donation, info or quote.

    `ended_ms` None means open, or that this kind has no duration.
    """

    index: int
    first_ms: int
    ms: int
    kind: str
    party: str
    product: str | None
    collected: Collected
    one_off: bool | None
    ongoing: bool | None
    written: bool | None
    free: bool | None
    paid_tier: bool | None
    negotiation: bool
    optin_left: bool
    ended_ms: int | None = None
    end_index: int | None = None
    for_receipt: bool = False


class Source(Struct, array_like=True, frozen=True, gc=False):
    """Where the address came from, when neither a relation nor a consent brought it.

    `kind`: imported, collected, published or disclosed. `origin` is the import's origin or the context of
    collection.
    """

    index: int
    ms: int
    kind: str
    origin: str
    claim: str
    defects: tuple[str, ...]
    party: str | None
    by: str | None
    designated_for: tuple[str, ...]
    impersonal: bool | None
    refuses_offers: bool | None
    collected: Collected


class Mailing(Struct, array_like=True, frozen=True, gc=False):
    """Messages of one sender, category and channel: the latest, and since when without a gap of a year."""

    sender: str | None
    category: str
    channel: str
    run_start_ms: int
    last_ms: int
    index: int


class Mark(Struct, array_like=True, frozen=True, gc=False):
    """Something that happened, kept with its latest time: an ending, a contact, a listing, an assessment."""

    index: int
    ms: int
    sender: str | None = None
    kind: str = ""
    value: bool = True


class Move(Struct, array_like=True, frozen=True, gc=False):
    """A change of address, seen from one side; `other` is the other side's subject_key in hex."""

    index: int
    ms: int
    other: str
    by: str
    verified: bool


class Introduction(Struct, array_like=True, frozen=True, gc=False):
    """A referral."""

    index: int
    ms: int
    sender: str | None
    to_sender: str | None
    to_recipient: str | None


class Succession(Struct, array_like=True, frozen=True, gc=False):
    """One sender followed another: `same_entity` in a renaming or share deal, not in an asset deal."""

    index: int
    ms: int
    predecessor: str
    successor: str
    same_entity: bool


class Registration(Struct, array_like=True, frozen=True, gc=False):
    """What a sender said of itself when it was registered."""

    index: int
    ms: int
    country: str
    kind: str


class Standing(Struct, array_like=True, frozen=True):
    """A subject's events, folded."""

    nos: tuple[No, ...] = ()
    grants: tuple[Grant, ...] = ()
    relations: tuple[Relation, ...] = ()
    sources: tuple[Source, ...] = ()
    mailings: tuple[Mailing, ...] = ()
    endings: tuple[Mark, ...] = ()
    contacts: tuple[Mark, ...] = ()
    registers: tuple[Mark, ...] = ()
    assessments: tuple[Mark, ...] = ()
    introductions: tuple[Introduction, ...] = ()
    replaced: Move | None = None
    origins: tuple[Move, ...] = ()
    bounced: Mark | None = None
    alive: Mark | None = None
    erased: Mark | None = None
    country: str | None = None
    successions: tuple[Succession, ...] = ()
    registration: Registration | None = None
    events: int = 0
