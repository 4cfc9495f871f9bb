"""A real Kafka broker on this machine, of Maven's jars: one node, free ports, gone afterwards."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pyspark
from py4j.java_gateway import get_java_class
from pyspark.sql import SparkSession

from tactful.jobs.prepare import resolved

PACKAGE = "org.apache.kafka:kafka_2.13:4.0.0"
QUIET = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dlog4j2.level=OFF"]
SECONDS = 60
SETTINGS = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={folder}/logs
auto.create.topics.enable=false
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
log.retention.check.interval.ms=500
log.cleaner.backoff.ms=500
log.segment.delete.delay.ms=100
file.delete.delay.ms=100
"""


class Broker:
    """One broker; it may be killed and started again, with all that it holds."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark, self.jvm = spark, cast("Any", spark._jvm)
        self.folder = folder
        folder.mkdir(parents=True)
        port, controller = free_ports(2)
        self.servers = f"127.0.0.1:{port}"
        # What Spark never looks for, since it has it: Scala and the like.
        own = Path(pyspark.__file__).parent / "jars" / "*"
        self._jars = os.pathsep.join(map(str, [*resolved(spark, PACKAGE), own]))
        self._settings = folder / "server.properties"
        self._settings.write_text(SETTINGS.format(port=port, controller=controller, folder=folder))
        self._process: subprocess.Popen[bytes] | None = None
        self._java("kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c",
                   str(self._settings)).wait(SECONDS)  # fmt: skip

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = self._java("kafka.Kafka", str(self._settings))
        host, _, port = self.servers.partition(":")
        until = time.monotonic() + SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex((host, int(port))) == 0 and self._answers():
                    return
            time.sleep(0.1)
        raise AssertionError((self.folder / "broker.log").read_text()[-2000:])

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(SECONDS)
            self._process = None

    def make(self, topic: str, partitions: int = 1, **settings: str) -> None:
        """A new topic; settings: its own, with _ for the dots of their names."""
        new = self.jvm.org.apache.kafka.clients.admin.NewTopic
        with self.admin() as admin:
            told = self._map({k.replace("_", "."): v for k, v in settings.items()})
            made = new(topic, partitions, _short(self.jvm))
            admin.createTopics(self._list([made.configs(told)])).all().get()

    def grow(self, topic: str, partitions: int) -> None:
        """More partitions of a topic."""
        more = self.jvm.org.apache.kafka.clients.admin.NewPartitions.increaseTo(partitions)
        with self.admin() as admin:
            admin.createPartitions(self._map({topic: more})).all().get()

    def expire(self, topic: str, partition: int, before: int) -> None:
        """Let the records before an offset go, as their retention does."""
        admin_of = self.jvm.org.apache.kafka.clients.admin
        place = self.jvm.org.apache.kafka.common.TopicPartition(topic, partition)
        upto = _before(self.spark, admin_of.RecordsToDelete, before)
        with self.admin() as admin:
            admin.deleteRecords(self._map({place: upto})).all().get()

    def first_offset(self, topic: str, partition: int = 0) -> int:
        """The earliest record that is still there."""
        admin_of = self.jvm.org.apache.kafka.clients.admin
        place = self.jvm.org.apache.kafka.common.TopicPartition(topic, partition)
        with self.admin() as admin:
            asked = self._map({place: admin_of.OffsetSpec.earliest()})
            return int(admin.listOffsets(asked).all().get().get(place).offset())

    def send(
        self,
        topic: str,
        values: Sequence[bytes | None],
        *,
        partition: int = 0,
        key: str | None = None,
        aborted: bool = False,
    ) -> None:
        """Records, one after another. aborted: in a transaction that is given up."""
        java = self.jvm.org.apache.kafka.clients.producer
        serializer = self.jvm.org.apache.kafka.common.serialization.ByteArraySerializer
        told = {"bootstrap.servers": self.servers, "linger.ms": "0"}
        if aborted:
            told["transactional.id"] = uuid.uuid4().hex
        producer = java.KafkaProducer(self._map(told), serializer(), serializer())
        try:
            if aborted:
                producer.initTransactions()
                producer.beginTransaction()
            bare = key.encode() if key is not None else None
            for value in values:
                producer.send(java.ProducerRecord(topic, partition, bare, value))
            producer.flush()
            if aborted:
                producer.abortTransaction()
        finally:
            producer.close()

    @contextmanager
    def admin(self) -> Iterator[Any]:
        """Kafka's own client for what is done to topics."""
        told = self._map({"bootstrap.servers": self.servers})
        admin = self.jvm.org.apache.kafka.clients.admin.AdminClient.create(told)
        try:
            yield admin
        finally:
            admin.close()

    def _answers(self) -> bool:
        with self.admin() as admin:
            return bool(admin.listTopics().names().get() is not None)

    def _java(self, *arguments: str) -> subprocess.Popen[bytes]:
        home = os.environ.get("JAVA_HOME")
        java = str(Path(home, "bin", "java")) if home else "java"
        with open(self.folder / "broker.log", "ab") as log:
            return subprocess.Popen(
                [java, *QUIET, "-cp", self._jars, *arguments], stdout=log, stderr=log
            )

    def _map(self, told: Mapping[Any, Any]) -> Any:
        made = self.jvm.java.util.HashMap()
        for key, value in told.items():
            made.put(key, value)
        return made

    def _list(self, told: Sequence[Any]) -> Any:
        made = self.jvm.java.util.ArrayList()
        for value in told:
            made.add(value)
        return made


@contextmanager
def running(spark: SparkSession, folder: Path) -> Iterator[Broker]:
    """A broker that runs, and is gone afterwards."""
    broker = Broker(spark, folder)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens to."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _cluster_id() -> str:
    import base64

    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _before(spark: SparkSession, kind: Any, offset: int) -> Any:
    """All records before an offset: py4j finds only the getter that has the factory's name."""
    gateway: Any = spark.sparkContext._gateway
    taken = gateway.new_array(spark._jvm.java.lang.Class, 1)
    taken[0] = spark._jvm.java.lang.Long.TYPE
    told = gateway.new_array(spark._jvm.java.lang.Object, 1)
    told[0] = offset
    return get_java_class(kind).getMethod("beforeOffset", taken).invoke(None, told)


def _short(jvm: Any) -> Any:
    return jvm.java.lang.Short.valueOf("1")
