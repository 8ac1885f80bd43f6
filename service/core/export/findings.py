"""What was found in an export: what was checked, what is wrong, what is not shown, and what it is worth."""

from collections import Counter
from typing import Final, Literal

from msgspec import Struct

from service.core.checkpoint import Checkpoint
from service.core.replay import Finding
from service.core.verdict import Outcome

ExportLevel = Literal["L1", "L2", "L3"]
FINDINGS_MAX: Final = 1_000

STATEMENTS: Final[dict[ExportLevel | None, str]] = {
    None: "Nothing may be concluded from this export.",
    "L1": (
        "What is shown is in the log, and whoever holds the log key is bound by signature to it. That nothing"
        " was left out for anyone, and that the log only ever grew, is not shown."
    ),
    "L2": (
        "As L1, and the log only ever grew since the checkpoint held before, or was seen to by a witness."
        " That nothing was left out for anyone is not shown."
    ),
    "L3": (
        "The whole log was replayed: every event opens and stands in its person's chain, every map was"
        " derived correctly, every signed checkpoint is of this log. Nothing was left out for anyone."
    ),
}


class ExportCheck(Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    outcome: Outcome
    detail: str


class ExportReport(Struct, frozen=True):
    """What may be concluded from an export. `sound` is false as soon as there is one finding.

    `level` is None where nothing may be concluded; `not_shown` says what this export cannot show at all.
    """

    sound: bool
    level: ExportLevel | None
    statement: str
    origin: str | None
    size: int | None
    root: str | None
    scope: str | None
    checks: tuple[ExportCheck, ...]
    not_shown: tuple[str, ...]
    findings: tuple[Finding, ...]
    counts: dict[str, int]


class Inspection:
    """Collects what is found while an export is read."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.checks: list[ExportCheck] = []
        self.not_shown: list[str] = []
        self.counts: Counter[str] = Counter()
        self.checkpoint: Checkpoint | None = None
        self.scope: str | None = None
        self.held_before = False
        self.witnessed = False
        self.replayed = False

    def find(self, code: str, message: str, index: int | None = None) -> None:
        """Note what is wrong."""
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(Finding(code, index, message))

    def passed(self, name: str, detail: str) -> None:
        """Note what holds."""
        self.checks.append(ExportCheck(name, "passed", detail))

    def failed(self, name: str, detail: str) -> None:
        """Note what does not."""
        self.checks.append(ExportCheck(name, "failed", detail))

    def not_checked(self, name: str, detail: str) -> None:
        """Note what was not looked at, and why."""
        self.checks.append(ExportCheck(name, "not checked", detail))

    def settle(self, name: str, before: int, detail: str) -> None:
        """Passed where no finding was added since there were `before`, else failed."""
        found = len(self.findings) - before
        if found:
            self.failed(name, f"{found} finding(s), listed below.")
        else:
            self.passed(name, detail)

    def report(self) -> ExportReport:
        """Draw the conclusion."""
        sound = not self.findings and self.checkpoint is not None
        level: ExportLevel | None = None
        if sound:
            level = "L3" if self.replayed else "L2" if self.held_before else "L1"
        known = self.checkpoint
        return ExportReport(
            sound=sound,
            level=level,
            statement=STATEMENTS[level],
            origin=known.origin if known else None,
            size=known.size if known else None,
            root=known.root.hex() if known else None,
            scope=self.scope,
            checks=tuple(self.checks),
            not_shown=tuple(self.not_shown),
            findings=tuple(self.findings),
            counts=dict(self.counts),
        )
