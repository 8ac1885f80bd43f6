"""The first schema: the log, what is derived from it, what may be erased, and who may do what."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WRITER = "consent_ledger_writer"

# Append-only by privilege: nobody but the owner may update, delete from or truncate the log.
GRANTS = {
    "SELECT, INSERT": ("log_entry", "log_tile", "checkpoint", "document", "ledger"),
    "SELECT, INSERT, UPDATE": ("log_head", "subject", "map_stratum", "api_key"),
    "SELECT, INSERT, DELETE": ("sealed_record", "subject_secret"),
    "SELECT": ("alembic_version",),
}

# Roles belong to the whole server, so another database's migration may be creating it at this moment.
CREATE_WRITER = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{WRITER}') THEN
        CREATE ROLE {WRITER} NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""


def upgrade() -> None:
    _tables_of_access()
    _tables_of_the_log()
    _tables_derived_from_the_log()
    _tables_that_may_be_erased()
    op.execute(CREATE_WRITER)
    op.execute(f"GRANT {WRITER} TO CURRENT_USER")
    op.execute(f"GRANT USAGE ON SEQUENCE ledger_ledger_id_seq TO {WRITER}")
    for rights, tables in GRANTS.items():
        op.execute(f"GRANT {rights} ON {', '.join(tables)} TO {WRITER}")


def downgrade() -> None:
    raise NotImplementedError("a ledger is never downgraded: restore a backup into a new database instead")


def _tables_of_the_log() -> None:
    _log_entry()
    _log_tile()
    _checkpoint()
    _document()


def _log_entry() -> None:
    op.create_table(
        "log_entry",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.Column("dedup_key", sa.LargeBinary(), nullable=True),
        sa.Column("body_tag", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("octet_length(body_tag) = 32", name="log_entry_body_tag_is_a_hash"),
        sa.CheckConstraint("octet_length(dedup_key) = 32", name="log_entry_dedup_key_is_a_hash"),
        sa.CheckConstraint("octet_length(leaf_hash) = 32", name="log_entry_leaf_hash_is_a_hash"),
        sa.PrimaryKeyConstraint("ledger_id", "index"),
    )
    op.create_index(
        "log_entry_dedup_key",
        "log_entry",
        ["ledger_id", "dedup_key"],
        unique=True,
        postgresql_where="dedup_key IS NOT NULL",
    )


def _log_tile() -> None:
    op.create_table(
        "log_tile",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("level > 0", name="log_tile_level"),
        sa.CheckConstraint("octet_length(hash) = 32", name="log_tile_hash_is_a_hash"),
        sa.PrimaryKeyConstraint("ledger_id", "level", "index"),
    )


def _checkpoint() -> None:
    op.create_table(
        "checkpoint",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "size"),
    )


def _document() -> None:
    op.create_table(
        "document",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("kind IN ('form', 'rulebook', 'pack', 'sender')", name="document_kind"),
        sa.CheckConstraint("octet_length(digest) = 32", name="document_digest_is_a_hash"),
        sa.PrimaryKeyConstraint("ledger_id", "digest"),
    )


def _tables_derived_from_the_log() -> None:
    _log_head()
    _subject()
    _map_stratum()


def _log_head() -> None:
    op.create_table(
        "log_head",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recorded_at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("subject_count", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_leaf_hash", sa.LargeBinary(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("map_root", sa.LargeBinary(), nullable=False),
        sa.Column("rulebook_hash", sa.LargeBinary(), nullable=False),
        sa.Column("checkpoint", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("octet_length(last_leaf_hash) = 32", name="log_head_last_leaf_hash_is_a_hash"),
        sa.CheckConstraint("octet_length(map_root) = 32", name="log_head_map_root_is_a_hash"),
        sa.CheckConstraint("octet_length(root) = 32", name="log_head_root_is_a_hash"),
        sa.CheckConstraint("octet_length(rulebook_hash) = 32", name="log_head_rulebook_hash_is_a_hash"),
        sa.CheckConstraint("size >= 0 AND epoch_index < size", name="log_head_size_covers_the_epoch"),
        sa.PrimaryKeyConstraint("ledger_id"),
        postgresql_with={"fillfactor": 50},
    )


def _subject() -> None:
    op.create_table(
        "subject",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("subject_key", sa.LargeBinary(), nullable=False),
        sa.Column("event_count", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.Column("standing", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("event_count > 0", name="subject_has_events"),
        sa.CheckConstraint("octet_length(chain) = 32", name="subject_chain_is_a_hash"),
        sa.CheckConstraint("octet_length(subject_key) = 32", name="subject_subject_key_is_a_hash"),
        sa.PrimaryKeyConstraint("ledger_id", "subject_key"),
        postgresql_with={"fillfactor": 70},
    )


def _map_stratum() -> None:
    op.create_table(
        "map_stratum",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("prefix", sa.Text(collation="C"), nullable=False),
        sa.Column("slots", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "prefix"),
        postgresql_with={"fillfactor": 50},
    )


def _tables_that_may_be_erased() -> None:
    op.create_table(
        "sealed_record",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("subject_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("evidence", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("octet_length(subject_key) = 32", name="sealed_record_subject_key_is_a_hash"),
        sa.PrimaryKeyConstraint("ledger_id", "index"),
    )
    op.create_index(
        "sealed_record_of_subject", "sealed_record", ["ledger_id", "subject_key", "index"], unique=False
    )
    op.create_table(
        "subject_secret",
        sa.Column("ledger_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("subject_key", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_address", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("octet_length(subject_key) = 32", name="subject_secret_subject_key_is_a_hash"),
        sa.PrimaryKeyConstraint("ledger_id", "subject_key"),
    )


def _tables_of_access() -> None:
    op.create_table(
        "ledger",
        sa.Column("ledger_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id"),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("origin"),
    )
    op.create_table(
        "api_key",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("octet_length(secret_sha256) = 32", name="api_key_secret_sha256_is_a_hash"),
        sa.ForeignKeyConstraint(["ledger_id"], ["ledger.ledger_id"]),
        sa.PrimaryKeyConstraint("key_id"),
    )
