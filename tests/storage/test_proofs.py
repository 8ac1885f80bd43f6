"""Bundles out of PostgreSQL: of one state while others write, and what the memory store says they are."""

import asyncio
import secrets
from pathlib import Path

import pytest

from service.core.law.question import parse_question
from service.core.verdict import Verdict
from service.core.verifier import verify_bundle
from service.ledger.addresses import CanonicalAddress
from service.ledger.answering.checks import Asked
from service.ledger.catalogue import Catalogue
from service.ledger.keys import Sealer
from service.ledger.opening import Opener
from service.ledger.proving.proofs import Proofs
from tests.support.workload import Ledger, Workload, Writer, a_writer, grant, new_ledger, receipts, withdrawal

PEOPLE = 12


@pytest.fixture
async def ledger(database_dsn: str, tmp_path: Path) -> Ledger:
    return await new_ledger(database_dsn, tmp_path)


def proofs_of(writer: Writer) -> Proofs:
    opener = Opener(Sealer(writer.ledger.keys.wrapping, secrets.token_bytes))
    return Proofs(
        writer.store,
        writer.ledger.keys,
        writer.admission,
        Catalogue(writer.store),
        opener=opener,
        clock=writer.clock,
    )


def asked(person: int) -> Asked:
    question = {
        "sender": "acme",
        "category": "newsletter",
        "channel": "email",
        "kind": "commercial",
        "recipient": {"country": "NL", "kind": "consumer"},
        "message": {"optout": True, "identity": True},
    }
    return Asked(parse_question(question), CanonicalAddress("email", f"person{person}@example.org"))


async def proved(writer: Writer, person: int) -> Verdict:
    raw = await proofs_of(writer).bundle(asked(person), disclose=True)
    return verify_bundle(raw, verifiers=[writer.ledger.keys.signer.verifier])


async def test_what_was_appended_is_proved(ledger: Ledger) -> None:
    async with a_writer(ledger) as writer:
        receipts(await writer.record(grant(1), grant(2)))
        receipts(await writer.record(withdrawal(3, person=2)))
        answers = [(await proved(writer, person)).answer for person in (1, 2, 3)]
    assert [answer.decision for answer in answers if answer] == ["allow", "deny", "deny"]


async def test_every_person_of_a_long_history_is_proved(ledger: Ledger) -> None:
    workload = Workload("history", people=PEOPLE)
    async with a_writer(ledger) as writer:
        for _ in range(4):
            receipts(await writer.record(*workload.take(200)))
        verdicts = [await proved(writer, person) for person in range(PEOPLE + 1)]
    assert all(verdict.verified for verdict in verdicts)


async def test_bundles_are_of_one_state_while_others_write(ledger: Ledger) -> None:
    workload = Workload("concurrent", people=PEOPLE)
    async with a_writer(ledger) as writer, a_writer(ledger) as reader:

        async def write() -> None:
            for _ in range(25):
                receipts(await writer.record(*workload.take(8)))

        async def prove(person: int) -> list[Verdict]:
            return [await proved(reader, person) for _ in range(6)]

        writing = asyncio.create_task(write())
        found = await asyncio.gather(*(prove(person) for person in range(3)))
        await writing
    verdicts = [verdict for each in found for verdict in each]
    assert all(verdict.verified for verdict in verdicts)
    assert len({verdict.size for verdict in verdicts}) > 1
