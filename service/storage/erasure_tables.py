"""Tables of erasure: what was erased, and up to where the log was audited. INSERT and SELECT alone."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, LargeBinary
from sqlmodel import Field, SQLModel


def _ledger_id() -> Column[int]:
    return Column("ledger_id", Integer, primary_key=True, autoincrement=False)


def _bigint(name: str, *, primary_key: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=primary_key, nullable=False, autoincrement=False)


def _hash(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


class Erasure(SQLModel, table=True):
    """One erasure: the notice in the log (its newest, where there are several) and whose events it emptied.

    The log's notice names no subject. Here, and in the tombstones, stands the pseudonym that the suppression
    needs; `last_index` is the newest event that was destroyed.
    """

    __tablename__ = "erasure"
    __table_args__ = (
        CheckConstraint("octet_length(subject_key) = 32", name="erasure_subject_key_is_a_hash"),
        CheckConstraint("octet_length(leaf_hash) = 32", name="erasure_leaf_hash_is_a_hash"),
    )

    ledger_id: int = Field(sa_column=_ledger_id())
    index: int = Field(sa_column=_bigint("index", primary_key=True))
    leaf_hash: bytes = Field(sa_column=_hash("leaf_hash"))
    subject_key: bytes = Field(sa_column=_hash("subject_key"))
    last_index: int = Field(sa_column=_bigint("last_index"))
    at_ms: int = Field(sa_column=_bigint("at_ms"))


class SoundAudit(SQLModel, table=True):
    """A replay of the whole log up to this size that found nothing wrong."""

    __tablename__ = "sound_audit"
    __table_args__ = (CheckConstraint("octet_length(root) = 32", name="sound_audit_root_is_a_hash"),)

    ledger_id: int = Field(sa_column=_ledger_id())
    size: int = Field(sa_column=_bigint("size", primary_key=True))
    root: bytes = Field(sa_column=_hash("root"))
    at_ms: int = Field(sa_column=_bigint("at_ms"))
