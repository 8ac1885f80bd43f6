"""The event vocabulary: one Struct per type, told apart by `type`.

A type's name is its class name in snake case. Unknown fields are refused. Every field that is left out has
the
meaning "not known", unless its default says otherwise; nothing that is not known ever leads to an allow.
"""

from typing import Annotated, Literal

from msgspec import Meta

from service.core.events.envelope import Event
from service.core.events.values import (
    AddressInput,
    BundledPurposes,
    Channel,
    Channels,
    ConsentEvidence,
    Country,
    EvidenceGrade,
    EvidenceItems,
    Expiry,
    FormId,
    ImportOrigin,
    Label,
    Method,
    Name,
    Names,
    NoticeMeans,
    OptoutMeans,
    Register,
    Relationship,
    RequestFlaws,
    Scope,
    SenderId,
    SenderIds,
    Text,
    UnnamedSenders,
    Via,
)

Age = Annotated[int, Meta(ge=0, le=130)]
Told = Annotated[bool, Meta(description="the person was told what the address would be used for")]
Offered = Annotated[bool, Meta(description="the person could refuse marketing there and then")]
Refused = Annotated[bool, Meta(description="the person used that: an objection to all marketing")]
AnsweredMessage = Annotated[
    Name,
    Meta(description="the category that was answered; a no to everything reaches its service messages too"),
]
Processed = Annotated[bool, Meta(description="whether the house carried it out; decides nothing")]
OneChoiceEach = Annotated[bool, Meta(description="each category had its own choice; decides nothing")]
ThroughOthers = Annotated[bool, Meta(description="given to somebody else, who passed it on")]
Complete = Annotated[bool, Meta(description="the request said all that the law asks for (Canada)")]
OptinBox = Annotated[
    Literal["left_unticked", "ticked"], Meta(description="there was a box to opt in, and how it was left")
]
Collector = Annotated[
    SenderId,
    Meta(description="who took the address down; left out: whom the event is about, a donation: unknown"),
]
ForReceipt = Annotated[Literal["e_receipt"], Meta(description="taken down for a receipt alone")]
OneOff = Annotated[bool, Meta(description="a single transaction, which is no lasting relation")]
Ongoing = Annotated[bool, Meta(description="a lasting relation, such as a subscription")]
Free = Annotated[bool, Meta(description="nothing was paid")]
PaidTier = Annotated[bool, Meta(description="beside what is free the seller offers the same for money")]
Negotiation = Annotated[bool, Meta(description="a sale was negotiated, not only asked about")]
DesignatedFor = Annotated[Names, Meta(description="the categories for which the address was given out")]
Impersonal = Annotated[bool, Meta(description="the address of an office or a function, not of a person")]
OffersRefused = Annotated[bool, Meta(description="it says there that commercial messages are not wanted")]


class Collection(Event, frozen=True, kw_only=True):
    """How an address was taken: what the person was told, and whether and how refusal was offered there."""

    notice_given: Told | None = None
    notice_means: NoticeMeans = "on_form"
    optout_offered: Offered | None = None
    optout_means: OptoutMeans = "on_form"
    optout_used: Refused = False
    form: FormId | None = None


class Refusal(Event, frozen=True, kw_only=True):
    """A no of the person. `person`: the house's id of who said it, "unknown" in a shared mailbox."""

    scope: Scope = "unspecified"
    categories: Names = ()
    channels: Channels = ()
    via: Via | None = None
    received_by: SenderId | None = None
    in_reply_to: AnsweredMessage | None = None
    person: Label | None = None
    processed: Processed | None = None


class ConsentRequested(Event, frozen=True, kw_only=True):
    """The person was asked."""

    categories: Names = ()
    channels: Channels = ()
    form: FormId | None = None


class ConsentGranted(Event, frozen=True, kw_only=True):
    """The person said yes.

    With `form` and `box`, the box's default, its senders, categories and channels and what was bundled are
    read from
    the published form; the same fields here can only narrow them. `method` "ticked" needs both.
    """

    categories: Names = ()
    channels: Channels = ()
    senders: SenderIds = ()
    unnamed_senders: UnnamedSenders = "none"
    listed_senders_count: Annotated[int, Meta(ge=0, le=100_000)] | None = None
    method: Method
    form: FormId | None = None
    box: Name | None = None
    checkbox_default: Literal["unticked", "ticked"] | None = None
    separate_per_category: OneChoiceEach = False
    given_by: Literal["recipient", "third_party"] = "recipient"
    filled_by: Literal["recipient", "sales_agent"] = "recipient"
    evidence_grade: EvidenceGrade | None = None
    evidence_items: EvidenceItems = ()
    bundled_purposes: BundledPurposes = ()
    request_flaws: RequestFlaws = ()
    double_opt_in: Literal["not_used", "pending", "confirmed"] = "not_used"
    expires: Expiry = "none"
    age: Age | None = None
    parental_consent: bool | None = None
    person: Label | None = None
    indirect: ThroughOthers = False
    request_contents_complete: Complete | None = None
    wording: Text | None = None


class ConsentConfirmed(Event, frozen=True, kw_only=True):
    """The second step of a double opt-in: the holder of the address confirmed."""

    categories: Names = ()


class ConsentRefused(Refusal, frozen=True, kw_only=True):
    """The person was asked and said no."""


class ConsentWithdrawn(Refusal, frozen=True, kw_only=True):
    """The person took a consent back (GDPR art. 7(3))."""


class Objection(Refusal, frozen=True, kw_only=True):
    """The person objected to marketing on any basis (GDPR art. 21(2), ePrivacy Directive art. 13(2))."""


class ObjectionAttempted(Refusal, frozen=True, kw_only=True):
    """The person tried to object and was stopped; it counts as an objection."""

    outcome: Literal["blocked_by_sender"] | None = None


class Relation(Collection, frozen=True, kw_only=True):
    """A relation with `seller` (default: `sender`) that began, or a sale that was made."""

    seller: SenderId | None = None
    product_category: Name | None = None
    optin_box: OptinBox | None = None
    collected_by: Collector | None = None
    collected_for: ForReceipt | None = None
    checkout: Literal["guest", "account"] | None = None
    one_off: OneOff | None = None
    ongoing: Ongoing | None = None
    written: bool | None = None
    free: Free | None = None
    paid_tier_exists: PaidTier | None = None


class Purchase(Relation, frozen=True, kw_only=True):
    """Something was bought."""


class ContractStarted(Relation, frozen=True, kw_only=True):
    """A contract began."""


class AccountCreated(Relation, frozen=True, kw_only=True):
    """An account was opened."""


class MembershipStarted(Relation, frozen=True, kw_only=True):
    """A membership began."""


class ContractEnded(Event, frozen=True, kw_only=True):
    """Closes the contract, account or ongoing purchase open with `seller` (else `sender`; else all)."""

    seller: SenderId | None = None


class MembershipEnded(Event, frozen=True, kw_only=True):
    """Closes the open membership with `seller` (default: `sender`), else every open one."""

    seller: SenderId | None = None


class Request(Collection, frozen=True, kw_only=True):
    """The person asked `to` (default: `sender`) for something."""

    to: SenderId | None = None
    via: Via | None = None
    subject: Label | None = None
    product_category: Name | None = None
    negotiation: Negotiation = False
    collected_by: Collector | None = None


class InfoRequested(Request, frozen=True, kw_only=True):
    """The person asked for information."""


class QuoteRequested(Request, frozen=True, kw_only=True):
    """The person asked for a quote."""


class Donation(Collection, frozen=True, kw_only=True):
    """A gift to `to` (default: `sender`)."""

    to: SenderId | None = None
    collected_by: Collector | None = None
    product_category: Name | None = None


class AddressCollected(Collection, frozen=True, kw_only=True):
    """An address was taken down outside a sale."""

    context: Literal["event", "professional", "unknown"] = "unknown"
    consent_evidence: ConsentEvidence = "not_claimed"
    request_flaws: RequestFlaws = ()
    collected_by: Collector | None = None


class AddressImported(Event, frozen=True, kw_only=True, rename={"from_sender": "from"}):
    """An address came from elsewhere, with an honest grade of what was said about consent."""

    origin: ImportOrigin
    from_sender: SenderId | None = None
    consent_evidence: ConsentEvidence = "not_claimed"
    request_flaws: RequestFlaws = ()
    recipient_country: Country | None = None


class AddressPublished(Event, frozen=True, kw_only=True):
    """The address stands published, by its holder or by somebody else."""

    by: Literal["recipient", "third_party"] | None = None
    designated_for: DesignatedFor = ()
    impersonal: Impersonal | None = None
    no_cem_statement: OffersRefused | None = None


class AddressDisclosed(Event, frozen=True, kw_only=True):
    """The holder or somebody else gave the address to `to` (default: `sender`)."""

    by: Literal["recipient", "third_party"] | None = None
    to: SenderId | None = None
    designated_for: DesignatedFor = ()
    impersonal: Impersonal | None = None
    no_cem_statement: OffersRefused | None = None


class AddressChanged(Event, frozen=True, kw_only=True, rename={"from_address": "from", "to_address": "to"}):
    """One person's address was replaced by another. A broker's word moves nothing."""

    from_address: AddressInput | None = None
    to_address: AddressInput | None = None
    by: Literal["recipient", "broker", "staff"]
    verified: bool = False


class AddressBounced(Event, frozen=True, kw_only=True):
    """A message came back; `hard` means the address does not exist (any more)."""

    hard: bool = True


class ErasureRequested(Event, frozen=True, kw_only=True):
    """The person asked to be erased; this is an objection too."""

    scope: Literal["all_data"] = "all_data"


class ErasureExecuted(Event, frozen=True, kw_only=True):
    """The person was erased; the suppression stays unless `suppression_hash_kept` says otherwise."""

    suppression_hash_kept: bool = True


class RegisterListed(Event, frozen=True, kw_only=True):
    """The number stands on a do-not-call register."""

    register: Register


class RegisterChecked(Event, frozen=True, kw_only=True):
    """A do-not-call register was asked about the number."""

    register: Register
    listed: bool


class Referral(Event, frozen=True, kw_only=True):
    """Somebody recommended the sender to this person, or this person to the sender."""

    referrer: Label
    relationship_to_sender: Relationship | None = None
    relationship_to_recipient: Relationship | None = None


class MessageSent(Event, frozen=True, kw_only=True):
    """A message went out."""

    category: Name
    channel: Channel


class PreferenceFlagChanged(Event, frozen=True, kw_only=True):
    """A flag in a system changed; without an act of the person it never grants."""

    new_value: Literal["opted_in", "opted_out"]
    by: Literal["recipient", "staff", "system"]


class HumanAssessment(Event, frozen=True, kw_only=True):
    """A person looked at one question the rules cannot answer."""

    subject: Literal["presumed_consent"]
    outcome: Literal["present", "absent"]
    ground: Text | None = None


class ContactByRecipient(Event, frozen=True, kw_only=True):
    """The person got in touch."""


class Correction(Event, frozen=True, kw_only=True):
    """Takes back what the entry `corrects` of this subject said. A no is never taken back."""

    corrects: Annotated[int, Meta(ge=0)]
    reason: Text | None = None
