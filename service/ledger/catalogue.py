"""What was published: forms, senders, rulebooks and their packs. Named by their hash, so safe to keep."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import msgspec

from service.core.canonical import parse_canonical
from service.core.errors import EventError, NotFoundError
from service.core.events import Form, SubmittedEvent, parse_form
from service.core.law.rulebook import Rulebook, load_rulebook
from service.ledger.ports import DocumentRow, Snapshot, Store

_DIGEST = re.compile(r"[0-9a-f]{64}")
_FORMS_KEPT_MAX = 10_000
_SENDER_FIELDS = (
    "sender",
    "senders",
    "seller",
    "to",
    "to_sender",
    "from_sender",
    "collected_by",
    "received_by",
)


class Sender(msgspec.Struct, frozen=True):
    """A legal entity that mails, as it registered."""

    id: str
    legal_name: str
    country: str
    kind: str


@dataclass(frozen=True, slots=True)
class PublishedRulebook:
    """A rulebook, ready to decide, and where it stands in the log."""

    digest: bytes
    index: int
    body: bytes
    rulebook: Rulebook


class Catalogue:
    """Reads published documents once and remembers them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._forms: dict[str, Form] = {}
        self._senders: dict[str, Sender] = {}
        self._rulebooks: dict[bytes, PublishedRulebook] = {}

    async def forms(self, form_ids: Iterable[str]) -> dict[str, Form]:
        """The published forms of these ids. Raises `NotFoundError` when one was never published here."""
        wanted = set(form_ids)
        missing = [form_id for form_id in wanted if form_id not in self._forms]
        if missing:
            async with self._store.snapshot() as snapshot:
                rows = await snapshot.documents([bytes.fromhex(form_id) for form_id in missing])
            if len(self._forms) > _FORMS_KEPT_MAX:
                self._forms.clear()
            for row in rows.values():
                if row.kind == "form":
                    self._forms[row.digest.hex()] = parse_form(parse_canonical(row.body))
        if not wanted <= self._forms.keys():
            raise NotFoundError("no such form was published in this ledger")
        return {form_id: self._forms[form_id] for form_id in wanted}

    async def document(self, digest: str, kind: str) -> DocumentRow:
        """One published document. Raises `NotFoundError`."""
        if _DIGEST.fullmatch(digest):
            async with self._store.snapshot() as snapshot:
                row = (await snapshot.documents([bytes.fromhex(digest)])).get(bytes.fromhex(digest))
            if row is not None and row.kind == kind:
                return row
        raise NotFoundError(f"no such {kind} was published in this ledger")

    async def documents(self, kind: str) -> list[DocumentRow]:
        """All documents of one kind, oldest first."""
        async with self._store.snapshot() as snapshot:
            return await snapshot.documents_of(kind)

    async def senders(self) -> dict[str, Sender]:
        """Every registered sender by id, as last registered."""
        for row in await self.documents("sender"):
            sender = msgspec.json.decode(row.body, type=Sender)
            self._senders[sender.id] = sender
        return dict(self._senders)

    async def require_senders(self, event: SubmittedEvent) -> None:
        """Refuse an event that names an unregistered sender: a typing error must not split a history."""
        named = {name: _named(getattr(event, name)) for name in _sender_fields(type(event))}
        if all(ids <= self._senders.keys() for ids in named.values()):
            return
        known = await self.senders()
        for name, ids in named.items():
            if not ids <= known.keys():
                pointer = "/" + name.removesuffix("_sender")
                raise EventError("no such sender is registered", pointer=pointer, code="unknown_sender")

    async def is_sender(self, sender: str) -> bool:
        """Whether a sender of this id is registered."""
        return sender in self._senders or sender in await self.senders()

    async def rulebook_in_force(self) -> bytes:
        """The hash of the rulebook that decides now."""
        async with self._store.snapshot() as snapshot:
            return (await snapshot.head()).rulebook_hash

    async def recorded_at_ms(self) -> int:
        """The newest recorded time."""
        async with self._store.snapshot() as snapshot:
            return (await snapshot.head()).recorded_at_ms

    async def rulebook(self, digest: bytes) -> PublishedRulebook:
        """A published rulebook with its packs. Raises `NotFoundError`."""
        known = self._rulebooks.get(digest)
        if known is None:
            async with self._store.snapshot() as snapshot:
                known = await read_rulebook(snapshot, digest)
            self._rulebooks[digest] = known
        return known


async def read_rulebook(snapshot: Snapshot, digest: bytes) -> PublishedRulebook:
    """Load a rulebook and the packs it names. Raises `NotFoundError` when one of them is not there."""
    row = (await snapshot.documents([digest])).get(digest)
    if row is None or row.kind != "rulebook":
        raise NotFoundError("no such rulebook was published in this ledger")
    packs = {pack.digest.hex(): pack.body for pack in await snapshot.documents_of("pack")}
    return PublishedRulebook(digest, row.index, row.body, load_rulebook(row.body, packs))


def digest_of(body: bytes) -> bytes:
    """The name of a document: the SHA-256 of its bytes."""
    return hashlib.sha256(body).digest()


@cache
def _sender_fields(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """The fields of this type of event that name senders, in the order of their names."""
    return tuple(sorted(set(_SENDER_FIELDS).intersection(kind.__struct_fields__)))


def _named(value: str | tuple[str, ...] | None) -> set[str]:
    if not value:
        return set()
    return {value} if isinstance(value, str) else set(value)
