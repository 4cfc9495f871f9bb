"""Kafka: the broker is killed and comes back, topics grow, are compacted and let records go."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tactful.jobs import land
from tactful.jobs.lake.lake import Lake
from tactful.schemas.intake import RECEIVED
from tests.broker import SECONDS, Broker, running
from tests.jobs.intake.test_kafka import NO_TOPIC, at, config_of, ids, order

pytestmark = pytest.mark.faults


class Killed(Exception):
    """Stands for the end of the process."""


def compacted(broker: Broker, topic: str) -> None:
    """Wait until a topic has been compacted: of its segments only the newest is left whole."""
    until = time.monotonic() + SECONDS
    logs = broker.folder / "logs" / f"{topic}-0"
    while time.monotonic() < until:
        if (broker.folder / "logs" / "cleaner-offset-checkpoint").exists() and any(
            topic in line
            for line in (broker.folder / "logs" / "cleaner-offset-checkpoint")
            .read_text()
            .splitlines()
        ):
            return
        time.sleep(0.2)
    raise AssertionError(sorted(path.name for path in logs.iterdir()))


def test_a_broker_that_is_killed_comes_back_with_all_that_it_had(spark, tmp_path: Path) -> None:
    with running(spark, tmp_path / "broker") as broker:
        read = config_of(tmp_path, broker)
        lake = Lake(spark, read().location)
        lake.create(read())
        broker.make("orders", 2)
        broker.make("avro")
        broker.send("orders", [order(n) for n in range(10)], partition=0)
        assert land.land(lake, read()) == {"bus": NO_TOPIC}

        # A batch is written down, then the broker is gone: each of its sources waits, by name.
        broker.send("orders", [order(n) for n in range(10, 16)], partition=1)

        def before_rows(*_: object) -> None:
            raise Killed

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(land, "_read", before_rows)
            land.land(lake, read())
        broker.kill()
        failed = land.land(lake, read())
        assert failed.keys() == {"bus", "house", "late"}
        broker.start()
        assert land.land(lake, read()) == {"bus": NO_TOPIC}
        assert ids(lake, "bus") == sorted(f"e{n}" for n in range(16))
        assert ids(lake, "late") == sorted(f"e{n}" for n in range(10, 16))

        # Partitions that come while a batch waits; killed behind its rows; then all once.
        broker.grow("orders", 4)
        broker.send("orders", [order(n) for n in range(16, 20)], partition=3)

        def behind_rows(step: str, k: int, table: str) -> None:
            if table == RECEIVED.id:
                raise Killed

        with pytest.raises(land.NotCommitted):
            land.land(lake, read(), hook=behind_rows)
        broker.kill()
        assert land.land(lake, read()).keys() == {"bus", "house", "late"}
        broker.start()
        assert land.land(lake, read()) == {"bus": NO_TOPIC}
        assert ids(lake, "bus") == sorted(f"e{n}" for n in range(20))
        assert at(lake, "bus")["orders/3"] == 4


def test_what_compaction_took_is_no_loss_and_what_expired_is(spark, tmp_path: Path) -> None:
    with running(spark, tmp_path / "broker") as broker:
        read = config_of(tmp_path, broker)
        lake = Lake(spark, read().location)
        lake.create(read())
        broker.make("avro")
        broker.make("orders", 1, cleanup_policy="compact", segment_ms="100",
                    min_cleanable_dirty_ratio="0.01", delete_retention_ms="0",
                    max_compaction_lag_ms="200")  # fmt: skip
        for n in range(6):
            broker.send("orders", [order(n)], key=f"key {n % 2}")
            time.sleep(0.15)
        compacted(broker, "orders")
        assert land.land(lake, read()) == {"bus": NO_TOPIC}
        left = ids(lake, "bus")
        assert {"e4", "e5"} <= set(left) and at(lake, "bus") == {"orders/0": 6}

        # A batch was begun and not read before its records went: it waits until it is told.
        broker.send("orders", [order(n) for n in range(6, 9)], key="later")

        def before_rows(*_: object) -> None:
            raise Killed

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(land, "_read", before_rows)
            land.land(lake, read())
        with broker.admin() as admin:
            _let_it_delete(broker, admin)
        broker.expire("orders", 0, before=8)
        failed = land.land(lake, read())
        assert "offsets 6 to 7 of orders/0 were gone before they were read" in failed["bus"]
        skip = {name: {**read().sources[name].model_dump(exclude_defaults=True), "lost": "skip"}
                for name in ("bus", "late")}  # fmt: skip
        assert land.land(lake, read(sources=skip)) == {"bus": NO_TOPIC}
        assert ids(lake, "bus") == sorted({*left, "e8"})
        assert at(lake, "bus", "lost") == {"orders/0": 8}


def _let_it_delete(broker: Broker, admin: object) -> None:
    """Records of a topic that is compacted alone may not be deleted."""
    jvm = broker.jvm
    config = jvm.org.apache.kafka.common.config.ConfigResource
    kind = getattr(jvm.org.apache.kafka.common.config, "ConfigResource$Type").TOPIC
    entry = jvm.org.apache.kafka.clients.admin.ConfigEntry("cleanup.policy", "compact,delete")
    change = getattr(jvm.org.apache.kafka.clients.admin, "AlterConfigOp$OpType").SET
    changes = broker._list([jvm.org.apache.kafka.clients.admin.AlterConfigOp(entry, change)])
    told = broker._map({config(kind, "orders"): changes})
    admin.incrementalAlterConfigs(told).all().get()  # type: ignore[attr-defined]
