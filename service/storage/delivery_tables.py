"""Tables of those who hear: who wants to, what is on its way and how it went, and what they call people.

None of it is the truth: the log is, and a subscription's `cursor` says how far it was told. Rows of
`delivery` are made from the log in its order and may be deleted once they ended. Times are milliseconds since
1970.
"""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, Integer, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

_WAITING = text("state = 'waiting'")


def _ledger_id() -> Column[int]:
    return Column("ledger_id", Integer, primary_key=True, autoincrement=False)


def _key(name: str, kind: type[Text | BigInteger | Integer] = Text) -> Column[object]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _text(name: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable)


def _names(name: str) -> Column[list[str]]:
    return Column(name, ARRAY(Text), nullable=False)


def _bigint(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _integer(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, Integer, nullable=nullable)


def _bytes(name: str, *, nullable: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=nullable)


class Subscription(SQLModel, table=True):
    """One endpoint: what it wants, how far it was told, and how it has been answering."""

    __tablename__ = "subscription"
    __table_args__ = (
        CheckConstraint(
            "status IN ('pending', 'enabled', 'paused', 'disabled')", name="subscription_status_is_known"
        ),
        {"postgresql_with": {"fillfactor": 50}},
    )

    ledger_id: int = Field(sa_column=_ledger_id())
    subscription_id: str = Field(sa_column=_key("subscription_id"))
    name: str = Field(sa_column=_text("name"))
    url: str = Field(sa_column=_text("url"))
    types: list[str] = Field(sa_column=_names("types"))
    senders: list[str] = Field(sa_column=_names("senders"))
    categories: list[str] = Field(sa_column=_names("categories"))
    channels: list[str] = Field(sa_column=_names("channels"))
    with_address: bool = Field(sa_column=Column("with_address", Boolean, nullable=False))
    source: str | None = Field(default=None, sa_column=_text("source", nullable=True))
    status: str = Field(sa_column=_text("status"))
    reason: str | None = Field(default=None, sa_column=_text("reason", nullable=True))
    secrets: bytes = Field(sa_column=_bytes("secrets"))
    created_at_ms: int = Field(sa_column=_bigint("created_at_ms"))
    disabled_at_ms: int | None = Field(default=None, sa_column=_bigint("disabled_at_ms", nullable=True))
    cursor: int = Field(sa_column=_bigint("cursor"))
    control_count: int = Field(sa_column=_bigint("control_count"))
    enabled_at_ms: int = Field(sa_column=_bigint("enabled_at_ms"))
    failures: int = Field(sa_column=_integer("failures"))
    failing_since_ms: int | None = Field(default=None, sa_column=_bigint("failing_since_ms", nullable=True))
    last_success_ms: int | None = Field(default=None, sa_column=_bigint("last_success_ms", nullable=True))
    last_failure_ms: int | None = Field(default=None, sa_column=_bigint("last_failure_ms", nullable=True))
    open_until_ms: int = Field(sa_column=_bigint("open_until_ms"))
    replay_cursor: int | None = Field(default=None, sa_column=_bigint("replay_cursor", nullable=True))
    replay_to: int | None = Field(default=None, sa_column=_bigint("replay_to", nullable=True))
    replay_ready_ms: int = Field(sa_column=_bigint("replay_ready_ms"))
    owner: str | None = Field(default=None, sa_column=_text("owner", nullable=True))
    """The worker that holds deliveries of it, until `owned_until_ms`."""
    owned_until_ms: int = Field(
        sa_column=Column("owned_until_ms", BigInteger, nullable=False, server_default=text("0"))
    )


class ExternalId(SQLModel, table=True):
    """A source's own id for a subject, sealed under the subject's own key. Erasable; a later one replaces it.

    `source_tag`: a keyed hash of the source's name.
    """

    __tablename__ = "external_id"
    __table_args__ = tuple(
        CheckConstraint(f"octet_length({name}) = 32", name=f"external_id_{name}_is_a_hash")
        for name in ("subject_key", "source_tag")
    )

    ledger_id: int = Field(sa_column=_ledger_id())
    subject_key: bytes = Field(sa_column=Column("subject_key", LargeBinary, primary_key=True))
    source_tag: bytes = Field(sa_column=Column("source_tag", LargeBinary, primary_key=True))
    sealed: bytes = Field(sa_column=_bytes("sealed"))


class Relay(SQLModel, table=True):
    """How far one relay to a message broker has come, and which process holds it until when.

    `destination`: the kind of broker and the place in it, where this cursor means something.
    """

    __tablename__ = "relay"
    __table_args__ = ({"postgresql_with": {"fillfactor": 50}},)

    ledger_id: int = Field(sa_column=_ledger_id())
    name: str = Field(sa_column=_key("name"))
    destination: str = Field(sa_column=_text("destination"))
    cursor: int = Field(sa_column=_bigint("cursor"))
    owner: str | None = Field(default=None, sa_column=_text("owner", nullable=True))
    lease_until_ms: int = Field(sa_column=_bigint("lease_until_ms"))


class Delivery(SQLModel, table=True):
    """One event on its way to one endpoint. `body` is frozen; `sealed` is the same with all that is private.

    `position` is the log's, in the lane `control` a number of the subscription's own. `sealed` opens with the
    subject's own key only, so that an erasure reaches it.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'done', 'dead')", name="delivery_state_is_known"),
        CheckConstraint("lane IN ('live', 'replay', 'control')", name="delivery_lane_is_known"),
        Index(
            "delivery_waiting",
            *("ledger_id", "subscription_id", "lane", "position"),
            postgresql_where=_WAITING,
        ),
        Index(
            "delivery_of_subject",
            *("ledger_id", "subscription_id", "subject_key", "position"),
            postgresql_where=_WAITING,
        ),
        Index(
            "delivery_ended",
            *("ledger_id", "ended_at_ms"),
            postgresql_where=text("ended_at_ms IS NOT NULL"),
        ),
        {"postgresql_with": {"fillfactor": 70}},
    )

    ledger_id: int = Field(sa_column=_ledger_id())
    subscription_id: str = Field(sa_column=_key("subscription_id"))
    lane: str = Field(sa_column=_key("lane"))
    position: int = Field(sa_column=_key("position", BigInteger))
    subject_key: bytes = Field(sa_column=_bytes("subject_key"))
    event_id: str = Field(sa_column=_text("event_id"))
    type: str = Field(sa_column=_text("type"))
    body: bytes = Field(sa_column=_bytes("body"))
    sealed: bytes | None = Field(default=None, sa_column=_bytes("sealed", nullable=True))
    state: str = Field(sa_column=_text("state"))
    tries: int = Field(sa_column=_integer("tries"))
    attempts: int = Field(sa_column=_integer("attempts"))
    next_attempt_ms: int = Field(sa_column=_bigint("next_attempt_ms"))
    lease_until_ms: int = Field(sa_column=_bigint("lease_until_ms"))
    lease_owner: str | None = Field(default=None, sa_column=_text("lease_owner", nullable=True))
    recorded_at_ms: int = Field(sa_column=_bigint("recorded_at_ms"))
    ended_at_ms: int | None = Field(default=None, sa_column=_bigint("ended_at_ms", nullable=True))


class Attempt(SQLModel, table=True):
    """One try at a delivery. `answer` is the first KiB of what came back, sealed under the ledger's key."""

    __tablename__ = "delivery_attempt"

    ledger_id: int = Field(sa_column=_ledger_id())
    subscription_id: str = Field(sa_column=_key("subscription_id"))
    lane: str = Field(sa_column=_key("lane"))
    position: int = Field(sa_column=_key("position", BigInteger))
    attempt: int = Field(sa_column=_key("attempt", Integer))
    started_at_ms: int = Field(sa_column=_bigint("started_at_ms"))
    ended_at_ms: int = Field(sa_column=_bigint("ended_at_ms"))
    outcome: str = Field(sa_column=_text("outcome"))
    status: int | None = Field(default=None, sa_column=_integer("status", nullable=True))
    answer: bytes | None = Field(default=None, sa_column=_bytes("answer", nullable=True))
