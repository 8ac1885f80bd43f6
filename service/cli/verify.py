"""`consent-ledger verify` of a bundle or an export: without service, database or network."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from service.cli.export.told import UNPINNED, check_file, is_export, is_unpinned
from service.cli.trusted import trust_of
from service.core.bundle import parse_bundle
from service.core.errors import FormatError
from service.core.verdict import SKIPPED, Verdict
from service.core.verifier import verify_bundle
from service.ledger.packs import shipped_packs

NOT_VERIFIED = 1
BUNDLE_BYTES_MAX = 64 * 1024 * 1024

_MARKS = {"passed": ("✓", "green"), "failed": ("✗", "bold red"), "not checked": ("-", "yellow")}


@click.command()
@click.argument("bundle", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option(
    "--key", "keys", metavar="VKEY", multiple=True, help="A log or witness key you trust; repeatable."
)
@click.option(
    "--held",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A checkpoint of this log that you kept from before.",
)
@click.option(
    "--documents",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="Forms, rulebook and packs you hold, for a bundle that only names them: a file, a folder of"
    " files, or another bundle that shows them; repeatable. The packs of this version are at hand.",
)
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Logs and witnesses you trust, and how many of these must have cosigned (C2SP tlog-policy).",
)
@click.option(
    "--timestamps",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The certificates (PEM) of a time-stamping authority you trust.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as one JSON object.")
def verify(  # noqa: PLR0913 - one a flag
    *,
    bundle: Path,
    keys: tuple[str, ...],
    held: Path | None,
    documents: tuple[Path, ...],
    policy: Path | None,
    timestamps: Path | None,
    as_json: bool,
) -> int:
    """Verify the proof bundle in the file BUNDLE, or - for standard input; or an export (a zip).

    Exit status 0 when it verifies, 1 when it does not, 2 when it cannot be read.
    """
    trust = trust_of(keys, policy, timestamps)
    if is_export(bundle):
        if documents:
            raise click.UsageError("--documents is about a bundle: an export holds its documents")
        return check_file(bundle, trust, held, replay=False, as_json=as_json)
    verdict = verify_bundle(
        _read(bundle),
        verifiers=trust.verifiers,
        held=held.read_bytes() if held else None,
        documents=[*shipped_packs().values(), *(body for path in documents for body in _documents(path))],
        policy=trust.policy,
        stamped=trust.stamped,
    )
    if as_json:
        click.echo(msgspec.json.encode(verdict))
    else:
        _show(verdict)
    return 0 if verdict.verified else NOT_VERIFIED


def _read(path: Path) -> bytes:
    if str(path) != "-":
        if not path.exists():
            raise click.ClickException(f"there is no file {path}: name a bundle, or - for standard input")
        with path.open("rb") as file:
            raw = file.read(BUNDLE_BYTES_MAX + 1)
    else:
        raw = sys.stdin.buffer.read(BUNDLE_BYTES_MAX + 1)
    if len(raw) > BUNDLE_BYTES_MAX:
        raise click.ClickException("this is larger than any bundle")
    if not raw.strip():
        raise click.ClickException("nothing was read: the bundle is empty")
    # A file that went through an editor or a shell may have gained a line end; a bundle has none of its own.
    return raw.removesuffix(b"\n").removesuffix(b"\r")


def _documents(path: Path) -> Iterator[bytes]:
    """What a file or the files of a folder hold: a document each, or a bundle's documents."""
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if file.is_file():
            body = file.read_bytes()
            yield body
            with suppress(FormatError):
                yield from (text.encode() for text in parse_bundle(body.rstrip()).documents.values())


def _show(verdict: Verdict) -> None:
    console = Console(highlight=False)
    for check in verdict.checks:
        if check.detail == SKIPPED:
            continue  # one line for all of them says as much
        mark, style = _MARKS[check.outcome]
        line = Text(f"{mark} ", style)
        line.append(f"{check.number}  {check.name}: ", "bold")
        line.append(check.detail, style if check.outcome == "failed" else "")
        console.print(line)
    skipped = [check.number for check in verdict.checks if check.detail == SKIPPED]
    if skipped:
        console.print(
            Text(f"-  {skipped[0]} to {skipped[-1]} were not looked at: an earlier step failed.", "yellow")
        )
    console.print()
    if verdict.answer is not None:
        answer = verdict.answer
        console.print(
            f"The answer: {answer.decision.upper()} ({answer.reason_code}), evaluated {answer.evaluated_at}"
            + (f", holds until {answer.expires_at}" if answer.expires_at else "")
        )
    if verdict.verified:
        console.print(f"[bold green]VERIFIED, level {verdict.level}.[/bold green]")
        if is_unpinned(verdict.checks):
            console.print(Padding(Text(UNPINNED, "yellow"), (0, 0, 0, 2)))
    else:
        console.print("[bold red]NOT VERIFIED.[/bold red]")
    console.print(Padding(Text(verdict.statement), (0, 0, 0, 2)))
