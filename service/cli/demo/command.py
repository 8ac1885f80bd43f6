"""`consent-ledger demo`."""

import sys
import tempfile
from pathlib import Path

import click
import msgspec
from rich.console import Console

from service.cli.demo.play import Answered, Played, Stage, Told, now
from service.cli.demo.screen import Screen, body
from service.cli.demo.tampering import tamper
from service.cli.demo.theatre import DemoError, opened

_WRONG = 1


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def demo(*, as_json: bool) -> None:
    """Play the stories this product was born from, then tamper with the ledger.

    Starts what it needs in a temporary folder and removes it. Exit status 0 when every answer is right, every
    proof verifies and the tampering is found, else 1.
    """
    console = Console(file=sys.stderr if as_json else sys.stdout, highlight=False, quiet=as_json)
    screen = Screen(console)
    try:
        with tempfile.TemporaryDirectory(prefix="consent-ledger-demo-") as folder:
            Path(folder).chmod(0o711)  # the database's own user has to pass through
            as_expected = _play(Path(folder), screen, as_json=as_json)
    except DemoError as error:
        raise click.ClickException(str(error)) from error
    if not as_expected:
        sys.exit(_WRONG)


def _play(data: Path, screen: Screen, *, as_json: bool) -> bool:
    stories: list[Played] = []
    with opened(data) as client:
        stage = Stage(client, now())
        screen.begin()
        for number, played in enumerate(stage.play(), 1):
            screen.story(number, played)
            stories.append(played)
        # Rosa's story is the last: her first event is a good one to alter.
        first = next(step for step in stories[-1].steps if isinstance(step, Told))
        act = tamper(stage, data, first.index, "rosa@example.com")
        screen.tampering(act)
    as_expected = act.as_expected and all(played.as_expected for played in stories)
    questions = sum(isinstance(step, Answered) for played in stories for step in played.steps)
    screen.end(as_expected=as_expected, questions=questions)
    if as_json:
        click.echo(msgspec.json.encode(body(stories, act, as_expected=as_expected)))
    return as_expected
