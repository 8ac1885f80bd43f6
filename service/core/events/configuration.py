"""Events about the ledger and its senders rather than about an address."""

from typing import Annotated, Literal

from msgspec import Meta

from service.core.events.envelope import Event
from service.core.events.values import (
    CampaignId,
    Channel,
    Country,
    Digest,
    ExportId,
    FormId,
    Label,
    Name,
    SenderId,
    SenderKind,
)


class BusinessTransferred(
    Event, frozen=True, kw_only=True, rename={"from_sender": "from", "to_sender": "to"}
):
    """A business went from one entity to another; in a share deal the entity stays the same."""

    from_sender: SenderId
    to_sender: SenderId
    deal: Literal["asset_deal", "share_deal"]


class SenderRenamed(Event, frozen=True, kw_only=True, rename={"from_sender": "from", "to_sender": "to"}):
    """A sender goes on under another id."""

    from_sender: SenderId
    to_sender: SenderId
    same_legal_entity: bool


class SenderRegistered(Event, frozen=True, kw_only=True):
    """A legal entity that mails; `country` is where it is established."""

    legal_name: Label
    country: Country
    kind: SenderKind = "business"


class FormPublished(Event, frozen=True, kw_only=True):
    """A form went into the ledger; its text is kept under `form`."""

    form: FormId


class RulebookPublished(Event, frozen=True, kw_only=True):
    """A rulebook came into force."""

    rulebook: Digest
    version: Label | None = None


class KeyRotated(Event, frozen=True, kw_only=True):
    """A signing key succeeded another."""

    key_id: Label


class CampaignChecked(Event, frozen=True, kw_only=True):
    """A whole campaign was checked; `root` commits to every single one of its `count` answers, line by line.

    `question` is the SHA-256 of what was asked of every line. The answers were made from the states of the
    log between `from_position` and `to_position`, each from the newest then. `complete` is false where the
    asker went away: the root then stands over what was answered until then.
    """

    campaign: CampaignId
    root: Digest
    count: Annotated[int, Meta(ge=1, le=1_000_000_000_000)]
    allowed: Annotated[int, Meta(ge=0)]
    refused: Annotated[int, Meta(ge=0)]
    question: Digest
    from_position: Annotated[int, Meta(ge=0)]
    to_position: Annotated[int, Meta(ge=0)]
    complete: bool
    category: Name | None = None
    channel: Channel | None = None


class ExportCreated(Event, frozen=True, kw_only=True):
    """Somebody asked for an export. `by`: the id of the credential, or "command line".

    `addresses`: how many were asked for; never which. `disclosed`: the export holds the secret that ties
    subject keys to addresses.
    """

    export: ExportId
    scope: Literal["ledger", "sender", "campaign", "addresses"]
    by: Label
    disclosed: bool = False
    addresses: Annotated[int, Meta(ge=0)] = 0
    about: SenderId | None = None
    campaign: CampaignId | None = None


class ExportDownloaded(Event, frozen=True, kw_only=True):
    """An export was handed out; recorded before its first byte was."""

    export: ExportId
    by: Label
