"""Exports: what was asked for, and where each file of one stands."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

WRITER = "consent_ledger_writer"
TABLES = ("export", "export_file")

_OWN = "ledger_id = nullif(current_setting('consent_ledger.ledger_id', true), '')::integer"


def upgrade() -> None:
    _export()
    _file()
    for table in TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {WRITER}")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_ledger ON {table} USING ({_OWN}) WITH CHECK ({_OWN})")


def downgrade() -> None:
    raise NotImplementedError("a ledger is never downgraded: restore a backup into a new database instead")


def _columns(
    kind: sa.types.TypeEngine[Any], names: Iterable[str], *, nullable: bool = False
) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, autoincrement=False, nullable=nullable) for name in names]


def _export() -> None:
    op.create_table(
        "export",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *_columns(sa.Text(), ("export_id", "status", "kind", "created_by")),
        *_columns(sa.BigInteger(), ("created_at_ms", "expires_at_ms", "lease_until_ms")),
        *_columns(sa.LargeBinary(), ("scope",)),
        *_columns(sa.BigInteger(), ("size",), nullable=True),
        *_columns(sa.BigInteger(), ("frozen", "done", "planned")),
        *_columns(sa.BigInteger(), ("bytes",), nullable=True),
        sa.CheckConstraint(
            "status IN ('preparing', 'ready', 'failed', 'withdrawn')", name="export_status_is_known"
        ),
        sa.PrimaryKeyConstraint("ledger_id", "export_id"),
        postgresql_with={"fillfactor": 50},
    )
    op.create_index(
        "export_preparing",
        "export",
        ["ledger_id", "created_at_ms"],
        unique=False,
        postgresql_where=sa.text("status = 'preparing'"),
    )


def _file() -> None:
    op.create_table(
        "export_file",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *_columns(sa.Text(), ("export_id",)),
        *_columns(sa.BigInteger(), ("number",)),
        *_columns(sa.Text(), ("name",)),
        *_columns(sa.Integer(), ("method",)),
        *_columns(sa.BigInteger(), ("crc", "size", "packed_size")),
        *_columns(sa.LargeBinary(), ("packed_sha256", "sha256")),
        *_columns(sa.BigInteger(), ("offset",)),
        *_columns(sa.LargeBinary(), ("body",), nullable=True),
        sa.CheckConstraint("octet_length(sha256) = 32", name="export_file_sha256_is_a_hash"),
        sa.CheckConstraint("octet_length(packed_sha256) = 32", name="export_file_packed_sha256_is_a_hash"),
        sa.PrimaryKeyConstraint("ledger_id", "export_id", "number"),
    )
    op.create_index("export_file_offset", "export_file", ["ledger_id", "export_id", "offset"], unique=False)
