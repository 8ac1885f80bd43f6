"""Running prepared cases on a ledger, whichever it is, and what came out."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from service.core.errors import InputError
from service.core.law.decision import Decision
from service.ledger.scenarios.preparing import PreparedCase, Setup, case_name, prepare, refused
from service.ledger.scenarios.reading import ScenarioError


class ScenarioLedger(Protocol):
    """What the runner needs of a ledger. Times are milliseconds since 1970."""

    async def begin(self, setup: Setup) -> None:
        """Forget the case before, and settle rulebook and senders."""

    async def submit(self, event: dict[str, Any], recorded_at_ms: int) -> None:
        """Append one event, in the shape of the API; the ledger hears of it at this time."""

    async def ask(
        self, question: dict[str, Any], address: dict[str, str], at_ms: int, known_at_ms: int | None = None
    ) -> Decision:
        """Answer one question about one address."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a case came out."""

    id: str
    title: str
    expected: tuple[str, str]
    actual: tuple[str, str]
    decision: Decision

    @property
    def as_expected(self) -> bool:
        """Whether answer and reason code are both those expected."""
        return self.expected == self.actual


@dataclass(frozen=True, slots=True)
class CaseRefusal:
    """A case that cannot be understood, and why: one line with the place."""

    id: str
    title: str
    reason: str


async def run_cases(cases: Iterable[Mapping[str, Any]], ledger: ScenarioLedger) -> AsyncIterator[CaseResult]:
    """Run each case on a fresh ledger. Raises ScenarioError at the first that cannot be understood."""
    for case in cases:
        yield await run_case(case, ledger)


async def try_case(case: Mapping[str, Any], ledger: ScenarioLedger) -> CaseResult | CaseRefusal:
    """Run one case, or say why it cannot be run."""
    try:
        return await run_case(case, ledger)
    except ScenarioError as error:
        return CaseRefusal(case_name(case), str(case.get("title", "")), str(error))


async def run_case(case: Mapping[str, Any], ledger: ScenarioLedger) -> CaseResult:
    """Run one case. Raises ScenarioError where it cannot be understood."""
    prepared = prepare(case)
    decision = await _decided(prepared, ledger)
    return CaseResult(
        id=prepared.id,
        title=prepared.title,
        expected=prepared.expected,
        actual=(decision.decision, decision.reason_code),
        decision=decision,
    )


async def _decided(case: PreparedCase, ledger: ScenarioLedger) -> Decision:
    where = "setting up"
    try:
        await ledger.begin(case.setup)
        for fact in case.facts:
            where = fact.place
            await ledger.submit(fact.event, fact.recorded_at_ms)
        where = "question"
        return await ledger.ask(case.question, case.address, case.at_ms, case.known_at_ms)
    except InputError as error:
        raise refused(case.id, where, error) from error
