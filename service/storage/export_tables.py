"""Tables of the exports: what was asked for, and where each file of one stands in its archive.

What cannot be made again from the log (`export_file.body`) and what was asked for (`export.scope`) are
sealed, and destroyed when the export expires or somebody was erased. Times are milliseconds since 1970.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Text, text
from sqlmodel import Field, SQLModel


def _ledger_id() -> Column[int]:
    return Column("ledger_id", Integer, primary_key=True, autoincrement=False)


def _key(name: str, kind: type[Text | BigInteger] = Text) -> Column[object]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _bigint(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _bytes(name: str, *, nullable: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=nullable)


class Export(SQLModel, table=True):
    """An export, pinned to one size of the log. `frozen`, `done` and `planned` count its files."""

    __tablename__ = "export"
    __table_args__ = (
        CheckConstraint(
            "status IN ('preparing', 'ready', 'failed', 'withdrawn')", name="export_status_is_known"
        ),
        Index(
            "export_preparing", "ledger_id", "created_at_ms", postgresql_where=text("status = 'preparing'")
        ),
        {"postgresql_with": {"fillfactor": 50}},
    )

    ledger_id: int = Field(sa_column=_ledger_id())
    export_id: str = Field(sa_column=_key("export_id"))
    status: str = Field(sa_column=_text("status"))
    kind: str = Field(sa_column=_text("kind"))
    created_by: str = Field(sa_column=_text("created_by"))
    created_at_ms: int = Field(sa_column=_bigint("created_at_ms"))
    expires_at_ms: int = Field(sa_column=_bigint("expires_at_ms"))
    lease_until_ms: int = Field(sa_column=_bigint("lease_until_ms"))
    scope: bytes = Field(sa_column=_bytes("scope"))
    size: int | None = Field(default=None, sa_column=_bigint("size", nullable=True))
    frozen: int = Field(sa_column=_bigint("frozen"))
    done: int = Field(sa_column=_bigint("done"))
    planned: int = Field(sa_column=_bigint("planned"))
    bytes: int | None = Field(default=None, sa_column=_bigint("bytes", nullable=True))


class ExportFile(SQLModel, table=True):
    """One file of an export: its place, size and hashes; its bytes only where the log does not give them."""

    __tablename__ = "export_file"
    __table_args__ = (
        CheckConstraint("octet_length(sha256) = 32", name="export_file_sha256_is_a_hash"),
        CheckConstraint("octet_length(packed_sha256) = 32", name="export_file_packed_sha256_is_a_hash"),
        Index("export_file_offset", "ledger_id", "export_id", "offset"),
    )

    ledger_id: int = Field(sa_column=_ledger_id())
    export_id: str = Field(sa_column=_key("export_id"))
    number: int = Field(sa_column=_key("number", BigInteger))
    name: str = Field(sa_column=_text("name"))
    method: int = Field(sa_column=Column("method", Integer, nullable=False))
    crc: int = Field(sa_column=_bigint("crc"))
    size: int = Field(sa_column=_bigint("size"))
    packed_size: int = Field(sa_column=_bigint("packed_size"))
    packed_sha256: bytes = Field(sa_column=_bytes("packed_sha256"))
    sha256: bytes = Field(sa_column=_bytes("sha256"))
    offset: int = Field(sa_column=_bigint("offset"))
    body: bytes | None = Field(default=None, sa_column=_bytes("body", nullable=True))
