"""A single Kafka broker (KRaft) on this machine, from its Maven artifacts; its log stays when it is killed.

The artifacts are fetched once, by Maven, into the user's cache folder.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from service.cli.demo.theatre import free_port

VERSION: Final = "3.9.1"
_FETCH_SECONDS: Final = 300
_CLUSTER: Final = "MkU3OEVBNTcwNTJENDM2Qk"
_POM: Final = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>interop</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""
_PROPERTIES: Final = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/log
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
auto.create.topics.enable=false
broker.session.timeout.ms=3000
"""


def kafka_jars() -> Path:
    """The folder of its jars; skips the test where no JDK or Maven is there, or nothing can be fetched."""
    for program, package in (("java", "default-jdk-headless"), ("mvn", "maven")):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} (on Debian: apt install {package})")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "consent-ledger"
    jars = cache / f"kafka-{VERSION}"
    if not jars.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        (cache / "pom.xml").write_text(_POM, encoding="utf-8")
        coming = jars.with_suffix(".coming")
        fetched = subprocess.run(
            ("mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={coming}"),
            cwd=cache,
            check=False,
            capture_output=True,
            timeout=_FETCH_SECONDS,
        )
        if fetched.returncode != 0:
            pytest.skip(f"Maven cannot fetch Kafka {VERSION} here")
        coming.rename(jars)
    return jars


@dataclass(slots=True)
class KafkaBroker:
    """One broker, with a controller in it."""

    jars: Path
    folder: Path
    port: int = field(default_factory=free_port)
    controller: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        """Where it is."""
        return f"127.0.0.1:{self.port}"

    def format(self) -> None:
        """Make its folder."""
        self.folder.mkdir(parents=True)
        self._properties.write_text(
            _PROPERTIES.format(port=self.port, controller=self.controller, folder=self.folder),
            encoding="utf-8",
        )
        arguments = ("format", "-t", _CLUSTER, "-c", str(self._properties))
        subprocess.run(
            self._java("kafka.tools.StorageTool", *arguments), check=True, capture_output=True, timeout=120
        )

    def start(self) -> None:
        """Start it; clients wait until it is there."""
        self._process = subprocess.Popen(
            self._java("kafka.Kafka", str(self._properties)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        """Kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def make_topic(self, topic: str, partitions: int = 4) -> None:
        """Make a topic, once the broker is there."""
        admin = AdminClient({"bootstrap.servers": self.host, "log_level": 0})
        wanted = NewTopic(topic, num_partitions=partitions, replication_factor=1)
        for _ in range(20):
            try:
                admin.create_topics([wanted], operation_timeout=10)[topic].result(timeout=15)
            except KafkaException as error:
                if error.args[0].name() == "TOPIC_ALREADY_EXISTS":
                    return
            else:
                return
        raise TimeoutError("the broker takes no topic")

    def wait(self) -> None:
        """Return when it answers."""
        producer = Producer({"bootstrap.servers": self.host, "log_level": 0})
        for _ in range(24):
            try:
                producer.list_topics(timeout=5)
            except KafkaException:
                continue
            return
        raise TimeoutError("the broker does not answer")

    def held(self, topic: str) -> list["Kept"]:
        """Everything in the topic: partition by partition, each in its order."""
        consumer = Consumer({"bootstrap.servers": self.host, "group.id": "test", "log_level": 0})
        found: list[Kept] = []
        try:
            for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
                place = TopicPartition(topic, partition, 0)
                _, end = consumer.get_watermark_offsets(place, timeout=10)
                consumer.assign([place])
                offset = 0
                while offset < end:
                    message = consumer.poll(10)
                    if message is None or message.error() is not None:
                        raise TimeoutError(f"the topic does not give what it holds: {message}")
                    offset = (message.offset() or 0) + 1
                    headers = dict(message.headers() or [])
                    found.append(Kept(partition, message.key() or b"", message.value() or b"", headers))
        finally:
            consumer.close()
        return found

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def _java(self, main: str, *arguments: str) -> tuple[str, ...]:
        return ("java", "-Xms128m", "-Xmx384m", "-cp", f"{self.jars}/*", main, *arguments)


class Kept(msgspec.Struct):
    """One message of a topic."""

    partition: int
    key: bytes
    value: bytes
    headers: dict[str, str | bytes | None]


@contextmanager
def a_kafka_broker(folder: Path) -> Iterator[KafkaBroker]:
    """One that runs, and is killed at the end."""
    broker = KafkaBroker(kafka_jars(), folder)
    broker.format()
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()
