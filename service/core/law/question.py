"""The question: may this message be sent? What is left out is not known, and nothing unknown ever allows."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from service.core.errors import QuestionError
from service.core.events.refusals import refused
from service.core.events.values import Channel, Country, Label, Name, SenderId, SenderKind

Kind = Literal[
    "commercial",
    "ideal",
    "charitable",
    "service",
    "consent_request",
    "doi_confirmation",
    "optout_confirmation",
]
Promotional = Literal["none", "minor", "substantial"]
LocalTime = Annotated[
    str,
    Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d(?!\n)$", description="the clock on the recipient's wall, HH:MM"),
]
Product = Annotated[Name, Meta(description="what the message is about; `none`: no product at all")]
Promoted = Annotated[
    SenderId, Meta(description="whose goods or aims it promotes; left out: the sender's own")
]
Charity = Annotated[bool, Meta(description="the sender is registered as a charity")]
Asked = Annotated[Label, Meta(description="who is meant at a shared address; the house's id")]
AboutRole = Annotated[bool, Meta(description="it concerns the function in which the person works")]
AboutContract = Annotated[bool, Meta(description="it concerns a contract that is running")]
Answers = Annotated[bool, Meta(description="it answers this person's own request")]
ByMachine = Annotated[bool, Meta(description="a machine selects, calls or sends without a person")]
NamesReferrer = Annotated[bool, Meta(description="it says who recommended the person")]
MeantFor = Annotated[
    Literal["legal_person", "consumer"], Meta(description="for whom the product is that it is about")
]
InRow = Annotated[
    Literal["first", "second"],
    Meta(description="the first message after the request or referral, or a further one"),
]
StateRule = Annotated[
    Literal["none", "stricter", "unknown"],
    Meta(description="whether the recipient's state has a stricter rule (US)"),
]


class RecipientFacts(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Who is addressed: country (ISO 3166-1, also EU and UK) and legal kind."""

    country: Country | None = None
    kind: Literal["consumer", "child", "sole_trader", "legal_person"] | None = None


class MessageFacts(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """What the message shows: the sender's identity, a way out, a postal address, that it is advertising."""

    optout: bool | None = None
    identity: bool | None = None
    postal_address: bool | None = None
    labelled_as_advertising: bool | None = None


NOBODY: Final = RecipientFacts()
NOTHING: Final = MessageFacts()


class Question(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """May `sender` send this message? The address and the time are asked apart from it.

    `local_time` is the clock on the recipient's wall, `minutes_after_withdrawal` belongs to a confirmation
    of an
    opt-out, `style` and `sent_by` never decide.
    """

    sender: SenderId
    category: Name
    channel: Channel
    kind: Kind
    recipient: RecipientFacts = NOBODY
    message: MessageFacts = NOTHING
    product_category: Product | None = None
    promotional_content: Promotional | None = None
    contains_consent_request: bool = False
    promotes: Promoted | None = None
    sent_by: Literal["affiliate"] | None = None
    sender_type: SenderKind | None = None
    sender_registered: Charity | None = None
    person: Asked | None = None
    relates_to_role: AboutRole | None = None
    relates_to_contract: AboutContract | None = None
    in_reply: Answers | None = None
    automated: ByMachine | None = None
    discloses_referrer: NamesReferrer | None = None
    one_to_one: bool | None = None
    product_for: MeantFor | None = None
    phone_type: Literal["mobile", "fixed"] | None = None
    local_time: LocalTime | None = None
    sequence: InRow | None = None
    stricter_state_rule: StateRule | None = None
    minutes_after_withdrawal: Annotated[int, Meta(ge=0, le=10_000_000)] | None = None
    style: Literal["editorial", "press_release"] | None = None


def parse_question(obj: object) -> Question:
    """Read a question from parsed JSON. Raises QuestionError with the pointer of the field."""
    try:
        return msgspec.convert(obj, Question)
    except msgspec.ValidationError as error:
        raise refused(error, QuestionError) from None


def question_body(question: Question) -> dict[str, Any]:
    """Return the question as plain JSON values, without what has its default."""
    body: dict[str, Any] = msgspec.to_builtins(question)
    return body
