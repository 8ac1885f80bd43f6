"""What the doctor says of a sound installation, and of each thing that goes wrong in practice."""

import asyncio
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from click.testing import CliRunner

from service.cli.doctor import doctor
from service.ledger.wrapping import wrapping_key_id
from service.settings import Settings
from service.wiring.doctor import Finding, examine
from service.wiring.high_water import mark_path
from service.wiring.keys.files import keys_directory
from tests.support.databases import execute
from tests.support.http_service import grant, running


@dataclass(slots=True)
class Installation:
    """A ledger that was served for a while."""

    settings: Settings
    dsn: str
    monkeypatch: pytest.MonkeyPatch

    def sql(self, statement: str) -> None:
        """Do what the service never would."""
        execute(self.dsn, f"SET session_replication_role = replica; {statement}")

    @property
    def keys(self) -> Path:
        """Where its keys are."""
        return keys_directory(self.settings.data_dir, self.settings.ledger)

    @property
    def mark(self) -> Path:
        """Where its mark is."""
        return mark_path(self.settings.data_dir, self.settings.ledger)

    def found(self) -> list[Finding]:
        """What the doctor finds."""
        return examine(self.settings)


@pytest.fixture
def sound(database_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    async def serve_for_a_while() -> None:
        async with running(database_dsn, tmp_path) as service:
            await service.record(grant())

    asyncio.run(serve_for_a_while())
    settings = Settings(database_url=database_dsn, data_dir=tmp_path, allow_volatile_database=True)
    return Installation(settings, database_dsn, monkeypatch)


def no_room(installation: Installation) -> None:
    usage = SimpleNamespace(free=1 << 20)
    installation.monkeypatch.setattr("shutil.disk_usage", lambda _: usage)


def elsewhere(installation: Installation) -> None:
    gone = "postgresql://nobody@127.0.0.1:1/none"
    installation.settings = msgspec.structs.replace(installation.settings, database_url=gone)


def volatile(installation: Installation) -> None:
    installation.settings = msgspec.structs.replace(installation.settings, allow_volatile_database=False)


def sql(statement: str) -> Callable[[Installation], None]:
    return lambda installation: installation.sql(statement)


TROUBLES: dict[str, tuple[Callable[[Installation], object], str, str]] = {
    "a key file that others may read": (
        lambda installation: (installation.keys / "subject.key").chmod(0o644),
        "keys",
        "chmod 600",
    ),
    "a key file that is missing": (
        lambda installation: (installation.keys / "wrapping.key").unlink(),
        "keys",
        "put the escrowed copy back",
    ),
    "all keys missing": (lambda installation: shutil.rmtree(installation.keys), "keys", "escrowed keys back"),
    "another ledger's subject key": (
        lambda installation: (installation.keys / "subject.key").write_text("0" * 64),
        "log",
        "another subject key",
    ),
    "another wrapping key": (
        lambda installation: (installation.keys / "wrapping.key").write_text("0" * 64),
        "wrapping keys",
        "as another line of wrapping.key",
    ),
    "a process that cannot open what is sealed here": (
        sql("INSERT INTO key_holder SELECT ledger_id, 'a stranger', '{00000000}', now(), false FROM ledger"),
        "processes",
        "a stranger",
    ),
    "no room on the disk": (no_room, "disk", "make room"),
    "no database there": (elsewhere, "database", "does not answer"),
    "a server that may lose what it acknowledged": (volatile, "durability", "turn fsync"),
    "an older schema": (sql("UPDATE alembic_version SET version_num = '0001'"), "schema", "migrate"),
    "a newer schema": (
        sql("UPDATE alembic_version SET version_num = '9999'"),
        "schema",
        "update the program",
    ),
    "a writer that may rewrite the log": (
        sql("GRANT UPDATE ON log_entry TO consent_ledger_writer"),
        "privileges",
        "may change log_entry",
    ),
    "row security that is not forced": (
        sql("ALTER TABLE log_entry NO FORCE ROW LEVEL SECURITY"),
        "row security",
        "log_entry",
    ),
    "a changed entry": (
        sql("UPDATE log_entry SET entry = entry || '\\x00' WHERE index = 3"),
        "log",
        "altered or damaged",
    ),
    "a missing high-water mark": (lambda installation: installation.mark.unlink(), "log", "mark is missing"),
}


def test_a_sound_installation_has_no_fault(sound: Installation) -> None:
    found = sound.found()
    assert {each.check for each in found if each.verdict == "fault"} == set()
    # The tests' own server does not sync, they log in as its superuser, and their keys are short-lived.
    assert {each.check for each in found if each.verdict == "notice"} <= {"durability", "login", "API keys"}
    looked_at = {
        "keys",
        "disk",
        "database",
        "schema",
        "clock",
        "privileges",
        "log",
        "high-water mark",
        "wrapping keys",
        "processes",
        "API keys",
    }
    assert looked_at <= {each.check for each in found}


@pytest.mark.parametrize("name", TROUBLES)
def test_each_trouble_is_a_fault_that_says_what_to_do(sound: Installation, name: str) -> None:
    trouble, check, said = TROUBLES[name]
    trouble(sound)
    faults = {each.check: f"{each.found} {each.advice}" for each in sound.found() if each.verdict == "fault"}
    assert said in faults[check]


def test_keys_that_are_given_by_settings_are_looked_at_too(sound: Installation) -> None:
    read = {
        name: (sound.keys / f"{name}.key").read_text().strip() for name in ("signing", "subject", "wrapping")
    }
    shutil.rmtree(sound.keys)
    given = {f"{name}_key": text for name, text in read.items()}
    sound.settings = msgspec.structs.replace(sound.settings, **given)
    found = {each.check: each for each in sound.found()}
    assert found["keys"].found.endswith("are given by settings")
    assert found["log"].verdict == "ok"
    sound.settings = msgspec.structs.replace(sound.settings, subject_key="nonsense")
    assert "SUBJECT_KEY is damaged" in {each.check: each.found for each in sound.found()}["keys"]


def test_a_wrapping_key_that_gives_way_is_a_notice_that_counts_and_another_order_no_fault(
    sound: Installation,
) -> None:
    path = sound.keys / "wrapping.key"
    old = path.read_text()
    path.write_text(f"{'0' * 64}\n{old}")
    first, second = (wrapping_key_id(bytes.fromhex(line)) for line in path.read_text().split())
    held = f"'{{{second},{first}}}'"
    sound.sql(
        f"INSERT INTO key_holder SELECT ledger_id, 'unlike', {held}, now(), false FROM ledger"  # noqa: S608 - made above
    )
    found = {each.check: each for each in sound.found()}
    assert found["wrapping keys"].verdict == found["processes"].verdict == "notice"
    said = found["wrapping keys"].found
    assert said.startswith(f"{first} seals, and {second} opens too (since 20")
    assert said.endswith(f"3 of 3 rows looked at are not under {first} yet")
    assert "unlike seals under another key" in found["processes"].found


def test_an_empty_place_is_no_fault_and_stays_empty(tmp_path: Path) -> None:
    found = examine(Settings(data_dir=tmp_path / "nothing"))
    assert {each.verdict for each in found} == {"ok", "notice"}
    assert not (tmp_path / "nothing").exists()


def test_the_command_says_it_in_lines_or_as_json_and_by_its_status(sound: Installation) -> None:
    options = ["--data", str(sound.settings.data_dir), "--database-url", sound.dsn]

    def told(*more: str) -> tuple[int, str]:
        done = CliRunner().invoke(doctor, [*options, *more], standalone_mode=False)
        return done.return_value, done.output

    status, text = told()
    assert (status, text.splitlines()[-1][:8]) == (0, "0 faults")
    sound.mark.unlink()
    status, text = told("--json")
    assert status == 1
    assert {each["check"]: each["verdict"] for each in json.loads(text)}["log"] == "fault"


def test_a_wrong_setting_is_a_finding_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSENT_LEDGER_NO_SUCH_THING", "1")
    done = CliRunner().invoke(doctor, ["--json"], standalone_mode=False)
    assert done.return_value == 1
    assert json.loads(done.output)[0]["check"] == "settings"
