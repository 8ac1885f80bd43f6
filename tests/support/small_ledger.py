"""A whole ledger in memory, the same at every run: its clock stands, its randomness counts."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.core.entries import ErasureEntry, encode_erasure
from service.core.events import parse_event
from service.core.law.question import parse_question
from service.core.law.standing import encode_standing, suppressed
from service.core.notes import Signer
from service.ledger.addresses import CanonicalAddress, canonical_address
from service.ledger.answering.checks import Asked, Checks
from service.ledger.answering.past import Past
from service.ledger.appending.admission import Admission
from service.ledger.appending.appender import Appender
from service.ledger.appending.configuration import Configuration
from service.ledger.appending.epoch import Epoch, Receipt
from service.ledger.appending.genesis import begin
from service.ledger.appending.intake import Intake
from service.ledger.audit import Audit, AuditReport
from service.ledger.catalogue import Catalogue, Sender
from service.ledger.erasing.erasures import Erased, Erasures
from service.ledger.keys import LedgerKeys, Sealer
from service.ledger.opening import Opener, tombstone
from service.ledger.packs import shipped_packs
from service.ledger.proving.proofs import Proofs
from service.ledger.unsubscribe import Unsubscribe
from service.ledger.wrapping import WrappingRing
from tests.support.memory_erasures import MemoryErasureList, MemoryErasureRows
from tests.support.memory_store import MemoryMark, MemoryStore

ORIGIN = "ledger.test/main/1"
START_MS = 1_795_000_000_000  # 2026-11-18
SECOND, DAY = 1_000, 86_400_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

FORM: dict[str, Any] = {
    "language": "en",
    "title": "Newsletter",
    "text": "Yes, send me the Acme newsletter by e-mail. I can leave at any time.",
    "collector": "acme",
    "notice_given": True,
    "optout_offered": True,
    "boxes": [
        {
            "name": "newsletter",
            "label": "Send me the newsletter",
            "default": "unticked",
            "categories": ["newsletter"],
            "channels": ["email"],
            "senders": ["acme"],
        }
    ],
}


class Counted:
    """Bytes that nobody can predict, except who knows the seed."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._count = 0

    def __call__(self, size: int) -> bytes:
        """The next `size` bytes."""
        self._count += 1
        return hashlib.shake_256(self._seed + self._count.to_bytes(8)).digest(size)


def keys_from(seed: str, origin: str = ORIGIN) -> LedgerKeys:
    """The keys of a ledger, made of a word."""
    random = Counted(seed)
    return LedgerKeys(
        origin=origin,
        signer=Signer(origin, Ed25519PrivateKey.from_private_bytes(random(32))),
        subject_key_secret=random(32),
        wrapping=WrappingRing((random(32),)),
    )


def email(value: str) -> dict[str, str]:
    return {"kind": "email", "value": value}


def moment(ms: int) -> str:
    return (EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds")


@dataclass
class SmallLedger:
    """One ledger with all its use cases. Whatever is recorded together makes one epoch, a second later."""

    keys: LedgerKeys = field(default_factory=lambda: keys_from("main"))
    store: MemoryStore = field(default_factory=MemoryStore)
    mark: MemoryMark = field(default_factory=MemoryMark)
    now_ms: int = START_MS
    recorded: int = 0

    def __post_init__(self) -> None:
        random = Counted("random")
        sealer = Sealer(self.keys.wrapping, random)
        self.sealer, self.opener = sealer, Opener(sealer)
        self.admission = Admission(self.keys, random)
        catalogue = Catalogue(self.store)
        self.appender = Appender(
            self.store, self.keys, sealer, self.mark, clock=self.clock, reached=lambda _step: None
        )
        self.intake = Intake(self.admission, catalogue, self.appender, self.clock)
        self.configuration = Configuration(self.admission, catalogue, self.appender, self.clock)
        self.erased, self.erasure_rows = MemoryErasureList(), MemoryErasureRows(self.store)
        self.erasures = Erasures(self.store, self.admission, self.opener, self.appender, self.erased)
        past = Past(self.store, self.opener, catalogue)
        self.checks = Checks(self.store, self.keys, self.admission, catalogue, past=past, clock=self.clock)
        self.proofs = Proofs(
            self.store, self.keys, self.admission, catalogue, opener=self.opener, clock=self.clock
        )
        self.unsubscribe = Unsubscribe(
            self.store,
            self.keys,
            self.admission,
            catalogue,
            self.appender,
            clock=self.clock,
            sleep=self.sleep,
        )

    def clock(self) -> int:
        """The time it is set to."""
        return self.now_ms

    async def sleep(self, seconds: float) -> None:
        """Let that much time pass at once."""
        self.now_ms += int(seconds * SECOND)

    async def begin(self, *senders: str) -> "SmallLedger":
        """Sign the genesis and register the senders."""
        packs = shipped_packs()
        await begin(
            self.store,
            self.keys,
            self.sealer,
            self.admission,
            mark=self.mark,
            now_ms=self.now_ms,
            packs=packs,
        )
        for sender in senders:
            self.now_ms += SECOND
            await self.configuration.register_sender(Sender(sender, f"{sender.title()} BV", "NL", "business"))
        return self

    async def publish_form(self, **changes: object) -> str:
        """Publish the newsletter's form and return its id."""
        self.now_ms += SECOND
        _, published = await self.configuration.publish_form(FORM | changes)
        return published.digest

    async def record(self, kind: str, address: str | None = None, **fields: object) -> Receipt:
        """Record one event, which happened when it was recorded unless `occurred_at` says otherwise."""
        return (await self.record_all((kind, address, fields)))[0]

    async def record_all(self, *events: tuple[str, str | None, Mapping[str, object]]) -> list[Receipt]:
        """Record events together, in one epoch."""
        self.now_ms += SECOND
        submitted = []
        for kind, address, fields in events:
            self.recorded += 1
            body: dict[str, object] = {
                "type": kind,
                "source_event_id": f"e{self.recorded}",
                "occurred_at": moment(self.now_ms),
            }
            if address is not None:
                body["address"] = email(address)
            submitted.append(parse_event(body | dict(fields)))
        outcomes = await self.intake.record_all(submitted)
        for outcome in outcomes:
            if not isinstance(outcome, Receipt):
                raise outcome
        return [outcome for outcome in outcomes if isinstance(outcome, Receipt)]

    async def audit(self) -> AuditReport:
        """Replay the whole log; a sound one is vouched for."""
        report = await Audit(self.store, self.keys, self.opener, self.mark).run(lambda _done, _of: None)
        if report.is_sound:
            await self.erasure_rows.audited(report.size, bytes.fromhex(report.root), self.now_ms)
        return report

    async def erase_for_good(self, address: str) -> Erased:
        """Audit, then erase as the product does."""
        assert (await self.audit()).is_sound
        self.now_ms += SECOND
        return await self.erasures.erase(self.address(address))

    async def erase(self, address: str, *, tombstones: bool = True) -> int:
        """Destroy all contents of an address's history by a notice alone, and return its index.

        Without tombstones its rows are deleted, and the standing alone knows where the notice is.
        """
        self.now_ms += SECOND
        key = self.admission.subject_of(self.address(address))
        async with self.store.transaction() as transaction:
            head = await transaction.lock_head()
            assert head is not None
            rows = await transaction.records_of(key)
            epoch = Epoch(self.keys, self.sealer, head, self.now_ms, head.rulebook_hash)
            notice, indices = epoch.index, tuple(row.index for row in rows)
            epoch.append_entry(
                encode_erasure(ErasureEntry(epoch.last_leaf_hash, epoch.recorded_at_ms, 1, indices))
            )
            await transaction.write(epoch.close(head.map_root, {}))
        standing = encode_standing(suppressed(index=notice, at_ms=epoch.recorded_at_ms))
        self.store.erase(key, [tombstone(row, notice) for row in rows] if tombstones else [], standing)
        return notice

    def ask(self, address: str, **changes: Any) -> Asked:  # noqa: ANN401 - fields of a question or of `Asked`
        """Ask whether acme may send its newsletter to this address now."""
        own = {name: changes.pop(name) for name in ("at_ms", "known_at_ms", "with_token") if name in changes}
        body = {
            "sender": "acme",
            "category": "newsletter",
            "channel": "email",
            "kind": "commercial",
            "recipient": {"country": "NL", "kind": "consumer"},
            "message": {"optout": True, "identity": True},
        }
        return Asked(question=parse_question(body | changes), address=self.address(address), **own)

    @staticmethod
    def address(value: str) -> CanonicalAddress:
        """An e-mail address in its one form."""
        return canonical_address("email", value)


GRANT: dict[str, object] = {
    "sender": "acme",
    "categories": ["newsletter"],
    "channels": ["email"],
    "senders": ["acme"],
    "method": "written_message",
    "evidence": {"ip": "192.0.2.7"},
}


async def a_small_ledger() -> SmallLedger:
    """Two senders, a form, and three people: one who agreed, one who left again, one who never came."""
    ledger = await SmallLedger().begin("acme", "beta")
    form = await ledger.publish_form()
    tick = {"sender": "acme", "form": form, "box": "newsletter", "method": "ticked"}
    await ledger.record("consent_granted", "jane@example.org", **tick, evidence={"ip": "192.0.2.1"})
    await ledger.record_all(
        ("purchase", "jane@example.org", {"sender": "acme", "seller": "acme"}),
        ("consent_granted", "left@example.org", tick),
    )
    await ledger.record("consent_withdrawn", "left@example.org", sender="acme", scope="all_marketing")
    await ledger.record("contact_by_recipient", "jane@example.org", sender="acme")
    return ledger
