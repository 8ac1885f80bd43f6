"""Subscriptions: endpoints, deliveries on their way, and how each attempt at them ended."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WRITER = "consent_ledger_writer"
TABLES = ("subscription", "delivery", "delivery_attempt")

# A session names the ledger it works for, and sees no other's rows (service.storage.fence).
_OWN = "ledger_id = nullif(current_setting('consent_ledger.ledger_id', true), '')::integer"


def upgrade() -> None:
    _subscription()
    _delivery()
    _attempt()
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


def _subscription() -> None:
    op.create_table(
        "subscription",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *_columns(sa.Text(), ("subscription_id", "name", "url", "status")),
        *_columns(postgresql.ARRAY(sa.Text()), ("types", "senders", "categories", "channels")),
        *_columns(sa.Boolean(), ("with_address",)),
        *_columns(sa.Text(), ("reason",), nullable=True),
        *_columns(sa.LargeBinary(), ("secrets",)),
        *_columns(sa.BigInteger(), ("created_at_ms", "cursor", "control_count", "enabled_at_ms")),
        *_columns(sa.BigInteger(), ("open_until_ms", "replay_ready_ms")),
        *_columns(sa.BigInteger(), ("disabled_at_ms", "failing_since_ms", "last_success_ms"), nullable=True),
        *_columns(sa.BigInteger(), ("last_failure_ms", "replay_cursor", "replay_to"), nullable=True),
        *_columns(sa.Integer(), ("failures",)),
        sa.CheckConstraint(
            "status IN ('pending', 'enabled', 'paused', 'disabled')", name="subscription_status_is_known"
        ),
        sa.PrimaryKeyConstraint("ledger_id", "subscription_id"),
        postgresql_with={"fillfactor": 50},
    )


def _delivery() -> None:
    op.create_table(
        "delivery",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *_columns(sa.Text(), ("subscription_id", "lane", "event_id", "type", "state")),
        *_columns(sa.BigInteger(), ("position", "next_attempt_ms", "lease_until_ms", "recorded_at_ms")),
        *_columns(sa.LargeBinary(), ("subject_key", "body")),
        *_columns(sa.Integer(), ("tries", "attempts")),
        *_columns(sa.LargeBinary(), ("sealed",), nullable=True),
        *_columns(sa.Text(), ("lease_owner",), nullable=True),
        *_columns(sa.BigInteger(), ("ended_at_ms",), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'done', 'dead')", name="delivery_state_is_known"),
        sa.CheckConstraint("lane IN ('live', 'replay', 'control')", name="delivery_lane_is_known"),
        sa.PrimaryKeyConstraint("ledger_id", "subscription_id", "lane", "position"),
        postgresql_with={"fillfactor": 70},
    )
    waiting = sa.text("state = 'waiting'")
    for name, column in (("delivery_waiting", "lane"), ("delivery_of_subject", "subject_key")):
        op.create_index(
            name,
            "delivery",
            ["ledger_id", "subscription_id", column, "position"],
            unique=False,
            postgresql_where=waiting,
        )
    op.create_index(
        "delivery_ended",
        "delivery",
        ["ledger_id", "ended_at_ms"],
        unique=False,
        postgresql_where=sa.text("ended_at_ms IS NOT NULL"),
    )


def _attempt() -> None:
    op.create_table(
        "delivery_attempt",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        *_columns(sa.Text(), ("subscription_id", "lane", "outcome")),
        *_columns(sa.BigInteger(), ("position", "started_at_ms", "ended_at_ms")),
        *_columns(sa.Integer(), ("attempt",)),
        *_columns(sa.Integer(), ("status",), nullable=True),
        *_columns(sa.LargeBinary(), ("answer",), nullable=True),
        sa.PrimaryKeyConstraint("ledger_id", "subscription_id", "lane", "position", "attempt"),
    )
