"""Vectors of campaigns: leaves of answers and refusals, the root over lines, and a line under its root."""

from collections.abc import Iterator
from typing import Any

from service.core.merkle import plan_inclusion, prove_inclusion, root
from tests.support.vectors.case import Vectors

SUBJECT, OTHER = "11" * 32, "22" * 32
STRANGER = "5a" * 32
AT_MS, POSITION = 1_795_000_000_000, 43

QUESTION: dict[str, Any] = {
    "sender": "acme",
    "category": "newsletter",
    "channel": "email",
    "kind": "commercial",
    "recipient": {"country": "NL", "kind": "consumer"},
    "message": {"identity": True, "optout": True},
}
ALLOW: dict[str, Any] = {
    "basis": "consent",
    "decision": "allow",
    "evaluated_at": "2026-11-18T11:06:40.000Z",
    "events": [41],
    "expires_at": "2028-11-18T11:06:40.000Z",
    "further_codes": [],
    "jurisdiction": "NL",
    "missing_facts": [],
    "needs_human": False,
    "reason_code": "CONSENT",
    "rule": {"citation": "Tw art. 11.7(1)", "id": "nl.consent", "valid_from": "2004-05-19"},
}
DENY: dict[str, Any] = ALLOW | {
    "basis": "none",
    "decision": "deny",
    "events": [],
    "expires_at": None,
    "reason_code": "NO_BASIS",
    "rule": None,
}


def _answer(subject: str = SUBJECT, decision: dict[str, Any] = ALLOW, **changes: object) -> dict[str, Any]:
    answer = {"subject": subject, "at_ms": AT_MS, "position": POSITION}
    return {**answer, "question": QUESTION, "decision": decision, **changes}


LINES: list[dict[str, Any]] = [
    {"answer": _answer()},
    {"refused": "email"},
    {"answer": _answer(OTHER, DENY)},
    {"answer": _answer(OTHER, DENY, position=47, at_ms=AT_MS + 5)},
    {"answer": _answer(decision=DENY, question=QUESTION | {"channel": "sms"})},
]


def answers() -> Vectors:
    """The leaves of answers."""
    vectors = Vectors("campaign/answer", "The leaf hash of a line that was answered.")
    for number, line in enumerate(LINES, start=1):
        if "answer" in line:
            vectors.accept(f"line {number}", **line["answer"])
    vectors.accept("the first line, keys in another order", **dict(reversed(_answer().items())))
    vectors.refuse(
        "a number with a fraction", "no number has one", **_answer(question=QUESTION | {"share": 0.5})
    )
    return vectors


def refusals() -> Vectors:
    """The leaves of refusals."""
    vectors = Vectors("campaign/refusal", "The leaf hash of a line that was refused.")
    for code in ("email", "unknown_field", "json"):
        vectors.accept(code, refused=code)
    return vectors


def roots() -> Vectors:
    """The roots over the first lines of a campaign."""
    vectors = Vectors("campaign/root", "The root of a campaign of these lines, in their order.")
    for count in range(1, len(LINES) + 1):
        vectors.accept(f"{count} lines", lines=LINES[:count])
    vectors.accept("two lines exchanged", lines=[LINES[1], LINES[0]])
    return vectors


def _line(leaves: list[bytes], line: int) -> dict[str, Any]:
    plan = plan_inclusion(line - 1, len(leaves))
    stored = {part: leaves[part.start : part.stop] for part in plan}
    proof = prove_inclusion(line - 1, len(leaves), stored)
    return {
        **LINES[line - 1]["answer"],
        "line": line,
        "count": len(leaves),
        "root": root(leaves).hex(),
        "proof": [each.hex() for each in proof],
    }


def proofs() -> Vectors:
    """That an answer was line so-and-so of a campaign."""
    vectors = Vectors("campaign/line", "That this was answered as line `line` of the `count` under `root`.")
    own = Vectors("campaign/answer", "")
    other = Vectors("campaign/refusal", "")
    leaves = [
        bytes.fromhex(
            own.accept("", **line["answer"])["leaf"] if "answer" in line else other.accept("", **line)["leaf"]
        )
        for line in LINES
    ]
    for number, line in enumerate(LINES, start=1):
        if "answer" in line:
            vectors.accept(f"line {number} of {len(LINES)}", **_line(leaves, number))
    vectors.accept("the only line", **_line(leaves[:1], 1))
    good = _line(leaves, 3)
    forged: dict[str, tuple[dict[str, Any], str]] = {
        "another line": ({"line": 4}, "leads to another root"),
        "no line": ({"line": 0}, "lines are counted from 1"),
        "a line beyond the last": ({"line": 6}, "the line is at most the count"),
        "another count": ({"count": 4}, "shorter than the tree is high"),
        "another person": ({"subject": SUBJECT}, "leads to another root"),
        "the answer turned round": ({"decision": ALLOW}, "leads to another root"),
        "another reason": ({"decision": DENY | {"reason_code": "WITHDRAWN"}}, "leads to another root"),
        "another question": ({"question": QUESTION | {"channel": "sms"}}, "leads to another root"),
        "another time": ({"at_ms": AT_MS + 1}, "leads to another root"),
        "another state": ({"position": POSITION + 1}, "leads to another root"),
        "another root": ({"root": STRANGER}, "leads to another root"),
        "a hash dropped": ({"proof": good["proof"][1:]}, "shorter than the tree is high"),
        "a hash changed": ({"proof": [STRANGER, *good["proof"][1:]]}, "leads to another root"),
    }
    for name, (changes, reason) in forged.items():
        vectors.refuse(name, reason, **good | changes)
    return vectors


def all_of_them() -> Iterator[Vectors]:
    """Every file."""
    yield from (answers(), refusals(), roots(), proofs())
