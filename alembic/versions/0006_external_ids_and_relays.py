"""What sources call a person themselves, whom a subscription tells it, and relays to message brokers."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WRITER = "consent_ledger_writer"
HASH_SIZE = 32

# A session names the ledger it works for, and sees no other's rows (service.storage.fence).
_OWN = "ledger_id = nullif(current_setting('consent_ledger.ledger_id', true), '')::integer"


def upgrade() -> None:
    op.create_table(
        "external_id",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("subject_key", sa.LargeBinary(), nullable=False),
        sa.Column("source_tag", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        *(
            sa.CheckConstraint(f"octet_length({name}) = {HASH_SIZE}", name=f"external_id_{name}_is_a_hash")
            for name in ("subject_key", "source_tag")
        ),
        sa.PrimaryKeyConstraint("ledger_id", "subject_key", "source_tag"),
    )
    op.create_table(
        "relay",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "name"),
        postgresql_with={"fillfactor": 50},
    )
    op.add_column("subscription", sa.Column("source", sa.Text(), nullable=True))
    for table in ("external_id", "relay"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {WRITER}")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_ledger ON {table} USING ({_OWN}) WITH CHECK ({_OWN})")


def downgrade() -> None:
    raise NotImplementedError("a ledger is never downgraded: restore a backup into a new database instead")
