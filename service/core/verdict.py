"""What a verification found: each check with its number, and how much may be concluded from all of them."""

from typing import Any, Final, Literal

from msgspec import Struct

from service.core.checkpoint import Checkpoint

Outcome = Literal["passed", "failed", "not checked"]
Level = Literal["L1", "L2"]

STEPS: Final = {
    1: "format",
    2: "signatures",
    3: "consistency",
    4: "entries",
    5: "subject keys",
    6: "map",
    7: "events",
    8: "documents",
    9: "decision",
}
"""The numbered steps, as `verifier` describes them. The tenth is the verdict itself."""

LEVELS: Final = {
    None: "Nothing may be concluded from this bundle.",
    "L1": (
        "The events shown are in the log, the answer follows from them, and whoever holds the log key is"
        " bound by signature to their being all. That the log only ever grew, and is the same for everyone,"
        " is not shown."
    ),
    "L2": (
        "As L1, and the log only ever grew since what was held before, or was seen to by a witness. That the"
        " map was derived correctly for everyone takes a replay of the full export (L3)."
    ),
}


SKIPPED: Final = "An earlier step failed."
"""What is said of the steps behind one that failed."""


class Check(Struct, frozen=True):
    """One thing that was looked at. `number` is the step's; `detail` a sentence for people."""

    number: int
    name: str
    outcome: Outcome
    detail: str


class Answer(Struct, frozen=True):
    """The decision that the bundle shows, in short. Times are RFC 3339; `expires_at` None is never."""

    decision: str
    reason_code: str
    basis: str
    needs_human: bool
    jurisdiction: str | None
    citation: str | None
    events: tuple[int, ...]
    evaluated_at: str
    expires_at: str | None


class Verdict(Struct, frozen=True):
    """The tenth step. `level` is None, and `verified` false, as soon as one check failed.

    `statement` says what `level` means and no more. `size` and `root` (hex) are the checkpoint's, to be held
    for the next time; `recorded_at_ms` is when its last epoch was recorded.
    """

    verified: bool
    level: Level | None
    statement: str
    origin: str | None
    size: int | None
    root: str | None
    recorded_at_ms: int | None
    checks: tuple[Check, ...]
    answer: Answer | None


class Report:
    """Collects checks while the steps are taken one after the other; the first failure is the last step."""

    def __init__(self) -> None:
        self.checkpoint: Checkpoint | None = None
        self.recorded_at_ms: int | None = None
        self.anchored = False
        self.witnessed = False
        self.stamps: dict[bytes, str] = {}
        self.answer: Answer | None = None
        self._checks: list[Check] = []
        self._number = 1

    def begin(self, number: int) -> None:
        """Say which step is being taken."""
        self._number = number

    def passed(self, name: str, detail: str) -> None:
        """Note that something holds."""
        self._checks.append(Check(self._number, name, "passed", detail))

    def not_checked(self, name: str, detail: str) -> None:
        """Note that something was not looked at, and why."""
        self._checks.append(Check(self._number, name, "not checked", detail))

    def failed(self, detail: str) -> None:
        """Note that the step being taken fails; what would have come after it is not checked."""
        self._checks.append(Check(self._number, STEPS[self._number], "failed", detail))
        for number, name in STEPS.items():
            if number > self._number:
                self._checks.append(Check(number, name, "not checked", SKIPPED))

    def verdict(self) -> Verdict:
        """Draw the conclusion. `anchored`: something outside the bundle vouches for the log's past."""
        verified = bool(self._checks) and all(check.outcome != "failed" for check in self._checks)
        level: Level | None = None
        if verified:
            level = "L2" if self.anchored else "L1"
        known = self.checkpoint
        return Verdict(
            verified=verified,
            level=level,
            statement=LEVELS[level],
            origin=known.origin if known else None,
            size=known.size if known else None,
            root=known.root.hex() if known else None,
            recorded_at_ms=self.recorded_at_ms,
            checks=tuple(self._checks),
            answer=self.answer if verified else None,
        )


def answer_of(body: dict[str, Any]) -> Answer:
    """Sum up a decision's body."""
    rule = body["rule"]
    return Answer(
        decision=body["decision"],
        reason_code=body["reason_code"],
        basis=body["basis"],
        needs_human=body["needs_human"],
        jurisdiction=body["jurisdiction"],
        citation=rule["citation"] if rule is not None else None,
        events=tuple(body["events"]),
        evaluated_at=body["evaluated_at"],
        expires_at=body["expires_at"],
    )
