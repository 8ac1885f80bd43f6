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
from service.core.law.question import Question, question_body
from service.core.merkle import hash_leaf

CAMPAIGN_TOKEN_TYPE: Final = "clv1-campaign+jwt"  # noqa: S105 - a media type, not a password
CAMPAIGN_SOURCE: Final = "ledger"

_ANSWER_TAG: Final = b"clv1/campaign-answer"
_REFUSED_TAG: Final = b"clv1/campaign-refused"
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


def answer_leaf(
    subject_key: bytes, question_hash: bytes, at_ms: int, position: int, decision: bytes
) -> bytes:
    """The leaf hash of one answer; `decision` in canonical JSON, times in milliseconds since 1970."""
    return hash_leaf(
        b"".join(
            (
                _ANSWER_TAG,
                subject_key,
                question_hash,
                at_ms.to_bytes(8),
                position.to_bytes(8),
                hashlib.sha256(decision).digest(),
            )
        )
    )


def refused_leaf(code: str) -> bytes:
    """The leaf hash of a line that could not be answered."""
    return hash_leaf(_REFUSED_TAG + code.encode())


def campaign_event_id(campaign: str) -> str:
    """The `source_event_id` under which the log knows a campaign."""
    return f"campaign:{campaign}"
