"""What the forgeries begin with, and what may be accepted after all."""

import json
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

import msgspec

from service.core.law.question import parse_question
from service.ledger.addresses import CanonicalAddress
from service.ledger.answering.checks import Asked
from tests.support.bundle_vectors import lines
from tests.support.forgery import run, world
from tests.support.reproving import leaves_of
from tests.support.small_ledger import SmallLedger
from tests.support.trusted_world import trusted_world

Json = dict[str, Any]

NAMES = (
    "agreed",
    "left",
    "absent",
    "history",
    "history_absent",
    "history_erased",
    "history_moved",
    "moved",
    "renamed",
    "erased",
    "earlier",
    "grown",
    "older",
    "packs_by_hash",
)
ATTESTED = ("anchored", "cosigned")
OPTIONAL = ("signature", "token", "consistency", "subject_key_secret")
"""What an honest operator may leave out: the verdict then says what it did not check."""

CANONICAL = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True)
class Source:
    """An honest bundle, its ledger, the leaves of its log, and the checkpoint that its reader holds."""

    raw: bytes
    ledger: SmallLedger
    leaves: tuple[bytes, ...]
    held: bytes | None


@dataclass(frozen=True)
class Forged:
    """A bundle that must not be accepted, how it was made, and of what."""

    kind: str
    raw: bytes
    source: Source


@cache
def sources() -> tuple[Source, ...]:
    """Every honest bundle there is to begin with."""
    own = [(world().ledger, getattr(world(), name)) for name in NAMES]
    other, campaign = lines()
    leaves = {
        id(ledger): tuple(leaves_of(ledger)) for ledger in (world().ledger, other, trusted_world().ledger)
    }
    trusted = trusted_world()
    every = [*own, *((other, raw) for raw in campaign.values())]
    every += [(trusted.ledger, getattr(trusted, name)) for name in ATTESTED]
    held = {id(world().ledger): world().held}
    return tuple(Source(raw, ledger, leaves[id(ledger)], held.get(id(ledger))) for ledger, raw in every)


@cache
def texts() -> frozenset[tuple[str, str]]:
    """Every document of the honest bundles under its hash: one that is at hand may be left out."""
    return frozenset(text for source in sources() for text in json.loads(source.raw)["documents"].items())


@cache
def anchors() -> frozenset[tuple[str, str, str]]:
    """Every checkpoint that others attested, with its proof to another: any of them may be left out."""
    opened = [json.loads(source.raw) for source in sources()]
    return frozenset(
        _anchor(_text(value["checkpoint"]), anchor) for value in opened for anchor in value.get("anchors", [])
    )


def _anchor(text: str, anchor: Json) -> tuple[str, str, str]:
    return text, _text(anchor["checkpoint"]), anchor["proof"]


def _text(note: str) -> str:
    """What a note says: who has signed it besides the log is not for the log to prove."""
    return note.partition("\n\n")[0]


def plain(raw: bytes, *more: str) -> bytes:
    """The bundle without what may be left out of it, and without some parts `more`."""
    value = json.loads(raw)
    for name in (*OPTIONAL, *more):
        value.pop(name, None)
    value["documents"] = dict(value["documents"].items() - texts())
    text = value["checkpoint"] = _text(value["checkpoint"])
    value["anchors"] = [each for each in value.get("anchors", []) if _anchor(text, each) not in anchors()]
    return CANONICAL.encode(value)


@cache
def honest(*without: str) -> frozenset[bytes]:
    """What may be accepted."""
    return frozenset(plain(source.raw, *without) for source in sources())


def is_true(forged: Forged) -> bool:
    """Whether a bundle that was accepted is no forgery after all.

    So it is where a whole subject of another bundle makes the very bundle that the ledger makes of that one;
    and where only the question is another, and the answer shown is the one that the ledger gives to that.
    """
    raw, proofs = forged.raw, forged.source.ledger.proofs
    value = json.loads(raw)
    asked = value["question"]
    (shown,) = (each["address"] for each in value["subjects"] if each["role"] == "address")
    address = CanonicalAddress(**shown)
    if asked is None:
        return plain(run(proofs.bundle(address, disclose=True))) == plain(raw)
    times = {name: asked[name] for name in ("at_ms", "known_at_ms")}
    question = Asked(question=parse_question(asked["body"]), address=address, **times)
    made = run(proofs.bundle(question, disclose=True))
    if plain(made) == plain(raw):
        return True
    same = plain(raw, "question") in honest("question")
    return same and bool(json.loads(made)["decision"] == value["decision"])


def other(chance: Random) -> Json:
    """Some honest bundle, opened."""
    value: Json = json.loads(chance.choice(sources()).raw)
    return value


def is_honest(raw: bytes) -> bool:
    try:
        return plain(raw) in honest()
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return False
