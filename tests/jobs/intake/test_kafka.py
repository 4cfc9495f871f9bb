"""Kafka: topics of a real broker, read by the offsets that a batch has written down."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row

from tactful.jobs import land
from tactful.jobs.commands.sampling import sample
from tactful.jobs.intake import kafka
from tactful.jobs.lake.lake import Lake
from tactful.jobs.land import NotCommitted
from tactful.jobs.settings.config import Config, load
from tactful.jobs.settings.sources import Source
from tactful.schemas.intake import LANDED_RANGES, RECEIVED
from tests.broker import Broker, running

NO_TOPIC = "Source bus could not read nothing: there is no such topic; the next run tries again."
OLD = {"type": "record", "name": "Order", "fields": [
    {"name": "id", "type": "string"}, {"name": "who", "type": "string"}]}  # fmt: skip
NEW = {"type": "record", "name": "Order", "fields": [
    {"name": "who", "type": "string"}, {"name": "id", "type": "string"},
    {"name": "sku", "type": ["null", "string"]}]}  # fmt: skip
CONF = """
[lake]
location = "{root}/lake"
[sources.bus]
format = "kafka"
stream = "purchases"
servers = "{servers}"
subscribe = ["orders", "nothing"]
batch_rows = 4
[sources.house]
format = "kafka"
stream = "purchases"
dialect = "mapped"
servers = "{servers}"
subscribe = ["avro"]
[sources.house.avro_schemas]
7 = "old.avsc"
12 = "new.avsc"
[sources.house.fields]
event_id = "id"
type = "'order_placed'"
occurred_at = "'2026-03-01T10:00:00Z'"
order_id = "id"
identifiers.email = "who"
line.sku = "sku"
[sources.late]
format = "kafka"
stream = "purchases"
servers = "{servers}"
subscribe = ["orders"]
starting_offsets = "latest"
"""


def order(number: Any) -> bytes:
    told = {"event_id": f"e{number}", "type": "order_placed", "order_id": f"o{number}",
            "occurred_at": "2026-03-01T10:00:00Z", "lines": [{"sku": "S1"}]}  # fmt: skip
    return json.dumps(told).encode()


def framed(number: int, schema: dict[str, Any], **values: str | None) -> bytes:
    """A record as Confluent frames it, written by hand: texts, and one that may be null."""
    out = io.BytesIO(struct.pack(">bI", 0, number))
    out.seek(0, io.SEEK_END)
    for field in schema["fields"]:
        told = (values[field["name"]] or "").encode()
        if isinstance(field["type"], list):
            out.write(b"\x00" if values[field["name"]] is None else b"\x02")
        if values[field["name"]] is not None:
            out.write(bytes([len(told) * 2]) + told)
    return out.getvalue()


@pytest.fixture(scope="module")
def broker(spark, tmp_path_factory) -> Iterator[Broker]:
    with running(spark, tmp_path_factory.mktemp("kafka") / "broker") as broker:
        yield broker


def received(lake: Lake, source: str) -> list[Row]:
    rows = lake.store.read(RECEIVED).where(f"source_name = '{source}'")
    return sorted(rows.collect(), key=lambda row: row.source_position.file)


def ids(lake: Lake, source: str) -> list[str]:
    return sorted(row.event_id for row in received(lake, source) if row.event_id)


def at(lake: Lake, source: str, state: str = "landed") -> dict[str, int]:
    rows = lake.store.read(LANDED_RANGES).where(f"source_name = '{source}' AND state = '{state}'")
    found: dict[str, int] = {}
    for row in rows.collect():
        found[row.part] = max(found.get(row.part, 0), row.until_position)
    return found


def seen(lake: Lake, config: Config) -> set[str]:
    assert land.land(lake, config).keys() <= {"any"}
    return {*ids(lake, "any")}


def config_of(root: Path, broker: Broker) -> Callable[..., Config]:
    for name, schema in (("old", OLD), ("new", NEW)):
        (root / f"{name}.avsc").write_text(json.dumps(schema))
    conf = root / "my.toml"
    conf.write_text(CONF.format(root=root, servers=broker.servers))
    return lambda **settings: load(conf, overrides=settings or None)


def test_topics_land_by_their_offsets(spark, broker, tmp_path) -> None:
    """What is sent lands once, whatever becomes of the run, of partitions and of old records."""
    read = config_of(tmp_path, broker)
    lake = Lake(spark, read().location)
    lake.create(read())
    broker.make("orders", 2)
    broker.make("avro")
    broker.send("orders", [order(n) for n in range(5)] + [None, b"no json"], partition=1, key="k")
    broker.send("orders", [order("given up")], aborted=True)
    broker.send("avro", [
        framed(7, OLD, id="a1", who="ann@example.com"),
        framed(12, NEW, id="a2", who="ben@example.com", sku="S2"),
        framed(9, OLD, id="a3", who="of an unknown schema"), b"{}",
    ])  # fmt: skip

    def killed(step: str, k: int, table: str) -> None:
        raise KeyboardInterrupt(table)

    with pytest.raises(KeyboardInterrupt):
        land.land(lake, read(), hook=killed)
    assert land.land(lake, read()) == {"bus": NO_TOPIC}
    assert ids(lake, "bus") == [f"e{n}" for n in range(5)] and ids(lake, "late") == []
    assert at(lake, "bus") == {"orders/0": at(lake, "bus")["orders/0"], "orders/1": 7}
    rows = received(lake, "bus")
    assert [row.source_position.file for row in rows] == [f"kafka:orders/1#{n}" for n in range(7)]
    tombstone, text = rows[5:]
    assert "tombstone" in tombstone.raw and tombstone.raw.endswith("its key is k")
    assert text.raw == "no json" and tombstone.reasons == text.reasons == ["malformed_json"]
    house = received(lake, "house")
    told = [(row.event_id, row.identifiers[0].value, row.lines[0].sku) for row in house[:2]]
    assert told == [("a1", "ann@example.com", None), ("a2", "ben@example.com", "S2")]
    assert all("not Avro of any schema" in row.raw and row.reasons for row in house[2:])

    # A new partition is read from its begin, also by a source that began with the latest.
    broker.grow("orders", 3)
    broker.send("orders", [order(n) for n in (5, 6)], partition=2)
    assert land.land(lake, read()) == {"bus": NO_TOPIC}
    assert ids(lake, "bus") == [f"e{n}" for n in range(7)] and ids(lake, "late") == ["e5", "e6"]

    # What the topic let go before it was read is named, and the other partitions go on.
    broker.send("orders", [order(n) for n in (7, 8, 9)], partition=1)
    broker.send("orders", [order(10)], partition=2)
    broker.expire("orders", 1, before=9)
    failed = land.land(lake, read())
    assert "offsets 7 to 8 of orders/1 were gone before they were read" in failed["late"]
    assert ids(lake, "late") == ["e10", "e5", "e6"]
    skip = {name: {**read().sources[name].model_dump(exclude_defaults=True), "lost": "skip"}
            for name in ("bus", "late")}  # fmt: skip
    config = read(sources=skip)
    assert land.land(lake, config) == {"bus": NO_TOPIC}
    assert ids(lake, "late") == ["e10", "e5", "e6", "e9"] and at(lake, "late", "lost") == {
        "orders/1": 9
    }

    # Killed between its rows and its note, while its offsets went: they had landed.
    broker.send("orders", [order(11)], partition=0)

    def behind_rows(step: str, k: int, table: str) -> None:
        raise NotCommitted(table) if table == RECEIVED.id else AssertionError(table)

    with pytest.raises(NotCommitted):
        land.land(lake, config, hook=behind_rows)
    broker.expire("orders", 0, before=-1)
    assert land.land(lake, read()) == {"bus": NO_TOPIC}
    for source in ("bus", "late"):
        assert "e11" in ids(lake, source)
        assert len(ids(lake, source)) == len({*ids(lake, source)}), "each once, of every partition"


def test_topics_are_found_by_a_pattern_and_shown_before_they_are_read(spark, broker, tmp_path):
    read = config_of(tmp_path, broker)
    told = {"format": "kafka", "stream": "purchases", "servers": broker.servers,
            "subscribe_pattern": "shop-[a-z]+", "starting_offsets": "latest"}  # fmt: skip
    lake = Lake(spark, read().location)
    lake.create(read())

    def config() -> Config:
        one = Source(**told)
        return read().model_copy(update={"sources": {"any": one}})

    failed = land.land(lake, config())
    assert "shop-[a-z]+: there is no topic of such a name" in failed["any"]
    for topic in ("shop-a", "shop-1", "myshop-a"):
        broker.make(topic)
        broker.send(topic, [order(f"of {topic} {n}") for n in range(9)])
    facts = sample(config(), None, config().sources["any"], 4, name="any")
    assert (facts["rows"], facts["understood"]) == (4, 4)
    # What was there is not asked for; a topic that comes later is read from its begin.
    assert seen(lake, config()) == set()
    broker.make("shop-b")
    for topic in ("shop-a", "shop-b"):
        broker.send(topic, [order(f"new in {topic}")])
    assert seen(lake, config()) == {"enew in shop-a", "enew in shop-b"}


def test_a_broker_that_is_not_there_is_waited_for_once(spark, broker, tmp_path, monkeypatch):
    monkeypatch.setattr(kafka, "TIMEOUT_MS", 2_000)
    read = config_of(tmp_path, broker)
    lake = Lake(spark, read().location)
    lake.create(read())
    source = Source(format="kafka", stream="purchases", servers="127.0.0.1:9",
                    subscribe=["orders", "avro", "late"])  # fmt: skip
    failed = land.land(lake, read().model_copy(update={"sources": {"away": source}}))
    assert "127.0.0.1:9: no broker answers there" in failed["away"]
    assert "orders" not in failed["away"], "no topic is asked about"
