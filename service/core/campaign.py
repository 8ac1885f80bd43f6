"""A campaign: many answers under one RFC 6962 root, so that one signature and one event speak for all.

Leaf `line - 1` is what line `line` was answered. A leaf is hashed as RFC 6962 says, over

* an answer: "clv1/campaign-answer" ‖ subject_key[32] ‖ SHA-256(question)[32] ‖ u64(at_ms) ‖ u64(position) ‖
  SHA-256(decision)[32], question and decision in canonical JSON. `position` is the epoch whose state was read
  and `at_ms` the time of sending it was asked for: from these the answer can be derived again.
* a line that was refused: "clv1/campaign-refused" ‖ the refusal's code.

A leaf names its subject by its key alone: who does not know K_sub can find no address in it.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from service.core.canonical import canonical_json
from service.core.law.decision import Decision, decision_body, stamp_ms
from service.core.law.question import Question, question_body
from service.core.merkle import hash_leaf

CAMPAIGN_SOURCE: Final = "ledger"

_ANSWER_TAG: Final = b"clv1/campaign-answer"
_REFUSED_TAG: Final = b"clv1/campaign-refused"
_TAILS_KEPT_MAX: Final = 1_024
_ENCODER: Final = msgspec.json.Encoder(order="sorted")


def question_bytes(question: Question) -> bytes:
    """The canonical JSON of a question, without what has its default."""
    return canonical_json(question_body(question))


def decision_bytes(body: Mapping[str, Any]) -> bytes:
    """The canonical JSON of a decision's body (`decision_body`), whose values are all canonical already."""
    return _ENCODER.encode(body)


def question_hash_of(question: bytes) -> bytes:
    """The hash by which a leaf names its question; `question` in canonical JSON."""
    return hashlib.sha256(question).digest()


class DecisionWriter:
    """Writes `decision_bytes(decision_body(decision))`; what decisions have in common is written once."""

    def __init__(self) -> None:
        self._tails: dict[tuple[object, ...], bytes] = {}

    def write(self, decision: Decision) -> bytes:
        """The canonical JSON of a decision."""
        tail = self._tails.get(key := _shared(decision))
        if tail is None:
            if len(self._tails) >= _TAILS_KEPT_MAX:
                self._tails.clear()
            tail = self._tails[key] = self._tail(decision)
        expires = decision.expires_at_ms
        return b'{"basis":"%b","decision":"%b","evaluated_at":"%b","events":%b,"expires_at":%b,%b' % (
            decision.basis.encode(),
            decision.decision.encode(),
            stamp_ms(decision.evaluated_at_ms).encode(),
            _ENCODER.encode(decision.events),
            b"null" if expires is None else b'"%b"' % stamp_ms(expires).encode(),
            tail,
        )

    @staticmethod
    def _tail(decision: Decision) -> bytes:
        whole = decision_bytes(decision_body(decision))
        return whole[whole.index(b'"further_codes":') :]


def _shared(decision: Decision) -> tuple[object, ...]:
    return (
        decision.reason_code,
        decision.rule,
        decision.jurisdiction,
        decision.further_codes,
        decision.missing_facts,
        decision.needs_human,
    )


def answer_leaf(
    subject_key: bytes, question_hash: bytes, at_ms: int, position: int, decision: bytes
) -> bytes:
    """The leaf hash of one answer; `decision` in canonical JSON, times in milliseconds since 1970."""
    state = at_ms.to_bytes(8) + position.to_bytes(8)
    answered = _ANSWER_TAG + subject_key + question_hash + state + hashlib.sha256(decision).digest()
    return hash_leaf(answered)


def refused_leaf(code: str) -> bytes:
    """The leaf hash of a line that could not be answered."""
    return hash_leaf(_REFUSED_TAG + code.encode())


def campaign_event_id(campaign: str) -> str:
    """The `source_event_id` under which the log knows a campaign."""
    return f"campaign:{campaign}"
