"""Playing the stories: each event and question goes over HTTP, each answer is proved and verified offline."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from service.cli.demo.stories import FORM, PARTNER_FORM, SENDERS, STORIES, Ask, Happens, at
from service.cli.demo.theatre import Client, DemoError
from service.core.notes import Verifier
from service.core.verdict import Verdict
from service.core.verifier import verify_bundle


@dataclass(frozen=True, slots=True)
class Told:
    """An event that was recorded."""

    says: str
    days: int
    index: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A question, its answer, and what the offline verifier said of the proof."""

    says: str
    address: str
    expected: str
    decision: str
    reason_code: str
    reason: str
    citation: str | None
    verified: bool
    level: str | None
    proof_bytes: int

    @property
    def as_expected(self) -> bool:
        """Whether the answer is the right one, and its proof holds."""
        return self.decision == self.expected and self.verified


@dataclass(slots=True)
class Played:
    """One story as it went."""

    title: str
    steps: list[Told | Answered] = field(default_factory=list)

    @property
    def as_expected(self) -> bool:
        """Whether every answer was right."""
        return all(step.as_expected for step in self.steps if isinstance(step, Answered))

    def body(self) -> dict[str, Any]:
        """For machines."""
        steps = [
            {"kind": "event" if isinstance(step, Told) else "question", **asdict(step)} for step in self.steps
        ]
        return {"title": self.title, "as_expected": self.as_expected, "steps": steps}


class Stage:
    """A client with the forms and senders of the stories published."""

    def __init__(self, client: Client, now: datetime) -> None:
        self.client = client
        self.verifier: Verifier = client.verifier()
        self._now = now
        self._ids = count(1)
        for sender in SENDERS:
            client.post("/v1/senders", sender)
        self._forms = {
            "NEWSLETTER FORM": client.post("/v1/forms", FORM)["id"],
            "PARTNER FORM": client.post("/v1/forms", PARTNER_FORM)["id"],
        }

    def play(self) -> Iterator[Played]:
        """Every story, one after the other."""
        for story in STORIES:
            played = Played(story.title)
            for step in story.steps:
                played.steps.append(self._record(step) if isinstance(step, Happens) else self._ask(step))
            yield played

    def _record(self, step: Happens) -> Told:
        event = {"sender": "acme", "source": "demo", **step.event}
        event["source_event_id"] = f"demo-{next(self._ids)}"
        event["occurred_at"] = (self._now - timedelta(days=step.days)).isoformat()
        if "form" in event:
            event["form"] = self._forms[event["form"]]
            event["evidence"] = {"ip": "192.0.2.7", "user_agent": "a browser"}
        return Told(step.says, step.days, self.client.post("/v1/events", event)["index"])

    def _ask(self, step: Ask) -> Answered:
        question = {**step.question, "address": at(step.address)}
        answer = self.client.post("/v1/checks", {**question, "proof": "token", "explain": "en"})
        bundle = self.proof(question)
        verdict = self.verify(bundle)
        rule = answer.get("rule")
        return Answered(
            says=step.says,
            address=step.address,
            expected=step.expected,
            decision=answer["decision"],
            reason_code=answer["reason_code"],
            reason=answer["explanation"]["text"],
            citation=rule["citation"] if rule else None,
            verified=verdict.verified,
            level=verdict.level,
            proof_bytes=len(bundle),
        )

    def proof(self, question: dict[str, Any]) -> bytes:
        """The bundle for a question. Raises `DemoError` when the service refuses to prove it."""
        status, answer = self.client.call("POST", "/v1/proofs", {**question, "disclose": True})
        if status != 200:  # noqa: PLR2004 - OK
            raise DemoError(f"{status}: {json.loads(answer)['detail']}")
        return answer

    def verify(self, bundle: bytes) -> Verdict:
        """What an outsider who knows the log's key says of a bundle."""
        return verify_bundle(bundle, verifiers=[self.verifier])


def now() -> datetime:
    """The time the stories end: today."""
    return datetime.now(UTC)  # noqa: TID251 - a story of today; nothing is decided by it
