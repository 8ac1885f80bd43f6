"""Erasure: what was erased, and up to where the log was audited."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

WRITER = "consent_ledger_writer"
TABLES = ("erasure", "sound_audit")

# A session names the ledger it works for, and sees no other's rows (service.storage.fence).
_OWN = "ledger_id = nullif(current_setting('consent_ledger.ledger_id', true), '')::integer"


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.Column("subject_key", sa.LargeBinary(), nullable=False),
        sa.Column("last_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.CheckConstraint("octet_length(subject_key) = 32", name="erasure_subject_key_is_a_hash"),
        sa.CheckConstraint("octet_length(leaf_hash) = 32", name="erasure_leaf_hash_is_a_hash"),
        sa.PrimaryKeyConstraint("ledger_id", "index"),
    )
    op.create_table(
        "sound_audit",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.CheckConstraint("octet_length(root) = 32", name="sound_audit_root_is_a_hash"),
        sa.PrimaryKeyConstraint("ledger_id", "size"),
    )
    op.execute(f"GRANT SELECT, INSERT ON {', '.join(TABLES)} TO {WRITER}")
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_ledger ON {table} USING ({_OWN}) WITH CHECK ({_OWN})")


def downgrade() -> None:
    raise NotImplementedError("a ledger is never downgraded: restore a backup into a new database instead")
