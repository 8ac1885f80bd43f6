"""What every event says, whatever its type."""

import re

from msgspec import Struct

from service.core.events.values import Addresses, AddressInput, Evidence, Label, SenderId, Zoned


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Event(
    Struct,
    kw_only=True,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    gc=False,
    tag_field="type",
    tag=_snake,
):
    """What every event says.

    `source_event_id` is the caller's own id, unique per ledger for ever. `source` names the system it came
    from; one that begins with "import" marks what was not witnessed but taken over. `evidence` is free JSON
    of at most 16 KiB, sealed apart from the event. `other_addresses` are further addresses the same person
    gave in the same act. `sender` absent means: not limited to one sender.
    """

    source_event_id: Label
    occurred_at: Zoned
    source: Label = "api"
    sender: SenderId | None = None
    address: AddressInput | None = None
    other_addresses: Addresses = ()
    evidence: Evidence | None = None
    external_id: Label | None = None
