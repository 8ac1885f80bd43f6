"""Bundles as a dishonest operator would make them: changed, and then signed with the log's own key."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import msgspec

from service.core.bundle import Bundle, sign_bundle
from service.core.notes import Signer
from service.core.verdict import Verdict
from service.core.verifier import verify_bundle
from tests.support.reproving import leaves_of, reprove
from tests.support.small_ledger import GRANT, SmallLedger, email

Json = dict[str, Any]
Edit = Callable[[Json], object]
T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """One ledger, and the bundles that it gave out of it.

    `agreed`: an allow; `left`: a deny; `absent`: an address nobody knows; `moved`: with a former address;
    `renamed`: with a former sender; `erased`: with a notice; `earlier`: as known at a past time; `grown`:
    with a proof from `held`; `packs_by_hash`: as `agreed`, but that; `older`: of a smaller log. `history` and
    what begins with it ask nothing.
    """

    ledger: SmallLedger
    held: bytes
    older: bytes
    agreed: bytes
    left: bytes
    absent: bytes
    history: bytes
    history_absent: bytes
    history_erased: bytes
    history_moved: bytes
    moved: bytes
    renamed: bytes
    erased: bytes
    earlier: bytes
    grown: bytes
    packs_by_hash: bytes

    @property
    def signer(self) -> Signer:
        """Who signs for the log."""
        return self.ledger.keys.signer


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to its end what never waits for anything outside."""
    with asyncio.Runner() as runner:
        return runner.run(work)


@cache
def world() -> World:
    """The ledger and its bundles, made once."""
    return run(_world())


async def _world() -> World:
    ledger = await SmallLedger().begin("acme", "beta", "gamma", "delta")
    form = await ledger.publish_form()
    tick = {"sender": "acme", "form": form, "box": "newsletter", "method": "ticked"}
    ticked = tick | {"evidence": {"ip": "192.0.2.1"}}
    await ledger.record_all(("consent_granted", "jane@example.org", ticked))
    await ledger.record_all(("consent_granted", "left@example.org", tick))
    held, size, known_at_ms = ledger.mark.note or b"", ledger.mark.size, ledger.now_ms
    older = await ledger.proofs.bundle(ledger.ask("jane@example.org"), disclose=True)
    await _goes_on(ledger)
    make = ledger.proofs.bundle
    jane = ledger.ask("jane@example.org")
    return World(
        ledger=ledger,
        held=held,
        older=older,
        agreed=await make(jane, disclose=True),
        left=await make(ledger.ask("left@example.org", with_token=False), disclose=True),
        absent=await make(ledger.ask("nobody@example.org"), disclose=True),
        history=await make(ledger.address("jane@example.org"), disclose=True),
        history_absent=await make(ledger.address("nobody@example.org"), disclose=True),
        history_erased=await make(ledger.address("gone@example.org"), disclose=True),
        history_moved=await make(ledger.address("new@example.org"), disclose=True),
        moved=await make(ledger.ask("new@example.org"), disclose=True),
        renamed=await make(ledger.ask("jane@example.org", sender="delta"), disclose=True),
        erased=await make(ledger.ask("gone@example.org"), disclose=True),
        earlier=await make(ledger.ask("jane@example.org", known_at_ms=known_at_ms), disclose=True),
        grown=await make(jane, disclose=True, held_size=size),
        packs_by_hash=await make(jane, disclose=True, documents="packs_by_hash"),
    )


async def _goes_on(ledger: SmallLedger) -> None:
    await ledger.record_all(
        ("purchase", "jane@example.org", {"sender": "acme", "seller": "acme"}),
        ("consent_withdrawn", "left@example.org", {"sender": "acme", "scope": "all_marketing"}),
        ("consent_granted", "old@example.org", GRANT),
        ("consent_granted", "gone@example.org", GRANT),
    )
    await ledger.record("contact_by_recipient", "jane@example.org", sender="acme")
    old, new = email("old@example.org"), email("new@example.org")
    moved = {"by": "recipient", "verified": True, "from": old, "to": new}
    renamed = {"from": "gamma", "to": "delta", "same_legal_entity": True}
    await ledger.record_all(("address_changed", None, moved))
    await ledger.record_all(("sender_renamed", None, renamed))
    await ledger.erase("gone@example.org")
    await ledger.record("contact_by_recipient", "gone@example.org", sender="acme")


def opened(raw: bytes) -> Json:
    """A bundle as plain JSON values."""
    value: Json = json.loads(raw)
    return value


def signed(value: Json, signer: Signer | None = None) -> bytes:
    """These values as a bundle, signed by the log or by somebody else."""
    value.pop("signature", None)
    return sign_bundle(msgspec.convert(value, Bundle), signer or world().signer)


def forged(
    raw: bytes, edit: Edit, signer: Signer | None = None, *, ledger: SmallLedger | None = None
) -> bytes:
    """A bundle changed in place by `edit`, with a log proof for what it then shows, and signed again."""
    value = opened(raw)
    proof = value["log_proof"]
    edit(value)
    if value["log_proof"] == proof:
        reprove(value, leaves_of(ledger or world().ledger))
    return signed(value, signer)


def verified(raw: bytes, *, held: bytes | None = None) -> Verdict:
    """The verdict of somebody who pinned the log's key."""
    return verify_bundle(raw, verifiers=[world().signer.verifier], held=held)


def failing_step(verdict: Verdict) -> int | None:
    """The number of the step that failed."""
    return next((check.number for check in verdict.checks if check.outcome == "failed"), None)
