"""A real ledger for one case after the other: keys, log, proofs; only its clock says the time of the case."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.core.events import parse_event
from service.core.law.decision import Decision
from service.core.law.question import parse_question
from service.core.notes import Signer
from service.ledger.addresses import canonical_address
from service.ledger.answering.checks import Asked, Checks
from service.ledger.answering.past import Past
from service.ledger.appending.admission import Admission
from service.ledger.appending.appender import Appender
from service.ledger.appending.configuration import Configuration
from service.ledger.appending.genesis import begin
from service.ledger.appending.intake import Intake
from service.ledger.catalogue import Catalogue, Sender
from service.ledger.keys import LedgerKeys, Sealer
from service.ledger.opening import Opener
from service.ledger.ports import Randomness, Store
from service.ledger.proving.proofs import Proofs
from service.ledger.scenarios.preparing import Setup
from service.ledger.wrapping import WrappingRing

OpenStore = Callable[[str], Awaitable[Store]]
"""Makes the empty storage of a new ledger with this origin."""

_HEAD_START_MS: Final = 1_000
"""Genesis, senders and rulebook are settled a second before the first fact."""


class TrialLedger:
    """Every case gets a ledger of its own. Between `begin` and the next one its use cases are at hand."""

    def __init__(self, open_store: OpenStore, random: Randomness, packs: Mapping[str, bytes]) -> None:
        self._open_store = open_store
        self._random = random
        self._packs = packs
        self._now_ms = 0
        self._asked: Asked | None = None
        self.intake: Intake
        self.configuration: Configuration
        self.checks: Checks
        self.proofs: Proofs

    async def begin(self, setup: Setup) -> None:
        """Begin another ledger, register the senders and publish the rulebook."""
        self._now_ms = max(0, setup.begins_ms - _HEAD_START_MS)
        keys = self._keys(f"trial.invalid/{self._random(8).hex()}/1")
        await self._compose(keys, await self._open_store(keys.origin))
        for name, kind in setup.senders.items():
            await self.configuration.register_sender(Sender(name, name, setup.country, kind))
        if len(setup.rulebook) > 1:
            await self.configuration.publish_rulebook(setup.rulebook)

    async def submit(self, event: dict[str, Any], recorded_at_ms: int) -> None:
        """Append one event as the API would; the clock stands at `recorded_at_ms` or where it is already."""
        self._now_ms = max(self._now_ms, recorded_at_ms)
        await self.intake.record(parse_event(event))

    async def ask(
        self, question: dict[str, Any], address: dict[str, str], at_ms: int, known_at_ms: int | None = None
    ) -> Decision:
        """Ask as the API would: about now, or about another time where more has happened since."""
        about_now = known_at_ms is None and at_ms >= self._now_ms
        self._now_ms = max(self._now_ms, at_ms)
        self._asked = Asked(
            question=parse_question(question),
            address=canonical_address(**address),
            at_ms=None if about_now else at_ms,
            known_at_ms=known_at_ms,
        )
        return (await self.checks.check(self._asked)).decision

    async def bundle(self) -> bytes:
        """The proof of the last answer, with all a regulator is given."""
        if self._asked is None:
            raise RuntimeError("nothing was asked yet")
        return await self.proofs.bundle(self._asked, disclose=True)

    def _clock(self) -> int:
        return self._now_ms

    def _keys(self, origin: str) -> LedgerKeys:
        private = Ed25519PrivateKey.from_private_bytes(self._random(32))
        return LedgerKeys(
            origin=origin,
            signer=Signer(origin, private),
            subject_key_secret=self._random(32),
            wrapping=WrappingRing((self._random(32),)),
        )

    async def _compose(self, keys: LedgerKeys, store: Store) -> None:
        sealer, mark = Sealer(keys.wrapping, self._random), _Mark()
        admission, catalogue, opener = Admission(keys, self._random), Catalogue(store), Opener(sealer)
        appender = Appender(store, keys, sealer, mark, clock=self._clock, reached=lambda _step: None)
        self.intake = Intake(admission, catalogue, appender, self._clock)
        self.configuration = Configuration(admission, catalogue, appender, self._clock)
        past = Past(store, opener, catalogue)
        self.checks = Checks(store, keys, admission, catalogue, past=past, clock=self._clock)
        self.proofs = Proofs(store, keys, admission, catalogue, opener=opener, clock=self._clock)
        await begin(store, keys, sealer, admission, mark=mark, now_ms=self._now_ms, packs=self._packs)


class _Mark:
    """A high-water mark for a ledger that does not outlive this object."""

    def __init__(self) -> None:
        self._size = 0
        self._note: bytes | None = None

    def read(self) -> bytes | None:
        return self._note

    async def advance(self, size: int, note: bytes) -> None:
        if size > self._size:
            self._size, self._note = size, note
