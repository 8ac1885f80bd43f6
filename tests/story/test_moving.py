"""People who change address, on a real log: a no follows them, a yes does not, and the proof shows both.

And however the same events were grouped into batches, answer and proof are the same.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.core.errors import LedgerError
from service.core.events import parse_event
from service.core.verifier import verify_bundle
from service.ledger.scenarios import Setup, TrialLedger
from service.wiring.trial import trial_ledger

SETUP = Setup({"schema": 1}, {"acme": "business", "broker": "business"}, "NL", 1_767_225_600_000)
START = datetime(2026, 1, 1, tzinfo=UTC)
OLD, NEW, NEWEST = ("old@example.org", "new@example.org", "newest@example.org")
AGREED: dict[str, Any] = {
    "categories": ["newsletter"],
    "channels": ["email"],
    "senders": ["acme"],
    "method": "web_form",
    "evidence_grade": "documented",
}
MOVE: dict[str, Any] = {"by": "recipient", "verified": True}
STOP: dict[str, Any] = {"scope": "all_marketing"}


def email(value: str) -> dict[str, str]:
    return {"kind": "email", "value": value}


@dataclass
class Story:
    """What happened, a day apart; and what the ledger then answers and proves."""

    ledger: TrialLedger
    day: int = 0

    async def tell(self, kind: str, *addresses: str, **fields: object) -> None:
        """Record an event of today; a change of address names two."""
        self.day += 1
        moment = START + timedelta(days=self.day)
        event: dict[str, Any] = {
            "type": kind,
            "source_event_id": f"e{self.day}",
            "occurred_at": moment.isoformat(),
            **fields,
        }
        if kind == "address_changed":
            event |= {"from": email(addresses[0]), "to": email(addresses[1])}
        else:
            event["address"] = email(addresses[0])
        await self.ledger.submit(event, int(moment.timestamp() * 1000))

    async def ask(self, address: str) -> str:
        """The reason code of today's answer, which its proof must give too."""
        question = {
            "sender": "acme",
            "category": "newsletter",
            "channel": "email",
            "kind": "commercial",
            "recipient": {"country": "NL", "kind": "consumer"},
            "message": {"optout": True, "identity": True},
        }
        at_ms = int((START + timedelta(days=self.day + 1)).timestamp() * 1000)
        decision = await self.ledger.ask(question, email(address), at_ms)
        verdict = verify_bundle(await self.ledger.bundle())
        assert verdict.verified, verdict
        assert verdict.answer is not None
        assert verdict.answer.reason_code == decision.reason_code
        return decision.reason_code

    async def shown(self) -> set[str]:
        """The addresses whose whole history the proof of the last answer shows."""
        bundle = json.loads(await self.ledger.bundle())
        subjects = [one for one in bundle["subjects"] if one["role"] != "sender"]
        return {one["address"]["value"] for one in subjects if one["address"] is not None}


@pytest.fixture
async def story(database_dsn: str) -> AsyncIterator[Story]:
    async with trial_ledger(database_dsn) as ledger:
        await ledger.begin(SETUP)
        yield Story(ledger)


async def test_an_optout_follows_the_person_to_the_new_address(story: Story) -> None:
    await story.tell("consent_granted", OLD, **AGREED)
    await story.tell("objection", OLD, **STOP)
    await story.tell("address_changed", OLD, NEW, **MOVE)
    assert await story.ask(NEW) == "OBJECTED"
    assert await story.shown() == {OLD, NEW}


async def test_an_optout_at_the_old_address_after_the_move_counts_at_the_new_one(story: Story) -> None:
    await story.tell("consent_granted", NEW, **AGREED)
    await story.tell("address_changed", OLD, NEW, **MOVE)
    await story.tell("objection", OLD, **STOP)
    assert await story.ask(NEW) == "OBJECTED"


async def test_a_consent_follows_where_the_person_entered_and_verified_the_new_address(story: Story) -> None:
    await story.tell("consent_granted", OLD, **AGREED)
    await story.tell("address_changed", OLD, NEW, **MOVE)
    assert await story.ask(OLD) == "ADDRESS_REPLACED"
    assert await story.ask(NEW) == "CONSENT"
    assert await story.shown() == {OLD, NEW}


async def test_a_consent_stays_behind_where_it_was_not_given_for_the_new_address(story: Story) -> None:
    await story.tell("consent_granted", OLD, **AGREED)
    await story.tell("address_changed", OLD, NEW, by="staff")
    assert await story.ask(NEW) == "CONSENT_UNCONFIRMED"
    await story.tell("consent_granted", NEW, **AGREED)
    assert await story.ask(NEW) == "CONSENT"


async def test_an_optout_follows_through_a_chain_of_changes(story: Story) -> None:
    await story.tell("objection", OLD, **STOP)
    await story.tell("address_changed", OLD, NEW, **MOVE)
    await story.tell("address_changed", NEW, NEWEST, **MOVE)
    assert await story.ask(NEWEST) == "OBJECTED"
    assert await story.shown() == {OLD, NEW, NEWEST}
    assert await story.ask(NEW) in ("OBJECTED", "ADDRESS_REPLACED")


async def test_only_the_persons_own_yes_lifts_a_no_that_followed_them(story: Story) -> None:
    await story.tell("objection", OLD, **STOP)
    await story.tell("address_changed", OLD, NEW, **MOVE)
    await story.tell("purchase", NEW, seller="acme", notice_given=True, optout_offered=True)
    assert await story.ask(NEW) == "OBJECTED"
    await story.tell("consent_granted", NEW, **AGREED)
    assert await story.ask(NEW) == "CONSENT"


async def test_a_change_that_a_data_broker_reports_moves_nothing(story: Story) -> None:
    await story.tell("consent_granted", OLD, **AGREED)
    await story.tell("address_changed", OLD, NEW, by="broker")
    assert await story.ask(OLD) == "CONSENT"
    assert await story.ask(NEW) in ("NO_BASIS", "IMPORTED_WITHOUT_PROOF")


async def test_two_people_who_swap_addresses_do_not_make_the_ledger_run_in_circles(story: Story) -> None:
    await story.tell("objection", OLD, **STOP)
    await story.tell("address_changed", OLD, NEW, **MOVE)
    await story.tell("address_changed", NEW, OLD, **MOVE)
    assert await story.ask(OLD) == "OBJECTED"
    assert await story.shown() == {OLD, NEW}


HISTORY = [
    ("consent_granted", OLD, AGREED),
    ("purchase", OLD, {"seller": "acme", "notice_given": True, "optout_offered": True}),
    ("objection", NEW, STOP),
    ("message_sent", OLD, {"category": "newsletter", "channel": "email", "sender": "acme"}),
    ("consent_granted", NEW, AGREED),
    ("consent_withdrawn", OLD, STOP | {"sender": "acme"}),
    ("contact_by_recipient", OLD, {"sender": "acme"}),
    ("consent_granted", OLD, AGREED),
]


async def _appended(dsn: str, sizes: list[int], events: list[tuple[str, str, dict[str, Any]]]) -> list[Any]:
    """Append the events in batches of these sizes; the answers about both addresses, without their places."""
    async with trial_ledger(dsn) as ledger:
        await ledger.begin(SETUP)
        told = Story(ledger)
        numbered = iter(enumerate(events))
        for size in itertools.chain(sizes, itertools.repeat(len(events))):
            batch = list(itertools.islice(numbered, size))
            if not batch:
                break
            parsed = [
                parse_event(
                    {
                        "type": kind,
                        "source_event_id": f"e{number}",
                        "occurred_at": SETUP_TIME,
                        "address": email(address),
                        **fields,
                    }
                )
                for number, (kind, address, fields) in batch
            ]
            outcomes = await ledger.intake.record_all(parsed)
            assert not any(isinstance(outcome, LedgerError) for outcome in outcomes)
        return [await told.ask(address) for address in (OLD, NEW)]


SETUP_TIME = "2025-12-31T00:00:00+00:00"


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    sizes=st.lists(st.integers(1, 5), max_size=8),
    events=st.lists(st.sampled_from(HISTORY), min_size=1, max_size=8),
)
def test_any_grouping_into_batches_gives_the_same_answers(
    database_dsn: str, sizes: list[int], events: list[tuple[str, str, dict[str, Any]]]
) -> None:
    together = asyncio.run(_appended(database_dsn, [], events))
    assert asyncio.run(_appended(database_dsn, sizes, events)) == together
