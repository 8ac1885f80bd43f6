"""The value sets of the event vocabulary: what a field may hold, and nothing else.

Every string a program reads is one of a closed set or a short id; free text is marked `Text` and never
decides.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

ID_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,63}(?!\n)$"  # `$` alone would let a trailing newline through
HEX_PATTERN = r"^[0-9a-f]{64}(?!\n)$"

SenderId = Annotated[str, Meta(pattern=ID_PATTERN, description="a legal entity registered in this ledger")]
Name = Annotated[str, Meta(pattern=ID_PATTERN, description="an id from the house's own lists")]
FormId = Annotated[str, Meta(pattern=HEX_PATTERN, description="SHA-256 of a form's canonical bytes, hex")]
Digest = Annotated[str, Meta(pattern=HEX_PATTERN, description="SHA-256, hex")]
CampaignId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}(?!\n)$", description="a checked campaign")]
ExportId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}(?!\n)$", description="an export")]
Text = Annotated[str, Meta(min_length=1, max_length=4000)]
Label = Annotated[str, Meta(min_length=1, max_length=200)]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}(?!\n)$", description="ISO 3166-1 alpha-2; EU and UK too")]
Day = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}(?!\n)$", description="a calendar date")]
Expiry = Annotated[
    str,
    Meta(
        pattern=r"^(none|end_of_calendar_year_following_contract_end|\d{4}-\d{2}-\d{2})(?!\n)$",
        description="a consent's own term: its last day, or how that day is found",
    ),
]
Zoned = Annotated[datetime, Meta(tz=True, description="RFC 3339 with an offset")]
Names = Annotated[tuple[Name, ...], Meta(max_length=100)]
SenderIds = Annotated[tuple[SenderId, ...], Meta(max_length=100)]
Evidence = dict[str, Any]

Channel = Literal["email", "sms", "phone_live", "robocall", "fax", "inbox_ad"]
Channels = Annotated[tuple[Channel, ...], Meta(max_length=6)]
AddressKind = Literal["email", "phone"]
Scope = Literal["all_marketing", "category", "channel", "unspecified"]
Via = Literal[
    "web_form",
    "paper_form",
    "portal",
    "preference_centre",
    "unsubscribe_link",
    "reply_email",
    "reply_stop",
    "phone",
    "in_person",
    "letter",
]
Method = Literal[
    "checkbox",
    "ticked",
    "web_form",
    "terms_clause",
    "participation",
    "written_message",
    "verbal",
    "signed_writing",
    "unknown",
]
RequestFlaw = Literal[
    "commercial_purpose_unclear",
    "duration_not_stated",
    "burdensome_selection",
    "deceptive_design",
    "tied_to_service",
]
RequestFlaws = Annotated[tuple[RequestFlaw, ...], Meta(max_length=5)]
BundledPurpose = Literal["own_marketing", "partner_sharing", "group_sharing", "age_confirmation"]
BundledPurposes = Annotated[tuple[BundledPurpose, ...], Meta(max_length=4)]
EvidenceGrade = Literal["documented", "none"]
EvidenceItem = Literal["wording_version", "timestamp", "ip", "recording", "uwg_7a_record"]
EvidenceItems = Annotated[tuple[EvidenceItem, ...], Meta(max_length=5)]
ConsentEvidence = Literal["not_claimed", "claimed_no_record", "seller_warranty_only", "source_form"]
UnnamedSenders = Literal["none", "partners", "group", "third_parties"]
OptoutMeans = Literal["on_form", "terms_only", "postal_letter"]
NoticeMeans = Literal["on_form", "terms_only"]
ImportOrigin = Literal[
    "bought_list",
    "broker_append",
    "partner",
    "own_web_research",
    "public_directory",
    "social_network_scrape",
    "tell_a_friend",
    "transfer",
]
Register = Literal["UK_TPS", "UK_CTPS", "BE_DNCM", "FR_BLOCTEL", "US_DNC"]
Relationship = Literal["existing_business", "non_business", "personal", "family"]
SenderKind = Literal["business", "charity", "social_enterprise", "newspaper_magazine_publisher", "club"]


class AddressInput(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """An address as the caller wrote it; it is brought into its canonical form elsewhere.

    `kind` is "email" or "phone", `value` 1 to 320 characters.
    """

    kind: AddressKind
    value: Annotated[str, Meta(min_length=1, max_length=320)]


Addresses = Annotated[tuple[AddressInput, ...], Meta(max_length=20)]
