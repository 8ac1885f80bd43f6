"""`consent-ledger keys wrapping`, as an operator reads it."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli.entry import cli
from service.wiring.keys.files import keys_directory
from tests.support.http_service import grant, running

Command = Callable[..., Result]


@pytest.fixture
def command(database_dsn: str, tmp_path: Path) -> Command:
    """`keys wrapping` on a ledger in which somebody stands."""

    async def begin() -> None:
        async with running(database_dsn, tmp_path) as service:
            await service.record(grant())

    asyncio.run(begin())
    options = ["--data", str(tmp_path), "--database-url", database_dsn]

    def run(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(cli, ["keys", "wrapping", *arguments, *options], env=environment)

    return run


def test_each_step_says_what_comes_next_and_never_a_key(command: Command, tmp_path: Path) -> None:
    told = [command(*step.split()) for step in ("add", "switch", "rewrap", "retire --now", "status")]
    assert [each.exit_code for each in told] == [0] * 5
    for each, said in zip(
        told, ("keys wrapping switch", "keys wrapping rewrap", "scrub", "Backups"), strict=False
    ):
        assert said in each.stderr
    key = (keys_directory(tmp_path, "main") / "wrapping.key").read_text().strip()
    assert not any(key in each.output for each in told)
    assert told[-1].stdout.startswith(json.loads(command("status", "--json").stdout)["keys"][0]["key"])


def test_what_is_sealed_under_each_key_is_counted(command: Command) -> None:
    command("add")
    old, new = json.loads(command("status", "--json").stdout)["keys"]
    assert (old["rows"] > 1, new["rows"]) == (True, 0)
    assert f"{old['key']} opens, and seals; {old['rows']} rows" in command("status").stdout
    command("switch")
    done = json.loads(command("rewrap", "--json").stdout)
    assert done["keys"] == [{"key": new["key"], "rows": old["rows"]}, {"key": old["key"], "rows": 0}]
    assert done["replaced"] == old["rows"]


def test_a_step_that_comes_too_early_is_one_line_and_status_2(command: Command) -> None:
    refused = command("retire")
    assert isinstance(refused.exception, Exception)
    assert "one key only" in str(refused.exception)


def test_keys_that_are_settings_are_printed_with_the_setting_that_takes_them(
    command: Command, tmp_path: Path
) -> None:
    directory = keys_directory(tmp_path, "main")
    given = {
        f"CONSENT_LEDGER_{name.upper()}_KEY": (directory / f"{name}.key").read_text().strip()
        for name in ("signing", "subject", "wrapping")
    }
    directory.rename(tmp_path / "elsewhere")
    added = command("add", **given)
    where, text = added.stdout.split()
    assert where == "CONSENT_LEDGER_WRAPPING_KEY:"
    assert text.startswith(given["CONSENT_LEDGER_WRAPPING_KEY"] + ",")
    assert "put what is printed above" in added.stderr
    switched = json.loads(command("switch", "--json", **given | {where[:-1]: text}).stdout)
    assert switched["put"] == {where[:-1]: ",".join(text.split(",")[::-1])}
