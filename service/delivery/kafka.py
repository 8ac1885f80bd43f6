"""Kafka as a broker: the CloudEvents binding in structured mode, keyed by the person's pseudonym.

An idempotent producer with all replicas' acknowledgement. Its place is a topic that somebody made: one that
is missing is an error, and never made here. `ce_id` and `ce_type` stand in the headers too, for consumers
that de-duplicate or choose without reading the body.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from service.ledger.delivering.cloud_events import MEDIA_TYPE
from service.ledger.delivering.relaying import BrokerAwayError, BrokerRefusedError, Message

if TYPE_CHECKING:
    from confluent_kafka import Producer

CONNECT_SECONDS: Final = 5
ACK_SECONDS: Final = 10
_OURS: Final = {
    "enable.idempotence": True,
    "message.timeout.ms": ACK_SECONDS * 1000,
    "linger.ms": 2,
    "client.id": "consent-ledger-relay",
    "allow.auto.create.topics": False,
    "log_level": 0,
}
_REFUSALS: Final = ("_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "TOPIC_AUTHORIZATION_FAILED", "_SSL")


class Kafka:
    """A `Broker`. `hosts`: some of the cluster's, with their ports."""

    def __init__(self, hosts: Sequence[str], topic: str, properties: Path | None) -> None:
        self._hosts = ",".join(hosts)
        self._topic = topic
        self._properties = properties
        self._producer: Producer | None = None
        self._error: type[Exception] = RuntimeError
        self._heard: list[str] = []

    @property
    def destination(self) -> str:
        """What a cursor belongs to."""
        return f"kafka:{self._topic}"

    async def open(self) -> None:
        """Connect, and find the topic."""
        try:
            from confluent_kafka import KafkaException, Producer  # noqa: PLC0415 - an extra
        except ImportError:
            raise BrokerRefusedError(
                "publishing to Kafka needs the extra 'kafka': pip install 'consent-ledger[kafka]'"
            ) from None
        self._error = KafkaException
        settings: dict[str, Any] = {**_properties(self._properties), **_OURS}
        self._heard = []
        try:
            self._producer = Producer({**settings, "bootstrap.servers": self._hosts, "error_cb": self._hear})
        except KafkaException as error:
            raise BrokerRefusedError(f"the client properties are refused: {error.args[0].str()}") from None
        try:
            known = await asyncio.to_thread(self._producer.list_topics, timeout=CONNECT_SECONDS)
        except KafkaException as error:
            raise self._failure(error.args[0].name()) from None
        if self._topic not in known.topics:
            raise BrokerRefusedError(
                f"Kafka has no topic {self._topic}: make it, as with"
                f" `kafka-topics.sh --create --topic {self._topic} --partitions 6 --replication-factor 3`"
            )

    async def publish(self, messages: Sequence[Message]) -> None:
        """Publish together; every one is acknowledged by all replicas in sync when this returns."""
        producer = self._producer
        if producer is None:
            raise BrokerAwayError("closed")
        failed: list[str] = []

        def ended(error: Any, _message: object) -> None:  # noqa: ANN401 - a KafkaError or None
            if error is not None:
                failed.append(error.name())

        try:
            for message in messages:
                producer.produce(
                    self._topic, message.body, message.subject, headers=_headers(message), on_delivery=ended
                )
        except (BufferError, RuntimeError, self._error) as error:
            # Too much waits, or the client gave itself up: either way it is opened anew.
            raise BrokerAwayError(type(error).__name__) from None
        left = await asyncio.to_thread(producer.flush, ACK_SECONDS + 1)
        if left or failed:
            raise self._failure(failed[0] if failed else "_TIMED_OUT")

    async def close(self) -> None:
        """Let go; what was not acknowledged is published again by whoever goes on."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            await asyncio.to_thread(producer.flush, 1)

    def _hear(self, error: Any) -> None:  # noqa: ANN401 - a KafkaError
        """What the client says of its connections, from its own threads."""
        self._heard.append(error.name())

    def _failure(self, name: str) -> BrokerAwayError | BrokerRefusedError:
        for heard in (name, *self._heard):
            if heard in _REFUSALS:
                return BrokerRefusedError(f"Kafka does not accept the credentials ({heard.lstrip('_')})")
        return BrokerAwayError(name.lstrip("_").lower())


def _headers(message: Message) -> list[tuple[str, str | bytes | None]]:
    return [
        ("content-type", MEDIA_TYPE.encode()),
        ("ce_id", message.event_id.encode()),
        ("ce_type", message.type.encode()),
    ]


def _properties(path: Path | None) -> dict[str, str]:
    """Client properties as Kafka's own tools read them: `name=value` a line, `#` begins a remark."""
    if path is None:
        return {}
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, separator, value = line.strip().partition("=")
        if not name or name.startswith("#"):
            continue
        if not separator:
            raise BrokerRefusedError(f"a line of {path} is no name=value")
        found[name.strip()] = value.strip()
    return found
