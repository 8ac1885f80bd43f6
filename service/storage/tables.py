"""The schema's single source: Alembic's migrations are compared with this metadata in a test.

Three kinds of tables, told apart by what the running service may do with them:

* the log (`log_entry`, `log_tile`, `checkpoint`, `document`), what others attest of it (`cosignature`,
  `checkpoint_timestamp`), and the trees of campaigns' answers (`campaign`,
  `campaign_tile`, `campaign_run`): INSERT and SELECT, by grant;
* what is derived from it (`log_head`, `subject`, `map_stratum`): also UPDATE, and rebuilt by an audit;
* what may be erased (`sealed_record`, `subject_secret`): also DELETE.

Row security fences every table that has a `ledger_id`: a session sees and writes the rows of the ledger it
entered (`service.storage.fence`), whatever a statement says. A new table needs its policy in its migration.

Table models never face a request: SQLModel validates nothing on `table=True`. CHECK constraints stand in for
the invariants, and `ledger_id` leads every primary key, so the same schema can be sharded by it.
"""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

HASH_SIZE = 32


def _ledger_id() -> Column[int]:
    # No foreign key: it would cost a trigger and a row lock for every entry, and ledgers are never deleted.
    return Column("ledger_id", Integer, primary_key=True, autoincrement=False)


def _bigint(name: str, *, primary_key: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=primary_key, nullable=False, autoincrement=False)


def _bytes(name: str, *, primary_key: bool = False, nullable: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, primary_key=primary_key, nullable=nullable)


def _hash_check(table: str, *columns: str) -> tuple[CheckConstraint, ...]:
    return tuple(
        CheckConstraint(f"octet_length({name}) = {HASH_SIZE}", name=f"{table}_{name}_is_a_hash")
        for name in columns
    )


class Ledger(SQLModel, table=True):
    """One tenant's log. `origin` is the name it signs with and never changes."""

    __tablename__ = "ledger"

    ledger_id: int = Field(sa_column=Column("ledger_id", Integer, primary_key=True, autoincrement=True))
    name: str = Field(sa_column=Column("name", Text, nullable=False, unique=True))
    origin: str = Field(sa_column=Column("origin", Text, nullable=False, unique=True))
    created_at: datetime = Field(sa_column=Column("created_at", DateTime(timezone=True), nullable=False))


class LogHead(SQLModel, table=True):
    """The one row an append locks first and advances last by compare-and-swap on `size`."""

    __tablename__ = "log_head"
    __table_args__ = (
        *_hash_check("log_head", "last_leaf_hash", "root", "map_root", "rulebook_hash"),
        CheckConstraint("size >= 0 AND epoch_index < size", name="log_head_size_covers_the_epoch"),
        {"postgresql_with": {"fillfactor": 50}},
    )

    ledger_id: int = Field(sa_column=_ledger_id())
    size: int = Field(sa_column=_bigint("size"))
    epoch_no: int = Field(sa_column=_bigint("epoch_no"))
    epoch_index: int = Field(sa_column=_bigint("epoch_index"))
    recorded_at_ms: int = Field(sa_column=_bigint("recorded_at_ms"))
    subject_count: int = Field(sa_column=_bigint("subject_count"))
    last_leaf_hash: bytes = Field(sa_column=_bytes("last_leaf_hash"))
    frontier: bytes = Field(sa_column=_bytes("frontier"))
    root: bytes = Field(sa_column=_bytes("root"))
    map_root: bytes = Field(sa_column=_bytes("map_root"))
    rulebook_hash: bytes = Field(sa_column=_bytes("rulebook_hash"))
    checkpoint: bytes = Field(sa_column=_bytes("checkpoint"))


class LogEntry(SQLModel, table=True):
    """One leaf: the published bytes, and beside them what makes a source's event id unique for ever."""

    __tablename__ = "log_entry"
    __table_args__ = (
        *_hash_check("log_entry", "leaf_hash", "dedup_key", "body_tag"),
        Index(
            "log_entry_dedup_key",
            "ledger_id",
            "dedup_key",
            unique=True,
            postgresql_where="dedup_key IS NOT NULL",
        ),
        # Few among millions, and read at every start: what the log's keys gave way to.
        Index(
            "log_entry_succession",
            "ledger_id",
            "index",
            postgresql_where="substr(entry, 1, 1) = '\\x04'::bytea",
        ),
    )

    ledger_id: int = Field(sa_column=_ledger_id())
    index: int = Field(sa_column=_bigint("index", primary_key=True))
    entry: bytes = Field(sa_column=_bytes("entry"))
    leaf_hash: bytes = Field(sa_column=_bytes("leaf_hash"))
    dedup_key: bytes | None = Field(default=None, sa_column=_bytes("dedup_key", nullable=True))
    body_tag: bytes | None = Field(default=None, sa_column=_bytes("body_tag", nullable=True))


class LogTile(SQLModel, table=True):
    """The RFC 6962 root of a complete 256-wide tile: what a proof reads instead of every leaf."""

    __tablename__ = "log_tile"
    __table_args__ = (*_hash_check("log_tile", "hash"), CheckConstraint("level > 0", name="log_tile_level"))

    ledger_id: int = Field(sa_column=_ledger_id())
    level: int = Field(sa_column=Column("level", Integer, primary_key=True, autoincrement=False))
    index: int = Field(sa_column=_bigint("index", primary_key=True))
    hash: bytes = Field(sa_column=_bytes("hash"))


class Checkpoint(SQLModel, table=True):
    """Every signed head, one a size: two roots for one size cannot both be stored."""

    __tablename__ = "checkpoint"

    ledger_id: int = Field(sa_column=_ledger_id())
    size: int = Field(sa_column=_bigint("size", primary_key=True))
    note: bytes = Field(sa_column=_bytes("note"))


class Cosignature(SQLModel, table=True):
    """What a witness signed of a checkpoint: one line of its note (C2SP tlog-cosignature)."""

    __tablename__ = "cosignature"

    ledger_id: int = Field(sa_column=_ledger_id())
    size: int = Field(sa_column=_bigint("size", primary_key=True))
    witness: str = Field(sa_column=Column("witness", Text, primary_key=True))
    line: str = Field(sa_column=Column("line", Text, nullable=False))


class CheckpointTimestamp(SQLModel, table=True):
    """A time-stamp token (RFC 3161, DER) over a checkpoint's text, under the token's SHA-256."""

    __tablename__ = "checkpoint_timestamp"
    __table_args__ = (*_hash_check("checkpoint_timestamp", "digest"),)

    ledger_id: int = Field(sa_column=_ledger_id())
    size: int = Field(sa_column=_bigint("size", primary_key=True))
    digest: bytes = Field(sa_column=_bytes("digest", primary_key=True))
    token: bytes = Field(sa_column=_bytes("token"))
    stamped_at_ms: int = Field(sa_column=_bigint("stamped_at_ms"))


class Document(SQLModel, table=True):
    """Forms, rulebooks, packs and registrations of senders under the SHA-256 of their canonical bytes."""

    __tablename__ = "document"
    __table_args__ = (
        *_hash_check("document", "digest"),
        CheckConstraint("kind IN ('form', 'rulebook', 'pack', 'sender')", name="document_kind"),
    )

    ledger_id: int = Field(sa_column=_ledger_id())
    digest: bytes = Field(sa_column=_bytes("digest", primary_key=True))
    kind: str = Field(sa_column=Column("kind", Text, nullable=False))
    index: int = Field(sa_column=_bigint("index"))
    body: bytes = Field(sa_column=_bytes("body"))


class Subject(SQLModel, table=True):
    """The head of a subject's chain and its events folded. Derived: an audit rebuilds both."""

    __tablename__ = "subject"
    __table_args__ = (
        *_hash_check("subject", "subject_key", "chain"),
        CheckConstraint("event_count > 0", name="subject_has_events"),
        {"postgresql_with": {"fillfactor": 70}},
    )

    ledger_id: int = Field(sa_column=_ledger_id())
    subject_key: bytes = Field(sa_column=_bytes("subject_key", primary_key=True))
    event_count: int = Field(sa_column=_bigint("event_count"))
    last_index: int = Field(sa_column=_bigint("last_index"))
    chain: bytes = Field(sa_column=_bytes("chain"))
    standing: bytes = Field(sa_column=_bytes("standing"))


class MapStratum(SQLModel, table=True):
    """Four levels of the prefix map under one prefix (hexadecimal digits of the subject key)."""

    __tablename__ = "map_stratum"
    __table_args__ = ({"postgresql_with": {"fillfactor": 50}},)

    ledger_id: int = Field(sa_column=_ledger_id())
    prefix: str = Field(sa_column=Column("prefix", Text(collation="C"), primary_key=True))
    slots: bytes = Field(sa_column=_bytes("slots"))


class SealedRecord(SQLModel, table=True):
    """Opening and record of one event, and its evidence, sealed under the subject's own key. Erasable."""

    __tablename__ = "sealed_record"
    __table_args__ = (
        *_hash_check("sealed_record", "subject_key"),
        Index("sealed_record_of_subject", "ledger_id", "subject_key", "index"),
    )

    ledger_id: int = Field(sa_column=_ledger_id())
    index: int = Field(sa_column=_bigint("index", primary_key=True))
    subject_key: bytes = Field(sa_column=_bytes("subject_key"))
    sealed: bytes = Field(sa_column=_bytes("sealed"))
    evidence: bytes | None = Field(default=None, sa_column=_bytes("evidence", nullable=True))


class SubjectSecret(SQLModel, table=True):
    """The subject's data key, wrapped by the ledger's, and its sealed address.

    Erasable: without this row nothing that was sealed for the subject can be read again.
    """

    __tablename__ = "subject_secret"
    __table_args__ = (*_hash_check("subject_secret", "subject_key"),)

    ledger_id: int = Field(sa_column=_ledger_id())
    subject_key: bytes = Field(sa_column=_bytes("subject_key", primary_key=True))
    wrapped_key: bytes = Field(sa_column=_bytes("wrapped_key"))
    sealed_address: bytes = Field(sa_column=_bytes("sealed_address"))


class Campaign(SQLModel, table=True):
    """A checked campaign: what was asked of every line. Its root stands in the log, in its event."""

    __tablename__ = "campaign"

    ledger_id: int = Field(sa_column=_ledger_id())
    campaign: bytes = Field(sa_column=_bytes("campaign", primary_key=True))
    question: bytes = Field(sa_column=_bytes("question"))


class CampaignTile(SQLModel, table=True):
    """Up to 256 hashes of the tree of a campaign's answers: leaf hashes at level 0, tile roots above."""

    __tablename__ = "campaign_tile"
    __table_args__ = (CheckConstraint("octet_length(hashes) % 32 = 0", name="campaign_tile_holds_hashes"),)

    ledger_id: int = Field(sa_column=_ledger_id())
    campaign: bytes = Field(sa_column=_bytes("campaign", primary_key=True))
    level: int = Field(sa_column=Column("level", Integer, primary_key=True, autoincrement=False))
    index: int = Field(sa_column=_bigint("index", primary_key=True))
    hashes: bytes = Field(sa_column=_bytes("hashes"))


class CampaignRun(SQLModel, table=True):
    """From `first_line` on, a campaign's lines were answered from this state, for this time of sending."""

    __tablename__ = "campaign_run"

    ledger_id: int = Field(sa_column=_ledger_id())
    campaign: bytes = Field(sa_column=_bytes("campaign", primary_key=True))
    first_line: int = Field(sa_column=_bigint("first_line", primary_key=True))
    position: int = Field(sa_column=_bigint("position"))
    at_ms: int = Field(sa_column=_bigint("at_ms"))


class ApiKey(SQLModel, table=True):
    """A credential: the SHA-256 of its secret, what it may do, in which ledger and until when."""

    __tablename__ = "api_key"
    __table_args__ = (
        *_hash_check("api_key", "secret_sha256"),
        CheckConstraint(
            "coalesce(requests_per_minute, 1) > 0 AND coalesce(addresses_per_day, 1) > 0",
            name="api_key_quotas_are_positive",
        ),
    )

    key_id: str = Field(sa_column=Column("key_id", Text, primary_key=True))
    ledger_id: int = Field(
        sa_column=Column("ledger_id", Integer, ForeignKey("ledger.ledger_id"), nullable=False)
    )
    label: str = Field(sa_column=Column("label", Text, nullable=False))
    secret_sha256: bytes = Field(sa_column=_bytes("secret_sha256"))
    scopes: list[str] = Field(sa_column=Column("scopes", ARRAY(Text), nullable=False))
    created_at: datetime = Field(sa_column=Column("created_at", DateTime(timezone=True), nullable=False))
    expires_at: datetime = Field(sa_column=Column("expires_at", DateTime(timezone=True), nullable=False))
    revoked_at: datetime | None = Field(
        default=None, sa_column=Column("revoked_at", DateTime(timezone=True), nullable=True)
    )
    last_used_at: datetime | None = Field(
        default=None, sa_column=Column("last_used_at", DateTime(timezone=True), nullable=True)
    )
    requests_per_minute: int | None = Field(
        default=None, sa_column=Column("requests_per_minute", Integer, nullable=True)
    )
    addresses_per_day: int | None = Field(
        default=None, sa_column=Column("addresses_per_day", Integer, nullable=True)
    )


class QuotaUse(SQLModel, table=True):
    """What a credential has used: requests of one minute, and a sketch of the addresses of one day.

    Unlogged: a crash of the server forgets it. The sketch (HyperLogLog registers) tells how many, not which.
    """

    __tablename__ = "quota_use"
    __table_args__ = ({"prefixes": ["UNLOGGED"], "postgresql_with": {"fillfactor": 50}},)

    ledger_id: int = Field(sa_column=_ledger_id())
    credential: str = Field(sa_column=Column("credential", Text, primary_key=True))
    window: int = Field(sa_column=_bigint("window"))
    requests: int = Field(sa_column=_bigint("requests"))
    day: int = Field(sa_column=_bigint("day"))
    addresses: bytes | None = Field(default=None, sa_column=_bytes("addresses", nullable=True))


class Idempotency(SQLModel, table=True):
    """The answer kept for an Idempotency-Key, sealed under that key. Forgotten after its expiry."""

    __tablename__ = "idempotency"
    __table_args__ = (
        *_hash_check("idempotency", "key_tag", "fingerprint"),
        Index("idempotency_expiry", "ledger_id", "expires_at_ms"),
    )

    ledger_id: int = Field(sa_column=_ledger_id())
    key_tag: bytes = Field(sa_column=_bytes("key_tag", primary_key=True))
    fingerprint: bytes = Field(sa_column=_bytes("fingerprint"))
    claim: bytes = Field(sa_column=_bytes("claim"))
    claimed_until_ms: int = Field(sa_column=_bigint("claimed_until_ms"))
    expires_at_ms: int = Field(sa_column=_bigint("expires_at_ms"))
    answer: bytes | None = Field(default=None, sa_column=_bytes("answer", nullable=True))
