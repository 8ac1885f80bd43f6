"""Trust beyond the operator: successions of keys found, witnesses' cosignatures and time stamps kept."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WRITER = "consent_ledger_writer"
TABLES = ("cosignature", "checkpoint_timestamp")

# A session names the ledger it works for, and sees no other's rows (service.storage.fence).
_OWN = "ledger_id = nullif(current_setting('consent_ledger.ledger_id', true), '')::integer"


def upgrade() -> None:
    op.create_index(
        "log_entry_succession",
        "log_entry",
        ["ledger_id", "index"],
        postgresql_where=sa.text("substr(entry, 1, 1) = '\\x04'::bytea"),
    )
    op.create_table(
        "cosignature",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("witness", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "size", "witness"),
    )
    op.create_table(
        "checkpoint_timestamp",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("stamped_at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.CheckConstraint("octet_length(digest) = 32", name="checkpoint_timestamp_digest_is_a_hash"),
        sa.PrimaryKeyConstraint("ledger_id", "size", "digest"),
    )
    for table in TABLES:
        op.execute(f"GRANT SELECT, INSERT ON {table} TO {WRITER}")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_ledger ON {table} USING ({_OWN}) WITH CHECK ({_OWN})")


def downgrade() -> None:
    raise NotImplementedError("a ledger is never downgraded: restore a backup into a new database instead")
