"""Which broker a URL names."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from service.delivery.jetstream import JetStream
from service.delivery.kafka import Kafka
from service.ledger.delivering.relaying import Broker, BrokerRefusedError

TOPIC: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
TOPIC_MAX: Final = 200
_FORMS: Final = "nats://HOST:4222, tls://HOST:4222 or kafka://HOST:9092, more hosts behind commas"


def broker_of(url: str, topic: str, credentials: Path | None) -> Broker:
    """The broker at this URL, not opened.

    `topic`: the topic of Kafka, or what the subjects of JetStream begin with. `credentials`: a `.creds` file
    for NATS, a file of client properties for Kafka. Raises `BrokerRefusedError`, which never repeats the URL:
    it may hold a password.
    """
    if not TOPIC.fullmatch(topic) or len(topic) > TOPIC_MAX:
        raise BrokerRefusedError("a topic is made of letters, digits, - and _, in parts between full stops")
    if credentials is not None and not credentials.is_file():
        raise BrokerRefusedError(f"there is no file of credentials {credentials}")
    scheme, separator, rest = url.partition("://")
    hosts = rest.rstrip("/").split(",")
    if not separator or not all(_is_host(host) for host in hosts):
        raise BrokerRefusedError(f"this is no URL of a broker: it should be {_FORMS}")
    if scheme in ("nats", "tls"):
        return JetStream([f"{scheme}://{host}" for host in hosts], topic, credentials)
    if scheme == "kafka":
        if "@" in rest:
            raise BrokerRefusedError("Kafka takes user and password from a file of client properties")
        return Kafka([host if _port(host) else f"{host}:9092" for host in hosts], topic, credentials)
    raise BrokerRefusedError(f"there is no relay to {scheme}: it should be {_FORMS}")


def _is_host(host: str) -> bool:
    try:
        parts = urlsplit(f"//{host}")
        return bool(parts.hostname) and not parts.path and not parts.query and parts.port != 0
    except ValueError:
        return False


def _port(host: str) -> int | None:
    return urlsplit(f"//{host}").port
