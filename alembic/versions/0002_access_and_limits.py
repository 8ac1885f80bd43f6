"""Access and limits: row security on every ledger's rows, quotas, and answers kept for an Idempotency-Key."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WRITER = "consent_ledger_writer"

# A session names the ledger it works for; without one it stands at the door, where callers are recognised.
_OWN = "ledger_id = nullif(current_setting('consent_ledger.ledger_id', true), '')::integer"
_AT_THE_DOOR = "nullif(current_setting('consent_ledger.ledger_id', true), '') IS NULL"

FENCED = (
    "log_head",
    "log_entry",
    "log_tile",
    "checkpoint",
    "document",
    "subject",
    "map_stratum",
    "sealed_record",
    "subject_secret",
    "api_key",
    "ledger",
    "idempotency",
)


def upgrade() -> None:
    _quotas_of_keys()
    _quota_use()
    _idempotency()
    for table in FENCED:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        # The owner too: whoever signs in as the owner without naming a ledger sees nothing.
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_ledger ON {table} USING ({_OWN}) WITH CHECK ({_OWN})")
    for table in ("api_key", "ledger"):
        op.execute(f"CREATE POLICY at_the_door ON {table} FOR SELECT USING ({_AT_THE_DOOR})")
    op.execute(f"CREATE POLICY begun_at_the_door ON ledger FOR INSERT WITH CHECK ({_AT_THE_DOOR})")


def downgrade() -> None:
    raise NotImplementedError("a ledger is never downgraded: restore a backup into a new database instead")


def _quotas_of_keys() -> None:
    op.add_column("api_key", sa.Column("requests_per_minute", sa.Integer(), nullable=True))
    op.add_column("api_key", sa.Column("addresses_per_day", sa.Integer(), nullable=True))
    op.create_check_constraint(
        "api_key_quotas_are_positive",
        "api_key",
        "coalesce(requests_per_minute, 1) > 0 AND coalesce(addresses_per_day, 1) > 0",
    )


def _quota_use() -> None:
    op.create_table(
        "quota_use",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("window", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("requests", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("addresses", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("ledger_id", "credential"),
        # A crash of the server forgets what was used, which is no harm; what is saved is the log's own speed.
        prefixes=["UNLOGGED"],
        postgresql_with={"fillfactor": 50},
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON quota_use TO {WRITER}")
    op.execute("ALTER TABLE quota_use ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE quota_use FORCE ROW LEVEL SECURITY")
    # One process counts for all its ledgers in one statement, at the door; inside a ledger only its own show.
    own = f"({_OWN}) OR ({_AT_THE_DOOR})"
    op.execute(f"CREATE POLICY own_ledger ON quota_use USING ({own}) WITH CHECK ({own})")


def _idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key_tag", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("claim", sa.LargeBinary(), nullable=False),
        sa.Column("claimed_until_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("octet_length(key_tag) = 32", name="idempotency_key_tag_is_a_hash"),
        sa.CheckConstraint("octet_length(fingerprint) = 32", name="idempotency_fingerprint_is_a_hash"),
        sa.PrimaryKeyConstraint("ledger_id", "key_tag"),
    )
    op.create_index("idempotency_expiry", "idempotency", ["ledger_id", "expires_at_ms"], unique=False)
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency TO {WRITER}")
