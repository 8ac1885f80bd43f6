"""The table of running processes and the wrapping keys each holds, so that none is retired under it."""

from datetime import datetime

from sqlalchemy import Boolean, CheckConstraint, Column, DateTime, Integer, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel


class KeyHolder(SQLModel, table=True):
    """One process that seals for a ledger: the ids of its wrapping keys, the one that seals first.

    `seen_at` is the server's time. `ended`: it stopped by itself; one that was killed falls silent.
    """

    __tablename__ = "key_holder"
    __table_args__ = (
        CheckConstraint("cardinality(keys) > 0", name="key_holder_holds_keys"),
        {"postgresql_with": {"fillfactor": 50}},
    )

    ledger_id: int = Field(sa_column=Column("ledger_id", Integer, primary_key=True, autoincrement=False))
    process: str = Field(sa_column=Column("process", Text, primary_key=True, autoincrement=False))
    keys: list[str] = Field(sa_column=Column("keys", ARRAY(Text), nullable=False))
    seen_at: datetime = Field(sa_column=Column("seen_at", DateTime(timezone=True), nullable=False))
    ended: bool = Field(sa_column=Column("ended", Boolean, nullable=False))
