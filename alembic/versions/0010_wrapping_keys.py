"""Wrapping keys give way to others: what they wrapped is wrapped anew; processes say which they hold."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

WRITER = "consent_ledger_writer"

_OWN = "ledger_id = nullif(current_setting('consent_ledger.ledger_id', true), '')::integer"


def upgrade() -> None:
    op.create_table(
        "key_holder",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("process", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("keys", ARRAY(sa.Text()), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.CheckConstraint("cardinality(keys) > 0", name="key_holder_holds_keys"),
        sa.PrimaryKeyConstraint("ledger_id", "process"),
        postgresql_with={"fillfactor": 50},
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON key_holder TO {WRITER}")
    op.execute("ALTER TABLE key_holder ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE key_holder FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_ledger ON key_holder USING ({_OWN}) WITH CHECK ({_OWN})")
    # Of a person's secret nothing else is ever rewritten: the address goes with its row.
    op.execute(f"GRANT UPDATE (wrapped_key) ON subject_secret TO {WRITER}")


def downgrade() -> None:
    raise NotImplementedError("a ledger is never downgraded: restore a backup into a new database instead")
