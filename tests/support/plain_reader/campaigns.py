"""Campaigns, from `schemas/README.md` alone: the leaves of lines, their root, and one line under it."""

from tests.support.plain_reader.identities import sha256
from tests.support.plain_reader.texts import Json, require, unhex, write_json
from tests.support.plain_reader.trees import check_inclusion, tree_root


def answered(given: Json) -> bytes:
    """The leaf of a line that was answered."""
    for part in (given["question"], given["decision"]):
        _check_numbers(part)
    state = given["at_ms"].to_bytes(8, "big") + given["position"].to_bytes(8, "big")
    question, decision = (sha256(write_json(given[name]).encode()) for name in ("question", "decision"))
    subject = unhex(given["subject"], 32)
    return sha256(b"\0", b"clv1/campaign-answer", subject, question, state, decision)


def refused(given: Json) -> bytes:
    """The leaf of a line that was refused."""
    return sha256(b"\0", b"clv1/campaign-refused", given["refused"].encode())


def leaf(line: Json) -> bytes:
    """The leaf of a line."""
    return refused(line) if "refused" in line else answered(line["answer"])


def root(given: Json) -> Json:
    """The root over lines."""
    return {"root": tree_root([leaf(line) for line in given["lines"]]).hex()}


def line(given: Json) -> Json:
    """Refuse what is not that line of the campaign."""
    proof = [unhex(each, 32) for each in given["proof"]]
    require(given["line"] >= 1, "lines are counted from 1")
    check_inclusion(answered(given), given["line"] - 1, given["count"], proof, unhex(given["root"], 32))
    return {}


def _check_numbers(value: object) -> None:
    require(not isinstance(value, float), "a fraction")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_numbers(item)
