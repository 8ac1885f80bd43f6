"""Questions of all worked cases, over one ledger with all their facts: a campaign answers as a check does."""

import json
from typing import Any

from service.core.law.decision import Decision
from service.ledger.packs import shipped_packs
from service.ledger.scenarios import MemoryLedger, Setup, run_cases
from tests.support import cases
from tests.support.campaigns import campaign
from tests.support.http_service import Service

OF_THE_MOMENT = ("evaluated_at", "position", "line", "status", "unsubscribe")


class Collected(MemoryLedger):
    """What the cases hold, besides their answers: senders, facts and questions."""

    def __init__(self) -> None:
        super().__init__(shipped_packs())
        self.senders: dict[str, str] = {}
        self.events: list[dict[str, Any]] = []
        self.questions: list[dict[str, Any]] = []

    async def begin(self, setup: Setup) -> None:
        """Note the senders of a case."""
        self.senders |= setup.senders
        await super().begin(setup)

    async def submit(self, event: dict[str, Any], recorded_at_ms: int) -> None:
        """Note a fact."""
        self.events.append(event)
        await super().submit(event, recorded_at_ms)

    async def ask(
        self, question: dict[str, Any], address: dict[str, str], at_ms: int, known_at_ms: int | None = None
    ) -> Decision:
        """Note a question."""
        self.questions.append(question | {"address": address})
        return await super().ask(question, address, at_ms, known_at_ms)


def comparable(answer: dict[str, Any]) -> dict[str, Any]:
    whole = {"further_codes": [], **answer}
    return {name: value for name, value in whole.items() if name not in OF_THE_MOMENT}


async def test_every_worked_case_is_answered_alike_alone_and_in_a_campaign(service: Service) -> None:
    told = Collected()
    assert [case.id async for case in run_cases(cases.worked(), told) if not case.as_expected] == []
    for sender, kind in told.senders.items():
        body = {"id": sender, "legal_name": sender, "country": "NL", "kind": kind}
        assert (await service.client.post("/v1/senders", json=body)).status_code == 201
    lines = "\n".join(json.dumps(event) for event in told.events)
    headers = {"content-type": "application/x-ndjson"}
    recorded = await service.client.post("/v1/events/batch", content=lines, headers=headers)
    assert json.loads(recorded.text.splitlines()[-1])["summary"]["recorded"] > 0.9 * len(told.events)
    seen = set()
    for sender in {question["sender"] for question in told.questions}:
        asked = [question for question in told.questions if question["sender"] == sender]
        _, answers, summary = await campaign(service, asked, defaults={"sender": sender})
        assert (summary["count"], summary["refused"]) == (len(asked), 0)
        for question, answer in zip(asked, answers, strict=True):
            alone = (await service.client.post("/v1/checks", json=question)).json()
            assert comparable(answer) == comparable(alone)
            seen.add(answer["reason_code"])
    assert len(seen) > 20
