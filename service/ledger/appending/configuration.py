"""Publishing: a form, a sender or a rulebook becomes a document and an event of the ledger at once."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from service.core.canonical import canonical_json, parse_canonical
from service.core.errors import ConflictError, NotFoundError
from service.core.events import (
    LEDGER_SUBJECT,
    Form,
    SubmittedEvent,
    form_bytes,
    parse_event,
    parse_form,
)
from service.core.law.rulebook import Rulebook, parse_rulebook, rulebook_bytes
from service.ledger.appending.admission import Admission, Admitted, PendingDocument
from service.ledger.appending.appender import Appender
from service.ledger.appending.epoch import Receipt
from service.ledger.catalogue import Catalogue, Sender, digest_of
from service.ledger.ports import Clock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Published:
    """What was published, by its hash, and where the announcement stands in the log."""

    digest: str
    receipt: Receipt


class Configuration:
    """The ways in for what decides and what was shown."""

    def __init__(self, admission: Admission, catalogue: Catalogue, appender: Appender, clock: Clock) -> None:
        self._admission = admission
        self._catalogue = catalogue
        self._appender = appender
        self._clock = clock

    async def publish_form(self, obj: object) -> tuple[Form, Published]:
        """Publish a form; publishing the same text again changes nothing.

        Raises `FormError`.
        """
        form = parse_form(obj)
        body = form_bytes(form)
        digest = digest_of(body).hex()
        if (known := await self._known(digest, "form")) is not None:
            return form, known
        event: dict[str, object] = {
            "type": "form_published",
            "source_event_id": f"form:{digest}",
            "form": digest,
        }
        return form, await self._publish(event, [PendingDocument(bytes.fromhex(digest), "form", body)])

    async def register_sender(self, sender: Sender) -> Published:
        """Register a sender, or what changed about it.

        Raises `EventError`.
        """
        body = canonical_json(msgspec.to_builtins(sender))
        digest = digest_of(body)
        if (known := await self._known(digest.hex(), "sender")) is not None:
            return known
        event: dict[str, object] = {
            "type": "sender_registered",
            "source_event_id": f"sender:{digest.hex()}",
            "sender": sender.id,
            "legal_name": sender.legal_name,
            "country": sender.country,
            "kind": sender.kind,
        }
        return await self._publish(event, [PendingDocument(digest, "sender", body)])

    async def publish_rulebook(self, obj: object) -> Published:
        """Put a rulebook in force for every answer from now on.

        Raises `RulebookError`; the one in force then stays.
        """
        body = rulebook_bytes(await self.read_rulebook(obj))
        digest = digest_of(body)
        event: dict[str, object] = {
            "type": "rulebook_published",
            "source_event_id": f"rulebook:{digest.hex()}:{self._clock()}",
            "rulebook": digest.hex(),
        }
        return await self._publish(event, [PendingDocument(digest, "rulebook", body)], digest)

    async def read_rulebook(self, obj: object) -> Rulebook:
        """Check a rulebook as if it were to be published; nothing is written. Raises `RulebookError`."""
        packs = {row.digest.hex(): row.body for row in await self._catalogue.documents("pack")}
        senders = await self._catalogue.senders()
        return parse_rulebook(obj, packs, known_senders=frozenset(senders))

    async def _publish(
        self, event: dict[str, object], documents: list[PendingDocument], rulebook: bytes | None = None
    ) -> Published:
        admitted = announce(self._admission, event, documents, self._clock(), rulebook)
        try:
            receipt = await self._appender.append(admitted)
        except ConflictError:
            # Somebody else published the same text a moment ago: that is the same publication.
            known = await self._known(documents[0].digest.hex(), documents[0].kind)
            if known is None:
                raise
            return known
        return Published(documents[0].digest.hex(), receipt)

    async def _known(self, digest: str, kind: str) -> Published | None:
        try:
            row = await self._catalogue.document(digest, kind)
        except NotFoundError:
            return None
        return Published(digest, await self._appender.receipt_of(row.index))


def announce(
    admission: Admission,
    event: dict[str, object],
    documents: list[PendingDocument],
    now_ms: int,
    rulebook: bytes | None = None,
) -> Admitted:
    """The admitted event that announces published documents; its id is made of what it publishes."""
    moment = (_EPOCH + timedelta(milliseconds=now_ms)).isoformat(timespec="milliseconds")
    parsed: SubmittedEvent = parse_event({"occurred_at": moment, "source": LEDGER_SUBJECT, **event})
    return admission.admit(parsed, now_ms, documents=documents, rulebook_hash=rulebook)


def read_form(body: bytes) -> Form:
    """The form that these published bytes are."""
    return parse_form(parse_canonical(body))
