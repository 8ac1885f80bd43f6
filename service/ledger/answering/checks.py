"""The answer: may this message be sent to this address at this time, and what was it made from."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from service.core.bundle import ShownQuestion
from service.core.checkpoint import Checkpoint
from service.core.errors import QuestionError
from service.core.history import reach
from service.core.law.context import Standings
from service.core.law.decision import Decision, decide, decision_body
from service.core.law.facts import Standing
from service.core.law.question import Question, question_body
from service.core.law.standing import EMPTY, decode_standing, predecessors
from service.core.token import sign_token, token_header
from service.core.verify_answer import token_claims
from service.ledger.addresses import CanonicalAddress
from service.ledger.answering.past import Past
from service.ledger.appending.admission import Admission
from service.ledger.catalogue import Catalogue, PublishedRulebook
from service.ledger.key_following import follow, leads
from service.ledger.keys import LedgerKeys
from service.ledger.ports import UNMETERED, Clock, Head, Meter, Store

# Nobody changes address this often: what is linked with more is no person's history.
LINKED_SUBJECTS_MAX = 64

UNEXPLAINED: Final[dict[str, Any]] = {
    "reason_code": "NOT_EXPLAINED",
    "further_codes": [],
    "rule": None,
    "events": [],
    "missing_facts": [],
    "needs_human": False,
    "expires_at": None,
}
"""What stands in a deny for callers who may not see why."""

Reader = Callable[[Sequence[bytes]], Awaitable[tuple[Head, dict[bytes, Standing]]]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about one address. `at_ms`: the time of sending; `known_at_ms`: as the ledger stood then.

    Both None: now. `min_position`: the answer must cover this position. Without detail a deny does not say
    why, so that a withdrawn address and one that was never seen look the same.
    """

    question: Question
    address: CanonicalAddress
    at_ms: int | None = None
    known_at_ms: int | None = None
    min_position: int | None = None
    with_token: bool = True
    with_detail: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """The decision, its body as this caller may see it, what it was made from, and the token if asked for."""

    decision: Decision
    body: dict[str, Any]
    head: Head
    rulebook: PublishedRulebook
    token: str | None


class Checks:
    """Answers questions from folded standings: one indexed read, shared by concurrent callers."""

    def __init__(
        self,
        store: Store,
        keys: LedgerKeys,
        admission: Admission,
        catalogue: Catalogue,
        *,
        past: Past,
        clock: Clock,
    ) -> None:
        self._store = store
        self._keys = keys
        self._admission = admission
        self._catalogue = catalogue
        self._clock = clock
        self._past = past
        self.meter: Meter = UNMETERED

    def subject_of(self, address: CanonicalAddress) -> bytes:
        """The subject key of an address: what callers' quotas count addresses by."""
        return self._admission.subject_of(address)

    async def check(self, asked: Asked) -> Answer:
        """Answer one question.

        Raises `QuestionError` for an unknown sender and for a position or time that does not exist yet.
        """
        question = asked.question
        if not await self._catalogue.is_sender(question.sender):
            raise QuestionError("no such sender is registered", pointer="/sender", code="unknown_sender")
        key = self._admission.subject_of(asked.address)
        head, standings = await gather(self._reader(asked), self._admission, key, question.sender)
        if asked.min_position is not None and asked.min_position > head.position:
            raise QuestionError("this position does not exist", pointer="/min_position", code="in_future")
        now_ms = max(self._clock(), head.recorded_at_ms)
        digest = head.rulebook_hash
        if asked.known_at_ms is not None:
            digest = await self._past.rulebook_hash(asked.known_at_ms)
        rulebook = await self._catalogue.rulebook(digest)
        decision = decide(rulebook.rulebook, standings, question, asked.at_ms or now_ms)
        self.meter.answered(decision.decision, decision.reason_code)
        body = decision_body(decision)
        if decision.decision == "deny" and not asked.with_detail:
            body |= UNEXPLAINED | {"jurisdiction": asked.question.recipient.country}
        answer = Answer(decision, body, head, rulebook, None)
        if not asked.with_token:
            return answer
        if not leads(self._keys, head):
            async with self._store.snapshot() as snapshot:
                await follow(self._keys, snapshot, await snapshot.head())
        if self._keys.history.at(head.size) != self._keys.signer.verifier:
            # The key gave way while this was answered: a token is signed by the key of the size it names.
            return await self.check(asked)
        return self._signed(asked, key, answer, now_ms)

    def _reader(self, asked: Asked) -> Reader:
        if asked.at_ms is None and asked.known_at_ms is None:
            return self._read_current
        # What is declared for a time after `at`, or was recorded after `known_at`, must not count.
        return self._past.reader(asked.at_ms, asked.known_at_ms)

    async def _read_current(self, keys: Sequence[bytes]) -> tuple[Head, dict[bytes, Standing]]:
        head, rows = await self._store.standings(keys)
        return head, {key: decode_standing(rows[key]) for key in keys if key in rows}

    def _signed(self, asked: Asked, key: bytes, answer: Answer, now_ms: int) -> Answer:
        asked_at = answer.decision.evaluated_at_ms
        payload = token_claims(
            Checkpoint(self._keys.origin, answer.head.size, answer.head.root),
            subject=key.hex(),
            asked=ShownQuestion(
                body=question_body(asked.question), at_ms=asked_at, known_at_ms=asked.known_at_ms
            ),
            decision=answer.body,
            rulebook=answer.rulebook.digest,
            issued_at=now_ms // 1000,
        )
        signer = self._keys.signer
        token = sign_token(signer.private, token_header(signer.verifier.key_id.hex()), payload)
        return Answer(answer.decision, answer.body, answer.head, answer.rulebook, token)


async def gather(read: Reader, admission: Admission, address: bytes, sender: str) -> tuple[Head, Standings]:
    """The standings a decision needs, all read as one state.

    They are the address and its former ones, the sender and those it followed.

    Raises `QuestionError` when the links lead to more subjects than a person has addresses.
    """
    addresses, senders = {address}, {sender: admission.subject_of_sender(sender)}
    while True:
        head, found = await read([*addresses, *senders.values()])
        known = {key.hex(): found.get(key) for key in addresses}
        follow = reach(address.hex(), known).missing
        earlier = {
            name
            for own, key in senders.items()
            for name in predecessors(found.get(key, EMPTY), own)
            if name not in senders
        }
        if not follow and not earlier:
            break
        addresses |= {bytes.fromhex(name) for name in follow}
        senders |= {name: admission.subject_of_sender(name) for name in earlier}
        if len(addresses) + len(senders) > LINKED_SUBJECTS_MAX:
            raise QuestionError("more linked addresses than are followed", code="too_many_links")
    linked = [(key.hex(), found[key]) for key in sorted(addresses - {address}) if key in found]
    return head, Standings(
        address=found.get(address, EMPTY),
        linked=tuple(linked),
        senders={name: found.get(key, EMPTY) for name, key in senders.items()},
    )
