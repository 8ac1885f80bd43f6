"""A subscription's endpoint belongs, for a short while, to the worker that holds deliveries of it."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("subscription", sa.Column("owner", sa.Text(), nullable=True))
    op.add_column(
        "subscription",
        sa.Column("owned_until_ms", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
    )


def downgrade() -> None:
    raise NotImplementedError("a ledger is never downgraded: restore a backup into a new database instead")
