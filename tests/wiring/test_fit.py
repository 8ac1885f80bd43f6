"""Whether a database fits this program: by the order of its migrations, whatever their numbers."""

import pytest

from service.storage.revision import known_revisions
from service.wiring.database import DatabaseError, make_fit
from tests.support.databases import execute


def test_a_database_of_this_version_fits(database_dsn: str) -> None:
    newest = known_revisions()[-1]
    assert make_fit(database_dsn, may_upgrade=False) == (newest, newest)


def test_an_empty_database_gets_the_newest_schema(empty_database_dsn: str) -> None:
    assert make_fit(empty_database_dsn, may_upgrade=False) == (None, known_revisions()[-1])
    assert make_fit(empty_database_dsn, may_upgrade=False)[0] == known_revisions()[-1]


def test_every_older_schema_is_refused_with_the_command_that_helps(database_dsn: str) -> None:
    for older in known_revisions()[:-1]:
        execute(database_dsn, f"UPDATE alembic_version SET version_num = '{older}'")  # noqa: S608 - from the code
        with pytest.raises(DatabaseError, match="run `consent-ledger migrate`"):
            make_fit(database_dsn, may_upgrade=False)


def test_a_schema_that_this_program_does_not_know_is_a_newer_one(database_dsn: str) -> None:
    execute(database_dsn, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseError, match="newer than this program"):
        make_fit(database_dsn, may_upgrade=True)
