"""What a person sees of the demo."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from service.cli.demo.play import Answered, Played, Told
from service.cli.demo.tampering import Tampering

_INDENT = (0, 0, 0, 3)


class Screen:
    """Tells the stories in plain words."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begin(self) -> None:
        """Say what is about to be seen."""
        self._say(
            "May a company send this message to this person now? Eight true-to-life stories, each recorded"
            " in a ledger over HTTP. For every question: the answer, why, and whether somebody who does not"
            " trust the ledger can check it offline."
        )

    def story(self, number: int, played: Played) -> None:
        """One story."""
        self._console.print(f"\n[bold]{number}. {played.title}[/bold]")
        for step in played.steps:
            if isinstance(step, Told):
                self._console.print(Padding(Text(f"{_ago(step.days)}: {step.says}"), _INDENT))
            else:
                self._answer(step)

    def _answer(self, step: Answered) -> None:
        self._console.print(Padding(Text(f"Today: {step.says}", style="italic"), _INDENT))
        style = "bold green" if step.decision == "allow" else "bold red"
        verdict = Text("   → ")
        verdict.append("YES, send it" if step.decision == "allow" else "NO, do not send it", style)
        verdict.append(f"  ({step.reason_code})", "dim")
        self._console.print(verdict)
        self._console.print(Padding(Text(step.reason), (0, 0, 0, 6)))
        if step.verified:
            proof = f"Proof verified offline, level {step.level} ({step.proof_bytes / 1024:.0f} KB)."
        else:
            proof = "THE PROOF DOES NOT VERIFY."
        self._console.print(Padding(Text(proof, style="dim" if step.verified else "bold red"), (0, 0, 0, 6)))
        if step.decision != step.expected:
            self._console.print(Padding(Text(f"Expected: {step.expected}", "bold red"), (0, 0, 0, 6)))

    def tampering(self, act: Tampering) -> None:
        """The last act."""
        self._console.print("\n[bold]And if somebody alters the database behind the service's back?[/bold]")
        self._say(
            f"Before: the audit replays the whole ledger and finds {act.audit_before or 'nothing wrong'}."
        )
        self._say(f"Now a superuser flips one bit of one stored event, entry {act.index}.")
        self._say(f"The audit finds it: {act.audit_found or 'NOTHING'}")
        refused = act.service_refused
        self._say(
            f"The service refuses to prove it, and answers {refused}"
            if refused
            else "IT IS PROVED ALL THE SAME"
        )
        if act.bundle_verified_after:
            self._console.print(Padding(Text("A BUNDLE WITH IT STILL VERIFIES.", "bold red"), _INDENT))
        else:
            self._say(f"A bundle with the altered event does not verify: {act.failed_check}")

    def end(self, *, as_expected: bool, questions: int) -> None:
        """The last line."""
        if as_expected:
            line = f"All {questions} answers are right, every proof verified, and the tampering was found."
            self._console.print(f"\n[bold green]{line}[/bold green]")
        else:
            self._console.print("\n[bold red]Something did not go as it should; see above.[/bold red]")

    def _say(self, text: str) -> None:
        self._console.print(Padding(Text(text), _INDENT))


def body(stories: list[Played], act: Tampering, *, as_expected: bool) -> dict[str, Any]:
    """The whole demo for machines."""
    return {
        "as_expected": as_expected,
        "stories": [played.body() for played in stories],
        "tampering": {**asdict(act), "as_expected": act.as_expected},
    }


def _ago(days: int) -> str:
    if days == 1:
        return "Yesterday"
    for unit, name in ((365, "year"), (30, "month"), (7, "week")):
        if days >= 2 * unit or days == unit:
            amount = round(days / unit)
            return f"{amount} {name}{'s' if amount > 1 else ''} ago"
    return f"{days} days ago"
