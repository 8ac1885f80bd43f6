"""Campaigns: what was asked of every line, the tiles of the answers' tree, and what state each line saw."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WRITER = "consent_ledger_writer"
TABLES = ("campaign", "campaign_tile", "campaign_run")

_OWN = "ledger_id = nullif(current_setting('consent_ledger.ledger_id', true), '')::integer"


def upgrade() -> None:
    op.create_table(
        "campaign",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("campaign", sa.LargeBinary(), nullable=False),
        sa.Column("question", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "campaign"),
    )
    op.create_table(
        "campaign_tile",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("campaign", sa.LargeBinary(), nullable=False),
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("octet_length(hashes) % 32 = 0", name="campaign_tile_holds_hashes"),
        sa.PrimaryKeyConstraint("ledger_id", "campaign", "level", "index"),
    )
    op.create_table(
        "campaign_run",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("campaign", sa.LargeBinary(), nullable=False),
        sa.Column("first_line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "campaign", "first_line"),
    )
    op.execute(f"GRANT SELECT, INSERT ON {', '.join(TABLES)} TO {WRITER}")
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_ledger ON {table} USING ({_OWN}) WITH CHECK ({_OWN})")


def downgrade() -> None:
    raise NotImplementedError("a ledger is never downgraded: restore a backup into a new database instead")
