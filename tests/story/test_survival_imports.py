"""A list on its way in while the service is killed: the import waits, goes on, and its counts add up."""

import json
import time
from pathlib import Path
from typing import Any

from tests.support.imports import ABOUT, EXPORTED
from tests.support.messy_list import write_messy_list
from tests.support.program_nursery import Run, Wanted
from tests.support.survival_stage import Door, Stage

ROWS = 4_000


def importing(stage: Stage, door: Door, path: Path, *more: str) -> tuple[Run, Path]:
    """The program at work on a list, and where it says what it counted."""
    said = path.with_name(f"said-{len(more)}")
    asked = ("--url", f"http://127.0.0.1:{door.port}", "--key", stage.key, *ABOUT, *EXPORTED, "--json")
    wanted = Wanted(["import", str(path), *asked, *more], {})
    return stage.nursery.start(wanted, output=said, errors=said.with_suffix(".err")), said


def counted(run: Run, said: Path) -> dict[str, Any]:
    assert run.wait(120) == 1, said.with_suffix(".err").read_text()  # some rows are refused
    told: dict[str, Any] = json.loads(said.read_text())
    return told


def wait_until_rows_are_done(run: Run, journal: Path, more_than: int) -> int:
    until = time.monotonic() + 60
    while (done := int(json.loads(journal.read_bytes())["rows"]) if journal.exists() else 0) <= more_than:
        assert run.status(0.01) is None, "it ended before the service could be killed"
        assert time.monotonic() < until, "it does not go on"
    return done


def test_a_service_killed_twice_during_an_import_costs_no_row_and_doubles_none(
    stage: Stage, tmp_path: Path
) -> None:
    stage.count_what_is_there()
    given, journal = tmp_path / "list.csv", tmp_path / "list.rejects.csv.json"
    expected = write_messy_list(given, ROWS, seed=9)
    door, done = stage.start(), 0
    planned = counted(*importing(stage, door, given))
    run, said = importing(stage, door, given, "--commit")
    for _ in range(2):
        done = wait_until_rows_are_done(run, journal, done)
        door.run.kill()
        door = stage.start(port=door.port)
    told = counted(run, said)
    door.run.kill()
    assert {name: told[name] for name in ("rows", *expected)} == {"rows": ROWS, **expected}
    sent = sum(told["events"].values())
    assert told["recorded"] + told["known"] == sent
    stage.sent += sent - planned["repeated"]
    stage.assert_survived()
