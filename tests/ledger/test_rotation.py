"""The log's signing key gives way to another: who signs what, and who follows."""

from collections.abc import Sequence

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.core.checkpoint import open_checkpoint
from service.core.errors import ForkError, SignatureError, UnavailableError
from service.core.notes import Signer, parse_note
from service.core.token import open_token
from service.ledger.appending.appender import Appender
from service.ledger.appending.epoch import Receipt
from service.ledger.appending.rotation import rotate
from service.ledger.audit import Audit
from service.ledger.key_following import read_history
from service.ledger.startup import check_start
from tests.support.memory_store import MemoryMark
from tests.support.small_ledger import GRANT, SmallLedger, keys_from


def a_key(byte: int) -> Signer:
    return Signer(keys_from("main").origin, Ed25519PrivateKey.from_private_bytes(bytes([byte]) * 32))


NEXT, THIRD = a_key(7), a_key(8)


async def rotated(ledger: SmallLedger, new: Signer = NEXT) -> Receipt:
    ledger.now_ms += 1_000
    return await rotate(ledger.appender, ledger.keys, ledger.admission, new, ledger.now_ms)


async def findings(ledger: SmallLedger) -> Sequence[str]:
    audit = Audit(ledger.store, ledger.keys, ledger.opener, ledger.mark)
    return [finding.code for finding in (await audit.run(lambda _done, _all: None)).findings]


@pytest.fixture
async def ledger() -> SmallLedger:
    ledger = await SmallLedger().begin("acme")
    await ledger.record("consent_granted", "jane@example.org", **GRANT)
    return ledger


async def newest(ledger: SmallLedger) -> bytes:
    async with ledger.store.snapshot() as snapshot:
        return (await snapshot.head()).checkpoint


async def test_the_checkpoint_over_a_rotation_is_signed_by_both_keys_the_new_one_first(
    ledger: SmallLedger,
) -> None:
    old = ledger.keys.signer.verifier
    receipt = await rotated(ledger)
    signed = [line.key_id for line in parse_note(receipt.checkpoint).signatures]
    assert signed == [NEXT.verifier.key_id, old.key_id]
    assert ledger.keys.signer.verifier == NEXT.verifier
    assert ledger.keys.history.keys == (old, NEXT.verifier)


async def test_what_is_appended_afterwards_is_signed_by_the_new_key(ledger: SmallLedger) -> None:
    old = ledger.keys.signer.verifier
    await rotated(ledger)
    ledger.keys.take_up(ledger.keys.history)  # the old key is not kept
    receipt = await ledger.record("consent_withdrawn", "jane@example.org", sender="acme")
    open_checkpoint(receipt.checkpoint, ledger.keys.origin, [NEXT.verifier])
    with pytest.raises(SignatureError):
        open_checkpoint(receipt.checkpoint, ledger.keys.origin, [old])
    assert await findings(ledger) == []


async def test_an_old_key_that_is_kept_signs_beside_the_new_one_until_it_is_not(ledger: SmallLedger) -> None:
    old, held = ledger.keys.signer, [ledger.keys.signer, NEXT]
    ledger.keys.held = lambda: held
    await rotated(ledger)
    receipt = await ledger.record("consent_withdrawn", "jane@example.org", sender="acme")
    open_checkpoint(receipt.checkpoint, ledger.keys.origin, [old.verifier])
    held.remove(old)
    ledger.keys.take_up(ledger.keys.history)
    assert (
        len(
            parse_note(
                (await ledger.record("purchase", "jane@example.org", seller="acme", sender="acme")).checkpoint
            ).signatures
        )
        == 1
    )


async def test_a_rotation_is_an_event_that_the_feed_tells(ledger: SmallLedger) -> None:
    receipt = await rotated(ledger)
    async with ledger.store.snapshot() as snapshot:
        (row,) = await snapshot.records(receipt.index, receipt.index + 1)
        secrets = await snapshot.secrets([row.subject_key])
    (event,) = ledger.opener.events(row.subject_key, secrets.get(row.subject_key), [row])
    body = msgspec.json.decode(event.record)["event"]
    assert (body["type"], body["key_id"]) == ("key_rotated", NEXT.verifier.key_id.hex())


async def test_rotating_to_the_same_key_again_changes_nothing(ledger: SmallLedger) -> None:
    receipt = await rotated(ledger)
    again = await rotated(ledger)
    assert (again.index, again.replayed) == (receipt.index, True)


async def test_a_process_that_has_the_new_key_follows_a_rotation_that_another_made(
    ledger: SmallLedger,
) -> None:
    elsewhere = Appender(
        ledger.store,
        keys_from("main"),
        ledger.sealer,
        MemoryMark(),
        clock=ledger.clock,
        reached=lambda _: None,
    )
    elsewhere._keys.held = lambda: [NEXT]  # noqa: SLF001 - the other process's own files
    await rotated(ledger)
    ledger.appender, mine = elsewhere, ledger.appender
    ledger.intake._appender = elsewhere  # noqa: SLF001 - the same events by way of the other process
    receipt = await ledger.record("consent_withdrawn", "jane@example.org", sender="acme")
    open_checkpoint(receipt.checkpoint, ledger.keys.origin, [NEXT.verifier])
    ledger.appender = mine
    assert await findings(ledger) == []


async def test_a_process_that_lacks_the_new_key_signs_nothing_and_goes_on_when_it_has_it(
    ledger: SmallLedger,
) -> None:
    await rotated(ledger)
    late = keys_from("main")
    appender = Appender(
        ledger.store, late, ledger.sealer, MemoryMark(), clock=ledger.clock, reached=lambda _: None
    )
    before = await newest(ledger)
    with pytest.raises(UnavailableError, match="signed by the key"):
        await rotate(appender, late, ledger.admission, THIRD, ledger.now_ms)
    assert await newest(ledger) == before
    late.held = lambda: [NEXT]
    await rotate(appender, late, ledger.admission, THIRD, ledger.now_ms)
    assert late.history.keys[1:] == (NEXT.verifier, THIRD.verifier)


async def test_a_proof_is_signed_by_the_key_of_the_log_also_where_another_process_rotated(
    ledger: SmallLedger,
) -> None:
    other = keys_from("main")
    appender = Appender(
        ledger.store, other, ledger.sealer, ledger.mark, clock=ledger.clock, reached=lambda _: None
    )
    await rotate(appender, other, ledger.admission, NEXT, ledger.now_ms)
    ledger.keys.held = lambda: [NEXT]
    answer = await ledger.checks.check(ledger.ask("jane@example.org", with_token=True))
    assert answer.token is not None
    assert open_token(answer.token, {NEXT.verifier.key_id.hex(): NEXT.private.public_key()})
    assert await ledger.proofs.bundle(ledger.ask("jane@example.org"), disclose=True)


async def test_a_token_of_before_goes_on_verifying_by_the_key_that_signed_it(ledger: SmallLedger) -> None:
    old = ledger.keys.signer
    answer = await ledger.checks.check(ledger.ask("jane@example.org", with_token=True))
    await rotated(ledger)
    assert answer.token is not None
    claims = open_token(answer.token, {old.verifier.key_id.hex(): old.private.public_key()})
    assert ledger.keys.history.at(claims["size"]) == old.verifier


async def test_at_start_the_key_that_the_log_names_is_taken_up(ledger: SmallLedger) -> None:
    await rotated(ledger)
    fresh = keys_from("main")
    fresh.held = lambda: [fresh.signer, NEXT]
    await check_start(ledger.store, fresh, ledger.mark)
    assert fresh.signer.verifier == NEXT.verifier
    assert [signer.verifier for signer in fresh.previous] == [keys_from("main").signer.verifier]


async def test_a_database_of_before_the_rotation_is_refused_at_start(ledger: SmallLedger) -> None:
    older = ledger.store.version
    await rotated(ledger)
    ledger.keys.take_up(ledger.keys.history)
    await ledger.record("consent_withdrawn", "jane@example.org", sender="acme")
    ledger.store.version = older
    fresh = keys_from("main")
    fresh.held = lambda: [fresh.signer, NEXT]
    with pytest.raises(ForkError, match="it is an older state"):
        await check_start(ledger.store, fresh, ledger.mark)


async def test_every_key_of_a_log_follows_from_the_one_before(ledger: SmallLedger) -> None:
    await rotated(ledger)
    await rotated(ledger, THIRD)
    async with ledger.store.snapshot() as snapshot:
        history = await read_history(snapshot)
    assert history == ledger.keys.history
    assert history.keys[1:] == (NEXT.verifier, THIRD.verifier)
    assert await findings(ledger) == []
