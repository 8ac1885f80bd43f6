"""Who may do what in the database: five roles without a login of their own, made by `consent-ledger migrate`.

| role     | may                                                                     |
|----------|-------------------------------------------------------------------------|
| owner    | owns every table; nobody is logged in as it                             |
| migrator | act for the owner: what `migrate` logs in as                            |
| writer   | what the running service is: append to the log, erase, run deliveries   |
| reader   | read what is no secret: for reports and for looking into something      |
| auditor  | read the log, its tree and its map, and nothing that was ever personal  |

Each name begins with `consent_ledger_`. What the writer may do table by table stands in the migrations,
beside each table; here is what concerns all tables at once. Every time limit is set for the role, in this
database, for whoever logs in as it; the service sets its own for each session too, because a login that only
acts as a role does not take the role's settings. Row security stays forced for the owner as well: a session
sees the rows of the ledger that it names.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from service.core.errors import LedgerError

OWNER: Final = "consent_ledger_owner"
MIGRATOR: Final = "consent_ledger_migrator"
WRITER: Final = "consent_ledger_writer"
READER: Final = "consent_ledger_reader"
AUDITOR: Final = "consent_ledger_auditor"
ROLES: Final = (OWNER, MIGRATOR, WRITER, READER, AUDITOR)

LOG: Final = (
    *("ledger", "log_head", "log_entry", "log_tile", "checkpoint", "map_stratum", "subject"),
    *("cosignature", "checkpoint_timestamp", "sound_audit", "erasure"),
)
"""What an auditor reads: hashes, signatures and pseudonyms."""

REPORTS: Final = ("document", "campaign", "campaign_tile", "campaign_run", "quota_use", "alembic_version")
"""What a reader may see beside the log: texts, counts, and which schema this is."""

LIMITS: Final = {
    MIGRATOR: {"lock_timeout": "10s", "idle_in_transaction_session_timeout": "60s"},
    WRITER: {
        "statement_timeout": "60s",
        "lock_timeout": "20s",
        "idle_in_transaction_session_timeout": "60s",
    },
    READER: {
        "statement_timeout": "15min",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "60s",
        "default_transaction_read_only": "on",
    },
    AUDITOR: {
        "statement_timeout": "15min",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "60s",
        "default_transaction_read_only": "on",
    },
}
"""How long a session of the role may take, wait for others, and hold others up; readers write nothing."""

_INSUFFICIENT_PRIVILEGE: Final = "42501"

# Roles belong to the whole server, so another database's migration may be making it at this moment.
_CREATE: Final = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""
_JOIN: Final = """
DO $$ BEGIN
    IF NOT pg_has_role({member}, '{role}', 'USAGE') THEN
        GRANT {role} TO {grantee};
    END IF;
EXCEPTION WHEN unique_violation THEN NULL;
END $$
"""
_OWN: Final = """
DO $$ DECLARE owned regclass; BEGIN
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO {owner}', current_schema());
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO {readers}', current_schema());
    FOR owned IN
        SELECT pg_class.oid FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
        AND relowner <> '{owner}'::regrole
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO {owner}', owned);
    END LOOP;
END $$
"""
_LIMIT: Final = """
DO $$ BEGIN
    EXECUTE format('ALTER ROLE {role} IN DATABASE %I SET {name} = ''{value}''', current_database());
END $$
"""


class MigrationRefusedError(LedgerError):
    """The login may not do what a migration takes; the message says who may."""

    def __init__(self) -> None:
        super().__init__(
            "this login may not change the schema: migrate as a superuser, or as a login that owns the"
            f" database, has CREATEROLE and, once the roles are there, is a member of {MIGRATOR}"
        )


def establish_roles(connection: Connection) -> None:
    """Make the roles that are missing, give the tables to the owner, and set every role's limits.

    Doing it again changes nothing. Raises `MigrationRefusedError`.
    """
    with refused_with_a_reason():
        for statement in _statements():
            connection.execute(text(statement))


def _statements() -> list[str]:
    made = [_CREATE.format(role=role) for role in ROLES]
    joined = [
        _JOIN.format(member=f"'{MIGRATOR}'", grantee=MIGRATOR, role=OWNER),
        *(_JOIN.format(member="current_user", grantee="CURRENT_USER", role=role) for role in ROLES),
    ]
    rights = [
        f"GRANT SELECT ON {', '.join(LOG)} TO {READER}, {AUDITOR}",
        f"GRANT SELECT ON {', '.join(REPORTS)} TO {READER}",
    ]
    limits = [
        _LIMIT.format(role=role, name=name, value=value)
        for role, values in LIMITS.items()
        for name, value in values.items()
    ]
    readers = f"{WRITER}, {READER}, {AUDITOR}, {MIGRATOR}"
    return [*made, *joined, _OWN.format(owner=OWNER, readers=readers), *rights, *limits]


@contextmanager
def refused_with_a_reason() -> Iterator[None]:
    """Inside it a missing right is a `MigrationRefusedError`, and every other error is itself."""
    try:
        yield
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) == _INSUFFICIENT_PRIVILEGE:
            raise MigrationRefusedError from error
        raise
